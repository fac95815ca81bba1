"""A batch as bytes: what its lines are, how many there may be, and the lines of its answer."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flk.model.flow.batch import HTTP, lines_of, records_of, require_size
from flk.model.flow.submission import Response
from flk.model.refusal import Malformed, TooLarge

LINE = st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"\r"))


@given(st.lists(LINE, min_size=1, max_size=20), st.booleans())
def test_lines_are_cut_at_line_feeds_and_nowhere_else(lines: list[bytes], ended: bool) -> None:
    """Byte for byte, carriage returns and empty lines too; a last line needs no line feed (BAT-1)."""
    if ended or lines[-1]:
        assert records_of(b"\n".join(lines) + b"\n" * ended) == lines


def test_a_batch_has_so_many_records_and_no_more() -> None:
    """However short they are: none is refused, and one too many, whether it ends with a line feed or not (BAT-2)."""
    limits = msgspec.structs.replace(HTTP, max_batch_records=3, max_batch_bytes=10)
    assert len(records_of(b"\n" * 3, limits)) == len(records_of(b"a\nb\nc", limits)) == 3
    for body in (b"\n" * 4, b"a\nb\nc\nd", b"a\nb\nc\nd\n\n\n"):
        with pytest.raises(TooLarge):
            records_of(body, limits)
    with pytest.raises(Malformed):
        records_of(b"")
    require_size(10, limits)
    with pytest.raises(TooLarge):
        require_size(11, limits)


@given(st.lists(st.tuples(st.sampled_from([200, 202, 400, 401, 409, 413, 429, 503]), st.none() | st.integers(1, 60))))
def test_each_answer_has_a_line_that_any_reader_of_json_reads(answers: list[tuple[int, int | None]]) -> None:
    """With its status, its body, and the pause where there is one (BAT-1)."""
    body = b'{"error":"a\\nb"}'
    lines = lines_of([Response(status, body, wait) for status, wait in answers]).splitlines()
    pauses = [{} if wait is None else {"retry_after": wait} for _, wait in answers]
    assert [json.loads(line) for line in lines] == [
        {"status": status, "body": {"error": "a\nb"}} | pause
        for (status, _), pause in zip(answers, pauses, strict=True)
    ]
