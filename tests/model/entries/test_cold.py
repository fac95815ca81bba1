"""Objects of the cold tier: what is read is what was written, to the byte (TIR-6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.model.strategies import entries

from flk.model.entries.cold import BadObject, cold_object, entries_in
from flk.model.entries.entry import Claim, Key
from flk.model.log.hlc import ZERO

KEYS = st.builds(Key, st.sampled_from(["default", "other"]), st.text("0123456789abcdef", min_size=1, max_size=64))
CLAIMS = st.dictionaries(KEYS, entries, min_size=1, max_size=5).map(lambda rows: [Claim(*row) for row in rows.items()])


@given(CLAIMS, st.data())
def test_an_object_is_read_as_it_was_written_or_not_at_all(claims: list[Claim], data: st.DataObject) -> None:
    """In whatever order the entries came. A byte that is another, that is missing or one more at the end is noticed."""
    name, content = cold_object("eu", claims, ZERO)
    assert sorted(entries_in(name, content)) == sorted(claims)
    assert cold_object("eu", claims[::-1], ZERO) == (name, content)
    at = data.draw(st.integers(0, len(content) - 1))
    flipped = bytes([content[at] ^ data.draw(st.integers(1, 255))])
    for damaged in (
        content[:at],
        content[:at] + flipped + content[at + 1 :],
        content + data.draw(st.binary(min_size=1)),
    ):
        with pytest.raises(BadObject, match="TIR-6"):
            entries_in(name, damaged)
