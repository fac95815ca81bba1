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


def wall_seconds(timestamp: int) -> float:
    """Seconds since 1970 of the timestamp's millisecond."""
    return (timestamp >> COUNTER_BITS) / 1000


def tick(last: int, now: float) -> Timestamp:
    """The timestamp of a local event: after `last`, and not before wall time `now` in seconds (HLC-1).

    A timestamp is one integer: milliseconds since 1970 shifted left by 16 bits, plus a counter. A full counter carries into the
    millisecond.

    >>> first = tick(0, now=1.0)
    >>> first == 1000 << 16, tick(first, now=0.5) == first + 1
    (True, True)
    """
    return Timestamp(max(last + 1, at(now)))


def observe(last: int, seen: int, now: float) -> Timestamp:
    """The clock after `seen` arrived from elsewhere: later local events come after it (HLC-2).

    A timestamp that runs ahead of `now` by more than `max_ahead_seconds` does not move the clock (HLC-3): one broken
    clock must not drag the others along. The caller reports what `is_ahead`. Times in seconds since 1970.

    >>> seen = tick(0, now=2.0)
    >>> observe(tick(0, now=1.0), seen, now=1.5) == seen
    True
    """
    return Timestamp(last if is_ahead(seen, now) else max(last, seen))


def is_ahead(seen: int, now: float) -> bool:
    """Whether `seen` runs ahead of wall time `now` by more than the allowed skew (HLC-3)."""
    return wall_seconds(seen) - now > CONSTANTS.clock.max_ahead_seconds


def text(timestamp: Timestamp) -> str:
    """Sixteen hexadecimal digits; text order is clock order."""
    return f"{timestamp:016x}"
