"""What a sender puts into one request, and what of the answer is each submission's (OUT-6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flk.model.flow.answers import BEFORE_LOG, Meaning, meaning
from flk.model.flow.sending import MOST_BYTES, MOST_RECORDS, body_of, may_share, shares, together
from flk.model.flow.submission import Response, Submission

WAITING = st.lists(
    st.builds(Submission, st.sampled_from("ab"), st.sampled_from([b"", b"{}", b"a\nb", b"{}" * (MOST_BYTES // 6)])),
    min_size=1,
    max_size=8,
)


@given(WAITING)
def test_as_many_go_together_as_may(waiting: list[Submission]) -> None:
    """One at least, of one tenant, and none that would be two lines or no line; the next would be one too many."""
    count = together(waiting)
    sent = waiting[:count]
    assert 1 <= count <= MOST_RECORDS
    assert len({each.tenant for each in sent}) == 1
    if count > 1:
        assert all(map(may_share, sent))
        assert len(body_of(sent)) <= MOST_BYTES
    if count < len(waiting) and all(map(may_share, waiting[: count + 1])):
        more = waiting[: count + 1]
        assert len({each.tenant for each in more}) > 1 or len(body_of(more)) > MOST_BYTES


def test_a_request_has_as_many_records_as_a_batch_takes() -> None:
    """And the rest waits."""
    assert together([Submission("a", b"{}")] * (MOST_RECORDS + 1)) == MOST_RECORDS


@pytest.mark.parametrize("status", sorted(BEFORE_LOG))
def test_an_answer_before_the_log_asks_all_to_come_again_or_none(status: int) -> None:
    """Overload and an unavailable store refuse no record; of others nothing is known, and each goes alone."""
    answer = Response(status, b"", 3.0)
    assert shares(2, answer) == ((answer, answer) if meaning(status) is Meaning.RETRY else None)


def test_without_an_answer_nothing_is_known_of_any() -> None:
    """Nor of those behind what came of one, or whose line is none."""
    assert shares(2, None) == (None, None)
    told = shares(3, Response(200, b'{"status":409,"body":{"error":"x"},"retry_after":2}\nnonsense'))
    assert told == (Response(409, b'{"error":"x"}', 2.0), None, None)
