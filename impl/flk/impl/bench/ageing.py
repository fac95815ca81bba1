"""What `flk bench age` says of both halves: a measure, taken at each step of a long life, and whether it stays flat."""

from collections.abc import Sequence
from math import inf
from statistics import median

import msgspec

FLAT = 1.5
"""How many times its beginning a measure may come to at its end."""


class Measure(msgspec.Struct, frozen=True):
    """One value for each step, in bytes, seconds, or things counted. With `bar`, its end may be so many times its beginning; 0 for
    what is only told.
    """

    name: str
    unit: str
    values: tuple[float, ...]
    bar: float = FLAT

    @property
    def ratios(self) -> tuple[float, ...]:
        """Each value beside the first."""
        return tuple(_ratio(value, self.values[0]) for value in self.values)

    @property
    def ratio(self) -> float:
        """The median of the last third beside that of the first: one step that others disturbed decides nothing."""
        third = max(1, len(self.values) // 3)
        return _ratio(median(self.values[-third:]), median(self.values[:third]))

    @property
    def verdict(self) -> str:
        """Whether it stays flat; empty if that is not asked."""
        return ("met" if self.ratio <= self.bar else "missed") if self.bar else ""


def told(measure: Measure) -> dict[str, object]:
    """A measure as JSON has it; a ratio to nothing is null."""
    numbers = [ratio if ratio < inf else None for ratio in (*measure.ratios, measure.ratio)]
    return {
        **msgspec.to_builtins(measure),
        "ratios": numbers[:-1],
        "ratio": numbers[-1],
        "verdict": measure.verdict,
    }


def per(values: Sequence[float], of: Sequence[float]) -> tuple[float, ...]:
    """Each value beside how many there are of something."""
    return tuple(value / max(1.0, count) for value, count in zip(values, of, strict=True))


def _ratio(value: float, first: float) -> float:
    if not first:
        return inf if value else 1.0
    return value / first
