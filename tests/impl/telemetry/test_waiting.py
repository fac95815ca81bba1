"""What waits to be exported is bounded, by number and by rate, and everything is accounted for."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Counter
from tests.support.impl.collector import counted

from flk.impl.server.metrics import Metrics
from flk.impl.telemetry.waiting import Rate, Waiting


@given(st.lists(st.integers(-5, 9)), st.integers(1, 7))
def test_no_more_wait_than_may_and_the_others_are_counted(steps: list[int], most: int) -> None:
    """Whatever is put and taken: put = dropped + taken + left, in order, and never more than the bound (OBS-10)."""
    metrics = Metrics()
    waiting = Waiting[int]("traces", lambda _: b"", lambda _: None, metrics, most)
    taken, put = list[int](), 0
    for step in steps:
        for _ in range(step):
            waiting.put(put)
            put += 1
        if step < 0:
            batch = waiting.beginning(-step)
            waiting.settle(len(batch))
            taken += batch
        assert len(waiting) <= most
    left = waiting.beginning(most)
    assert taken + left == sorted(taken + left)
    assert put == len(taken) + len(left) + counted(metrics.not_exported("traces", "full"))


@given(st.lists(st.floats(0, 0.5), min_size=1), st.integers(1, 20))
def test_no_second_has_more_than_may_be(pauses: list[float], most: int) -> None:
    """Counted in every window of a second that begins with one that was allowed; the first is always."""
    now, counter = 0.0, Counter("dropped", "of a test", registry=None)
    rate = Rate(most, counter, lambda: now)
    allowed = []
    for pause in pauses * 3:
        if rate.allows():
            allowed.append(now)
        now += pause
    assert allowed[0] == 0.0
    assert len(allowed) + counted(counter) == len(pauses) * 3
    for began in allowed:
        within = [moment for moment in allowed if began <= moment < began + 1.0 - 1e-9]
        assert len(within) <= 2 * most
    assert all(len([m for m in allowed if b <= m < b + 1e-9]) <= most for b in allowed)
