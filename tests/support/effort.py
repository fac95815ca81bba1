"""How much is tried: everything in a run by hand; in CI, which sets the variable `CI`, a sample of what takes long."""

import os
import subprocess
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")

IN_CI = bool(os.environ.get("CI"))


def _turn() -> int:
    """The number of commits, so that each commit has its turn, and the same one wherever it is tried; or what `TURN` says."""
    if "TURN" not in os.environ:
        counted = subprocess.run(["git", "rev-list", "--count", "HEAD"], capture_output=True, text=True, check=False)
        os.environ["TURN"] = counted.stdout.strip() or "0"  # also for the workers
    return int(os.environ["TURN"])


TURNS = 4
"""In CI slow tests go by turns: one in so many is tried, another one after the next commit."""
TURN = _turn() if IN_CI else 0
"""Whose turn it is."""
EVERY = 3
"""Of so many cases CI tries one, if a test does not say otherwise."""


def few(cases: int) -> int:
    """So many cases of a property of which each takes a run or a server; in CI a third."""
    return max(1, cases // EVERY) if IN_CI else cases


def sample(things: Iterable[T]) -> list[T]:
    """All of the things; in CI one of EVERY, others in another turn."""
    found = [*things]
    return found[TURN % min(EVERY, len(found)) :: EVERY] if IN_CI and found else found
