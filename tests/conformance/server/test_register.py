"""The write-once register: which histories of concurrent submissions it allows."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flk.conformance.server.register import Write, judge_history
from flk.conformance.server.replies import Failed, Reply

FIRST, SECOND = "a" * 64, "b" * 64


def told(digest: str, status: int = 200) -> Reply:
    """A reply that names a winner."""
    return Reply(status, {}, json.dumps({"digest": digest}).encode())


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([FIRST, SECOND]), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=12))
def test_every_run_of_a_real_register_is_allowed(calls: list[tuple[str, float, float]]) -> None:
    """Whatever the delays, if each write takes effect at one moment between its call and its reply, the history passes."""
    effects = sorted((began + taken / 2, number) for number, (_, began, taken) in enumerate(calls))
    winner = calls[effects[0][1]][0]
    history = [
        Write(digest, began, began + taken, told(winner, 200 if digest == winner else 409))
        for digest, began, taken in calls
    ]
    assert judge_history(history).digest == winner


Call = tuple[str, int, int, str, int]
"""A digest, when it was called and how long it took, the winner in its reply (none if empty), and the reply's status."""

calls_made = st.lists(
    st.tuples(
        st.sampled_from([FIRST, SECOND]),
        st.integers(0, 6),
        st.integers(0, 3),
        st.sampled_from([FIRST, SECOND, ""]),
        st.sampled_from([200, 409]),
    ),
    min_size=1,
    max_size=5,
)


def has_order(calls: tuple[Call, ...], stored: str) -> bool:
    """Whether some order of the calls, which keeps what was over before it began, is that of a write-once register: by trial."""
    if all(not winner for *_, winner, _ in calls):
        return True  # what was not answered need not have happened
    for call in calls:
        digest, began, _, winner, status = call
        if any(other is not call and other[3] and other[1] + other[2] < began for other in calls):
            continue
        now = stored or digest
        if winner and (winner, status == 409) != (now, digest != now):
            continue
        if has_order(tuple(other for other in calls if other is not call), now):
            return True
    return False


@settings(deadline=None)
@given(calls_made)
def test_the_sweep_says_what_a_search_of_all_orders_says(calls: list[Call]) -> None:
    """Linearizability by definition (Wing and Gong, 1993), on short histories, writes without replies included."""
    history = [
        Write(digest, began, began + taken, told(winner, status) if winner else None)
        for digest, began, taken, winner, status in calls
    ]
    if not any(write.reply for write in history):
        return
    try:
        judge_history(history)
    except Failed:
        assert not has_order(tuple(calls), "")
    else:
        assert has_order(tuple(calls), "")


@pytest.mark.parametrize(
    ("history", "says"),
    [
        ([Write(FIRST, 0, 2, told(FIRST)), Write(SECOND, 1, 3, told(SECOND))], "2 different winners"),
        ([Write(FIRST, 0, 1, told(SECOND, 409)), Write(SECOND, 2, 3, told(SECOND))], "not submitted before"),
        ([Write(FIRST, 0, 1, told(SECOND, 409))], "not submitted before"),
        ([Write(FIRST, 0, 2, told(FIRST)), Write(SECOND, 1, 3, told(FIRST))], "the sender of b"),
        ([Write(FIRST, 0, 2, told(FIRST, 409))], "the sender of a"),
        ([Write(FIRST, 0, 2, told(FIRST)), Write(FIRST, 1, 3, told(FIRST, 202))], "different replies"),
        ([Write(FIRST, 0, 2, Reply(503, {}, b"{}"))], "expected 200 or"),
    ],
)
def test_what_no_register_does_is_refused(history: list[Write], says: str) -> None:
    """Two winners, a winner from the future or from nowhere, and every lie about who won."""
    with pytest.raises(Failed, match=says):
        judge_history(history)
