"""Whose span a request is part of: W3C Trace Context, read again from its text."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from flk.impl.telemetry.requests import parent_of

HEX = "0123456789abcdef"
PARTS = st.tuples(
    st.sampled_from(["00", "01", "cc", "fe", "ff", "0A", "0", "000"]),
    st.one_of(
        st.text(HEX, min_size=31, max_size=33), st.just("0" * 32), st.text(HEX + "ABCDEF", min_size=32, max_size=32)
    ),
    st.one_of(st.text(HEX, min_size=15, max_size=17), st.just("0" * 16), st.text(HEX, min_size=16, max_size=16)),
    st.sampled_from(["00", "01", "03", "ff", "0", "001", "A1", "  "]),
    st.sampled_from(["", "", "-", "-what-the-future-will-be", "extra", ", 00"]),
)


def as_w3c_says(text: str) -> tuple[int, int, bool] | None:
    """Section 3.2: version-format; a higher version is read as far as this one knows it; all zeroes are invalid."""
    form = r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?"
    found = re.fullmatch(form, text, re.DOTALL)
    if found is None or found[1] == "ff" or (found[1] == "00" and found[5] is not None):
        return None
    trace_id, span_id = int(found[2], 16), int(found[3], 16)
    return (trace_id, span_id, bool(int(found[4], 16) & 1)) if trace_id and span_id else None


@given(PARTS.map(lambda p: f"{p[0]}-{p[1]}-{p[2]}-{p[3]}{p[4]}") | st.text("0123456789abcdefABCF-", max_size=60))
@example("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
@example("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-later")
@example("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-")
@example("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
def test_a_header_counts_exactly_when_the_standard_says_so(text: str) -> None:
    """What is malformed is ignored as if it were not there; whether a caller samples is its last bit (OBS-9)."""
    parent = parent_of(text.encode())
    read = None if parent is None else (parent.trace_id, parent.span_id, parent.trace_flags.sampled)
    assert read == as_w3c_says(text)


@given(st.binary(max_size=600))
def test_no_header_whatever_ends_in_an_error(header: bytes) -> None:
    """Bytes that are no text, long ones, none."""
    parent = parent_of(header)
    assert parent is None or parent.is_valid
