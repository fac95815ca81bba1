"""The first difference of two answers: found wherever it is, and marked where it is."""

import json
from typing import get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flk.conformance.operations import OPERATIONS
from flk.conformance.operations.equality import equal
from flk.conformance.reports.difference import BYTES, difference

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("aé\n𝄞", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, JSON)
def test_there_is_a_difference_exactly_where_answers_are_not_equal(expected: object, received: object) -> None:
    """And what is shown is printable ASCII that agrees up to the mark and no further."""
    found = difference(json.dumps(expected), json.dumps(received))
    assert (found is None) == equal(expected, received)
    if found is not None:
        assert found.expected[: found.mark] == found.received[: found.mark]
        assert found.expected != found.received
        assert all(" " <= one <= "~" for one in found.expected + found.received)


@given(st.text("aé𝄞\0", max_size=80), st.text("bü\n", min_size=1, max_size=3), st.text("c𝄞", min_size=1, max_size=3))
def test_the_byte_is_that_of_utf_8(same: str, expected: str, received: str) -> None:
    """Counted from 1, whatever the characters before it."""
    found = difference(json.dumps(same + expected), json.dumps(same + received))
    assert found is not None
    assert found.byte == len(same.encode()) + 1


@pytest.mark.parametrize(
    ("expected", "received", "path"),
    [
        ('[{"a":1},{"a":[2,3]}]', '[{"a":1.0},{"a":[2,4]}]', "[1].a[1]"),
        ('{"a":1,"b":2}', '{"b":3,"a":1}', "b"),
        ("[1]", "[1,2]", "[1]"),
        ('{"a":{}}', '{"a":{"b":null}}', "a.b"),
        ('{"error":"REC-5"}', "true", ""),
    ],
)
def test_the_path_leads_to_the_first_difference(expected: str, received: str, path: str) -> None:
    """Through lists and objects, whose order and whose way to write numbers are no difference."""
    found = difference(expected, received)
    assert found is not None
    assert found.path == path


def test_bytes_are_shown_as_bytes() -> None:
    """Base64 hides which byte differs; for exactly the operations whose value is bytes it is undone."""
    found = difference('"AAECAwQ="', '"AAECBAQ="', "frame")
    assert found is not None
    assert (found.expected, found.received, found.byte) == ("00 01 02 03 04", "00 01 02 04 04", 4)
    assert found.received[found.mark :].startswith("04 04")
    answers = {name: get_type_hints(operation)["return"] for name, operation in OPERATIONS.items()}
    assert {name for name, answer in answers.items() if answer is bytes} == BYTES


def test_what_cannot_be_read_has_no_first_difference() -> None:
    """Then the report says in words what came."""
    assert difference("", "1") is None
    assert difference("1", "[" * 100_000) is None
