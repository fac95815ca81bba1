"""Hybrid logical clocks, the join of entries, and the pause between attempts (HLC-1 to HLC-3, CRR-1, OUT-3, OUT-4)."""

from fractions import Fraction

from .reals import added, multiplied, nearest
from .texts import CONSTANTS

COUNTER: int = CONSTANTS["clock"]["counter_bits"]
AHEAD: Fraction = CONSTANTS["clock"]["max_ahead_seconds"]


def milliseconds(wall: Fraction) -> int:
    """The millisecond that a wall time in seconds lies in."""
    return wall.numerator * 1000 // wall.denominator


def tick(last: int, now: Fraction) -> int:
    """The timestamp of a local event: after the clock, and not before the current millisecond (HLC-1)."""
    return max(last + 1, milliseconds(now) << COUNTER)


def observe(last: int, seen: int, now: Fraction) -> tuple[int, bool]:
    """The clock after a timestamp arrived, and whether that runs too far ahead to move it (HLC-2, HLC-3)."""
    ahead = (seen >> COUNTER) - milliseconds(now) > AHEAD * 1000
    return (last if ahead else max(last, seen)), ahead


def join(a: tuple[int, str, str], b: tuple[int, str, str]) -> bool:
    """Whether the entry with timestamp, region and digest `a` prevails over that with `b`: the lesser one does (CRR-1)."""
    return a <= b


def pause(attempt: int, chance: float, retry_after: float | None) -> float:
    """The seconds after failed attempt number `attempt`: jitter under a doubling ceiling, on top of what was asked, product and sum
    each rounded (OUT-3, OUT-4).
    """
    policy = CONSTANTS["outbox"]
    ceiling = min(policy["base_delay_seconds"] * 2 ** (attempt - 1), policy["max_delay_seconds"])
    asked = max(0, min(Fraction(retry_after or 0), CONSTANTS["retry_after"]["max_seconds"]))
    return added(nearest(Fraction(asked)), multiplied(chance, nearest(ceiling)))
