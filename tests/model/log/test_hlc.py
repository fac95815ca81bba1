"""Hybrid logical clocks: strictly increasing, past all they have seen, close to wall time."""

from hypothesis import given
from hypothesis import strategies as st
from tests.support.model.strategies import timestamps

from flk.model.log.hlc import COUNTER_BITS, ZERO, Timestamp, at, is_ahead, observe, text, tick, wall_seconds
from flk.spec.constants import CONSTANTS

AHEAD = CONSTANTS.clock.max_ahead_seconds
seconds = st.floats(0, 4e9)
early = st.floats(0, 100) | st.integers(0, 1000).map(lambda ms: ms / 1000)
local, remote = st.just(None), st.integers(0, at(400.0)).map(Timestamp)
events = st.lists(st.tuples(early, local | remote), max_size=30)


@given(seconds, seconds)
def test_a_later_wall_time_never_has_an_earlier_timestamp(a: float, b: float) -> None:
    """`at` keeps order."""
    low, high = sorted((a, b))
    assert at(low) <= at(high)


@given(seconds)
def test_a_timestamp_names_its_millisecond(now: float) -> None:
    """The counter is 0, and the wall time is that of the millisecond, to the precision of a float."""
    assert at(now) % 2**COUNTER_BITS == 0
    assert -1e-6 < now - wall_seconds(at(now)) < 0.001 + 1e-6


@given(timestamps, seconds)
def test_a_local_event_comes_after_all_before_and_not_before_wall_time(last: Timestamp, now: float) -> None:
    """Whether wall time stands still, jumps ahead or runs backward (HLC-1)."""
    assert tick(last, now) > last
    assert tick(last, now) >= at(now)


@given(timestamps, seconds)
def test_a_clock_behind_wall_time_takes_it_over(last: Timestamp, now: float) -> None:
    """A timestamp is no later than it has to be."""
    assert tick(last, now) in (at(now), last + 1)


def test_a_full_counter_carries_into_the_millisecond() -> None:
    """More events in a millisecond than the counter holds borrow from the next one."""
    full = Timestamp(at(5.0) + 2**COUNTER_BITS - 1)
    assert tick(full, 5.0) == at(5.001)


@given(events)
def test_a_run_of_events_is_ordered_as_it_happened(run: list[tuple[float, Timestamp | None]]) -> None:
    """Every new timestamp is past all that the clock gave and all that it took over before (HLC-1, HLC-2)."""
    clock = ZERO
    known: list[Timestamp] = []
    for now, seen in run:
        if seen is None:
            clock = tick(clock, now)
            assert all(clock > before for before in known)
            known.append(clock)
        else:
            clock = observe(clock, seen, now)
            known += [] if is_ahead(seen, now) else [seen]


@given(events)
def test_strangers_move_a_clock_no_further_than_the_bound(run: list[tuple[float, Timestamp | None]]) -> None:
    """Whatever arrives, the clock stays within the allowed skew of the latest wall time, one count for each event (HLC-3)."""
    clock, latest = ZERO, 0.0
    for now, seen in run:
        clock = tick(clock, now) if seen is None else observe(clock, seen, now)
        latest = max(latest, now)
    assert clock < at(latest + AHEAD + 0.002) + len(run)


@given(timestamps, timestamps, seconds)
def test_observing_never_sets_a_clock_back(last: Timestamp, seen: Timestamp, now: float) -> None:
    """The clock after an arrival is one of the two timestamps, and not before its own."""
    assert last <= observe(last, seen, now) <= max(last, seen)


@given(timestamps, timestamps, seconds)
def test_observing_twice_is_observing_once(last: Timestamp, seen: Timestamp, now: float) -> None:
    """An arrival that is repeated changes nothing more."""
    once = observe(last, seen, now)
    assert observe(once, seen, now) == once


def test_the_bound_itself_is_allowed() -> None:
    """A timestamp ahead by exactly the allowed skew moves the clock; one of the next millisecond does not."""
    edge, beyond = at(1000.0 + AHEAD), at(1000.0 + AHEAD + 0.001)
    assert observe(ZERO, edge, 1000.0) == edge
    assert observe(ZERO, beyond, 1000.0) == ZERO
    assert (is_ahead(edge, 1000.0), is_ahead(beyond, 1000.0)) == (False, True)


@given(timestamps, timestamps)
def test_text_order_is_clock_order(a: Timestamp, b: Timestamp) -> None:
    """Sixteen digits each, so that names sort like the numbers."""
    assert len(text(a)) == 16
    assert int(text(a), 16) == a
    assert (text(a) < text(b)) == (a < b)
