"""What a peer address may have logged that proves to be nobody's (HTTP-9, HTTP-10)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flk.model.flow.garbage import POLICY, given_back, share_of, taken
from flk.model.refusal import Overloaded, Unavailable
from flk.spec.constants import Garbage

SMALL = Garbage(
    peer_bytes_per_second=10,
    peer_burst_bytes=100,
    frame_bytes=1,
    scarce_free_bytes=1000,
    min_free_bytes=10,
    min_share=0.1,
)
attempts = st.lists(st.tuples(st.floats(0, 30), st.integers(1, 150)), max_size=60)


@given(attempts, st.floats(0.1, 1))
def test_garbage_is_logged_at_the_rate_and_no_faster(attempts: list[tuple[float, int]], share: float) -> None:
    """Over any stretch of time the burst, the rate times its length, and one submission; who is refused learns when to come."""
    full_at, now = 0.0, 0.0
    logged: list[tuple[float, int]] = []
    for pause, size in attempts:
        now += pause
        try:
            full_at = taken(full_at, size, now, share, SMALL)
        except Overloaded as refusal:
            taken(full_at, size, now + (refusal.retry_after or 0), share, SMALL)
        else:
            logged.append((now, size))
    for first, (began, _) in enumerate(logged):
        for ended, _ in logged[first:]:
            bytes_between = sum(size for moment, size in logged if began <= moment <= ended)
            assert bytes_between <= share * (100 + 10 * (ended - began)) + 150 + 1e-6


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 40)), max_size=60))
def test_an_honest_sender_is_bound_only_by_what_is_in_flight(records: list[tuple[float, int]]) -> None:
    """As long as each proves authentic before the next comes, no rate binds it, and nothing is owed."""
    full_at, now = 0.0, 0.0
    for pause, size in records:
        now += pause
        full_at = given_back(taken(full_at, size, now, 1.0, SMALL), size, 1.0, SMALL)
        assert full_at <= now + 1e-9


@given(st.integers(0, 2000), st.integers(0, 2000))
def test_the_less_disk_is_left_the_less_garbage_is_logged(one: int, other: int) -> None:
    """In proportion, never less than a least part; and nothing at all on a disk that is nearly full."""
    less, more = sorted((one, other))
    if less < SMALL.min_free_bytes:
        with pytest.raises(Unavailable):
            share_of(less, SMALL)
    else:
        assert SMALL.min_share <= share_of(less, SMALL) <= share_of(more, SMALL) <= 1
    assert share_of(POLICY.scarce_free_bytes) == 1


def test_a_submission_larger_than_the_burst_passes_when_nothing_else_is_owed() -> None:
    """It is paid for afterwards."""
    full_at = taken(0.0, 150, 0.0, 1.0, SMALL)
    with pytest.raises(Overloaded) as refused:
        taken(full_at, 1, 4.0, 1.0, SMALL)
    assert refused.value.retry_after == 2
    taken(full_at, 1, 6.0, 1.0, SMALL)
