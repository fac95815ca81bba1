"""Finds that share a character are one; others are not."""

from hypothesis import given
from hypothesis import strategies as st

from flk.model.personal.find import Kind, Span, merged

spans = st.builds(
    lambda start, length, kind: Span(start, start + length, kind),
    st.integers(0, 30),
    st.integers(1, 8),
    st.sampled_from(Kind),
)


@given(st.lists(spans, max_size=8))
def test_each_piece_of_what_is_covered_is_one_find(some: list[Span]) -> None:
    """A piece ends where no span covers both the character before and the one after; its kind is the first in it (PII-2)."""
    joints = {place for span in some for place in range(span.start + 1, span.end)}
    covered = sorted({place for span in some for place in range(span.start, span.end)})
    pieces: list[Span] = []
    for place in covered:
        if pieces and place in joints and pieces[-1].end == place:
            pieces[-1] = pieces[-1]._replace(end=place + 1)
        else:
            pieces.append(Span(place, place + 1, Kind.IP))
    kinds = list(Kind)
    told = [
        piece._replace(kind=min((s.kind for s in some if s.start < piece.end and piece.start < s.end), key=kinds.index))
        for piece in pieces
    ]
    assert merged(some) == told
