"""Hybrid logical clocks (HLC-*): timestamps that follow causality and stay close to wall time.

Source: Kulkarni, Demirbas et al., "Logical Physical Clocks", OPODIS 2014. A timestamp is one integer, milliseconds since
1970 shifted left by `counter_bits` plus a counter, so that integer order is clock order.
"""

from typing import NewType

from flk.spec.constants import CONSTANTS

Timestamp = NewType("Timestamp", int)

COUNTER_BITS = CONSTANTS.clock.counter_bits
ZERO = Timestamp(0)
LAST = Timestamp(2**63 - 1)


def at(wall_seconds: float) -> Timestamp:
    """The first timestamp of the millisecond that holds `wall_seconds` since 1970."""
    return Timestamp(int(wall_seconds * 1000) << COUNTER_BITS)


def wall_seconds(timestamp: Timestamp) -> float:
    """Seconds since 1970 of the timestamp's millisecond."""
    return (timestamp >> COUNTER_BITS) / 1000


def tick(last: Timestamp, now: float) -> Timestamp:
    """The timestamp of a local event: after `last`, and not before wall time `now` in seconds (HLC-1).

    A full counter carries into the millisecond.
    """
    return Timestamp(max(last + 1, at(now)))


def observe(last: Timestamp, seen: Timestamp, now: float) -> Timestamp:
    """The clock after `seen` arrived from elsewhere: later local events come after it (HLC-2).

    A timestamp that runs ahead of `now` by more than `max_ahead_seconds` does not move the clock (HLC-3): one broken
    clock must not drag the others along. `is_ahead` tells the caller, who reports it.
    """
    return last if is_ahead(seen, now) else Timestamp(max(last, seen))


def is_ahead(seen: Timestamp, now: float) -> bool:
    """Whether `seen` runs ahead of wall time `now` by more than the allowed skew (HLC-3)."""
    return wall_seconds(seen) - now > CONSTANTS.clock.max_ahead_seconds


def text(timestamp: Timestamp) -> str:
    """Sixteen hexadecimal digits; text order is clock order."""
    return f"{timestamp:016x}"
