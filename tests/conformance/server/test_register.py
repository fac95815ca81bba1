"""The write-once register: which histories of concurrent submissions it allows."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flk.conformance.server.client import Failed, Reply
from flk.conformance.server.register import Write, judge_history

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


@pytest.mark.parametrize(
    ("history", "says"),
    [
        ([Write(FIRST, 0, 2, told(FIRST)), Write(SECOND, 1, 3, told(SECOND))], "2 different winners"),
        ([Write(FIRST, 0, 1, told(SECOND, 409)), Write(SECOND, 2, 3, told(SECOND))], "not submitted before"),
        ([Write(FIRST, 0, 1, told(SECOND, 409))], "not submitted before"),
        ([Write(FIRST, 0, 2, told(FIRST)), Write(SECOND, 1, 3, told(FIRST))], "the sender of b"),
        ([Write(FIRST, 0, 2, told(FIRST, 409))], "the sender of a"),
        ([Write(FIRST, 0, 2, told(FIRST)), Write(FIRST, 1, 3, told(FIRST, 202))], "different replies"),
        ([Write(FIRST, 0, 2, Reply(503, {}, b"{}"))], "expected one of"),
    ],
)
def test_what_no_register_does_is_refused(history: list[Write], says: str) -> None:
    """Two winners, a winner from the future or from nowhere, and every lie about who won."""
    with pytest.raises(Failed, match=says):
        judge_history(history)
