"""The limit of submissions in flight that follows the queue before the store (ORD-6)."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flk.model.flow.admission import admit
from flk.model.flow.pressure import Limit, adapted, seen
from flk.model.refusal import Overloaded
from flk.spec.constants import CONSTANTS, Pressure

MOST = CONSTANTS.node.max_in_flight
PLAIN = Pressure(target_queue=10, increase=4.0, decrease=0.5, floor=8, interval_seconds=1.0)

policies = st.builds(
    Pressure,
    target_queue=st.integers(0, 200),
    increase=st.floats(0.1, 100),
    decrease=st.floats(0.05, 0.95),
    floor=st.integers(1, 100),
    interval_seconds=st.just(1.0),
)
intervals = st.lists(st.lists(st.integers(0, 400), max_size=5), max_size=60)


@given(policies, intervals, st.integers(1, 5000))
def test_the_limit_stays_between_its_floor_and_the_most(policy: Pressure, queues: list[list[int]], most: int) -> None:
    """Whatever the queue does: never above the limit without back-pressure, never below the floor, always room for one."""
    limit = Limit(float(most))
    for interval in queues:
        limit = adapted(list(accumulate(interval, seen, initial=limit))[-1], most, policy)
        assert min(policy.floor, most) <= limit.value <= most
        assert 1 <= limit.admits <= most


@given(policies, intervals)
def test_it_rises_by_steps_and_falls_by_a_factor(policy: Pressure, queues: list[list[int]]) -> None:
    """One queue over the target in an interval, however short, is enough to cut the limit; without one it rises."""
    limit = Limit(1000.0)
    for interval in queues:
        after = adapted(list(accumulate(interval, seen, initial=limit))[-1], MOST, policy)
        if all(queue <= policy.target_queue for queue in interval):
            assert after.value == min(MOST, limit.value + policy.increase)
        else:
            assert after.value == max(policy.floor, limit.value * policy.decrease)
        assert after.longest == 0
        limit = after


@given(policies, st.integers(0, 10_000))
def test_a_queue_that_lasts_brings_the_limit_to_its_floor_and_calm_brings_it_back(policy: Pressure, more: int) -> None:
    """Cuts are quick, in as many intervals as the logarithm; recovery is slow, and complete."""
    limit = Limit(float(MOST))
    for _ in range(200):
        limit = adapted(seen(limit, policy.target_queue + 1 + more), MOST, policy)
    assert limit.value == policy.floor
    while limit.value < MOST:
        risen = adapted(limit, MOST, policy)
        assert risen.value > limit.value
        limit = risen


@given(st.floats(8, 500), st.floats(8, 500))
def test_two_nodes_that_share_a_queue_come_to_equal_limits(one: float, other: float) -> None:
    """Increase by the same step and cut by the same factor: the difference shrinks with every cut (Chiu and Jain)."""
    first, second = Limit(one), Limit(other)
    for _ in range(400):
        queue = 11 if first.value + second.value > 600 else 0
        first, second = (adapted(seen(limit, queue), MOST, PLAIN) for limit in (first, second))
    assert abs(first.value - second.value) < 1


def test_admission_follows_the_limit() -> None:
    """With a limit of 16 the seventeenth is turned away, with the limit in the sentence."""
    admit(100, 15, behind=False, limit=16)
    with pytest.raises(Overloaded, match="16 requests are in flight") as refused:
        admit(100, 16, behind=False, limit=16)
    assert (refused.value.requirement, refused.value.retry_after) == ("ORD-6", CONSTANTS.node.retry_after_seconds)
