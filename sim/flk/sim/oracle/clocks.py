"""Hybrid logical clocks, as milliseconds and counter (HLC-*)."""

from typing import NamedTuple

from flk.spec.constants import CONSTANTS

COUNTERS = 1 << CONSTANTS.clock.counter_bits


class Stamp(NamedTuple):
    """A timestamp: milliseconds since 1970, and a counter for those of one millisecond."""

    millisecond: int
    counter: int

    @property
    def integer(self) -> int:
        """The timestamp as it stands in a log."""
        return self.millisecond * COUNTERS + self.counter

    @property
    def wall(self) -> float:
        """Seconds since 1970."""
        return self.millisecond / 1000


def stamp(integer: int) -> Stamp:
    """The timestamp that stands in a log."""
    return Stamp(*divmod(integer, COUNTERS))


def following(clock: Stamp) -> Stamp:
    """The least timestamp after another: a full counter carries into the millisecond (HLC-1)."""
    if clock.counter + 1 < COUNTERS:
        return Stamp(clock.millisecond, clock.counter + 1)
    return Stamp(clock.millisecond + 1, 0)


def begun(wall: float) -> Stamp:
    """The first timestamp of a moment's millisecond."""
    return Stamp(int(wall * 1000), 0)


def next_stamp(clock: Stamp, wall: float) -> Stamp:
    """The least timestamp that a local event may get: after all before, and not before the current millisecond (HLC-1)."""
    return max(following(clock), begun(wall))


def is_strange(seen: Stamp, wall: float) -> bool:
    """Whether a timestamp of another region is too far ahead of wall time to move a clock (HLC-3)."""
    return seen.wall - wall > CONSTANTS.clock.max_ahead_seconds


def after_seeing(clock: Stamp, seen: Stamp, wall: float) -> Stamp:
    """What a clock is past, once a timestamp of another region has arrived (HLC-2, HLC-3)."""
    return clock if is_strange(seen, wall) else max(clock, seen)
