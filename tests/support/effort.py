"""How much is tried: everything in a run by hand; in CI, which sets the variable `CI`, a sample of what takes long."""

import os
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")

IN_CI = bool(os.environ.get("CI"))


def sample(things: Iterable[T], every: int = 3) -> list[T]:
    """All of the things; in CI one of so many, beginning with the first."""
    return [*things][:: every if IN_CI else 1]
