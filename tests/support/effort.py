"""How much is tried: everything in a run by hand; in CI, which sets the variable `CI`, a sample of what takes long."""

import os
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")

IN_CI = bool(os.environ.get("CI"))


EVERY = 3
"""Of so many cases CI tries one, if a test does not say otherwise."""


def few(cases: int) -> int:
    """So many cases of a property of which each takes a run or a server; in CI a third."""
    return max(1, cases // EVERY) if IN_CI else cases


def sample(things: Iterable[T]) -> list[T]:
    """All of the things; in CI one of EVERY, beginning with the first."""
    return [*things][:: EVERY if IN_CI else 1]
