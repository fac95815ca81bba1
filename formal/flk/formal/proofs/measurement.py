"""Figures of runs and trials of the model, on which some claims rest: what is handed to the judge of claims. Needs no solver."""

from collections.abc import Callable
from typing import Protocol, TypeAlias

import msgspec


class Measurement(msgspec.Struct, frozen=True):
    """A figure of a run beside its target. `met` is None if the run could not tell."""

    measured: float
    target: float
    unit: str
    met: bool | None


Measure: TypeAlias = Callable[[str, str], Measurement]
"""Runs a scenario and reads off an objective, both by name. Raises UnusableInput for names that do not exist."""


class Trial(Protocol):
    """What came of trying a claim on small cases: whether it stood, and what was seen."""

    @property
    def stood(self) -> bool:
        """Whether no case contradicts the claim."""

    @property
    def seen(self) -> str:
        """A counterexample, or how many cases there were."""


Attempt: TypeAlias = Callable[[str], Trial]
"""Holds a trial, by its name. Raises UnusableInput for a name that no trial has."""
