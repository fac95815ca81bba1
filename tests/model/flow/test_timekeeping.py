"""Whether a node may log by the time it has (HLC-5)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flk.model.flow.timekeeping import POLICY, Moment, Timekeeper, apart, followed, has_stepped, why_not
from flk.model.log.hlc import at
from flk.model.refusal import Untimely

NOW = 1767225600.0
STEP, DRIFT = POLICY.max_step_seconds, POLICY.max_drift
START = Moment(NOW, 1000.0)


def after(known: Moment, seconds: float, step: float = 0.0) -> Moment:
    """So many seconds later by the steady clock; wall time made a step meanwhile."""
    return Moment(known.wall + seconds + step, known.steady + seconds)


@given(st.lists(st.tuples(st.floats(0, 600), st.floats(-100, 100)), max_size=30))
def test_a_step_is_seen_at_once_and_many_small_ones_as_one(steps: list[tuple[float, float]]) -> None:
    """Whatever wall time does, in whatever steps: it is believed if it is off by no more than a step, and refused if it is off by
    more than that and all that clocks may drift meanwhile. A single large step is seen in the same moment.
    """
    known = now = START
    for seconds, step in steps:
        now = after(now, seconds, step)
        known = followed(known, now)
        off = abs(apart(START, now))
        drift = DRIFT * (now.steady - START.steady) + 1e-3
        if off > STEP + drift:
            assert has_stepped(known, now)
        if off < STEP - drift:
            assert not has_stepped(known, now)
    assert has_stepped(known, after(known, 0.0, 2 * STEP + 0.001))


@given(st.floats(-DRIFT, DRIFT), st.lists(st.floats(0, 1e5), max_size=30))
def test_drift_and_sleep_are_no_steps(rate: float, pauses: list[float]) -> None:
    """A clock within its tolerance is followed for ever, however long nobody looks."""
    known = now = START
    for pause in pauses:
        now = after(now, pause, rate * pause)
        assert not has_stepped(known, now)
        known = followed(known, now)
        assert apart(known, now) == pytest.approx(0, abs=1e-3)


@given(st.floats(-1e6, 1e6))
def test_a_clock_far_ahead_of_wall_time_is_doubted(lead: float) -> None:
    """So a log written under a clock that was set back stops the next one; how far it is behind says nothing."""
    reason = why_not(START, START, at(NOW + lead))
    if abs(lead - POLICY.max_lead_seconds) > 0.01:
        assert bool(reason) == (lead > POLICY.max_lead_seconds)


def test_time_itself_and_an_operator_settle_it() -> None:
    """Nothing is given while wall time is off; it is when it is back, or when it is said to be right. What is known is kept."""
    wall, steady, kept = [NOW], [0.0], list[Moment]()
    time = Timekeeper(lambda: wall[0], lambda: steady[0], keep=kept.append)
    wall[0], steady[0] = NOW + 3600 + 10, 10.0
    with pytest.raises(Untimely, match="step of \\+3600 s") as refused:
        time.believed(0)
    assert refused.value.retry_after
    assert time.step() == 3600
    again = Timekeeper(lambda: wall[0], lambda: steady[0], kept[-1])
    assert again.why_not(0)
    wall[0] = NOW + 10
    assert time.believed(0) == again.believed(0) == NOW + 10
    wall[0] = NOW - 3600
    with pytest.raises(Untimely, match="step of -3610 s"):
        time.believed(0)
    right = Timekeeper(lambda: wall[0], lambda: steady[0], kept[-1], trusts_wall=True)
    assert right.believed(0) == NOW - 3600
