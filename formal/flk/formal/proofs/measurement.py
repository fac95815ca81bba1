"""Figures of runs, on which some claims rest: what a simulator hands to the judge of claims. Needs no solver."""

from collections.abc import Callable
from typing import TypeAlias

import msgspec


class Measurement(msgspec.Struct, frozen=True):
    """A figure of a run beside its target. `met` is None if the run could not tell."""

    measured: float
    target: float
    unit: str
    met: bool | None


Measure: TypeAlias = Callable[[str, str], Measurement]
"""Runs a scenario and reads off an objective, both by name. Raises UnusableInput for names that do not exist."""
