"""What is left of a row shows which entry it was; what is claimed meanwhile is noted once, and never lost (DUP-8)."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from tests.support.model.strategies import outcomes

from flk.impl.storage import rotten
from flk.impl.storage.rotten import Aside, Left, is_left_of, left_of, listed, set_aside, strike, value_of
from flk.impl.storage.rows import Damaged, entry_row
from flk.model.entries.entry import Entry, Key, Outcome, Reason, join
from flk.model.log.hlc import LAST, Timestamp

FINE = Outcome(accepted=True, escalated=False, reason=Reason.OK, recomputed_D_hat=1.0, recomputed_budget=0.4)
KEY = Key("default", "a" * 32)
stamps = st.integers(1, LAST).map(Timestamp)
entries = st.builds(
    Entry, stamps, st.sampled_from(["eu", "us-1"]), st.text("0123456789abcdef", min_size=64, max_size=64), outcomes
)


@given(entries, st.integers(0, 2**16))
def test_whichever_bit_flips_what_is_left_is_known(entry: Entry, bit: int) -> None:
    """Of the value as it lies in a store, whatever that does to its form."""
    value = bytearray(value_of(KEY, entry))
    value[bit // 8 % len(value)] ^= 1 << bit % 8
    assert is_left_of(Left(bytes(value)), KEY, entry)


@given(entries, entries, st.integers(0, 2**16), st.sampled_from(["timestamp", "region", "digest", "outcome", ""]))
def test_no_other_entry_is_taken_for_it(entry: Entry, other: Entry, bit: int, same: str) -> None:
    """Also one that differs in nothing but its timestamp, or its outcome: the checksum tells."""
    likely = structs.replace(entry, **{same: getattr(other, same)}) if same else other
    value = bytearray(value_of(KEY, entry))
    value[bit // 8 % len(value)] ^= 1 << bit % 8
    assert likely == entry or not is_left_of(Left(bytes(value)), KEY, likely)


@given(entries, stamps)
def test_a_timestamp_that_rotted_to_that_of_a_repetition_is_none(entry: Entry, stamp: Timestamp) -> None:
    """The same content was logged twice, and the timestamp of the first rots to that of the second: the row was the first."""
    again = structs.replace(entry, timestamp=stamp)
    value = value_of(KEY, entry).replace(b"[%d," % entry.timestamp, b"[%d," % stamp, 1)
    assert is_left_of(Left(value), KEY, entry)
    assert again == entry or not is_left_of(Left(value), KEY, again)


@given(entries, st.integers(0, 62))
def test_a_bit_of_a_number_may_rot(entry: Entry, bit: int) -> None:
    """Where columns are numbers, a bit changes their text in many places."""
    row = entry_row(KEY, entry)
    for column in (2, 6):
        rotten = (*row[:column], row[column] ^ 1 << bit, *row[column + 1 :])  # type: ignore[operator]
        assert is_left_of(left_of(rotten), KEY, entry)  # type: ignore[arg-type]


def test_what_has_rotted_in_two_columns_is_nobodys() -> None:
    """Nor is a value that was cut short, or one that is empty."""
    entry = Entry(Timestamp(7), "eu", "d" * 64, FINE)
    value = value_of(KEY, entry)
    for wrong in (
        value.replace(b"[7,", b"[6,").replace(b'"eu"', b'"es"'),
        value[:-20],
        b"",
        b"[",
        value[:5] + value[-5:],
    ):
        assert not is_left_of(Left(wrong), KEY, entry)
    assert is_left_of(Left(value), KEY, entry)


class Note:
    """Where the note stands, and what comes between a look at it and the next."""

    def __init__(self) -> None:
        self.value = ""
        self.between: list[Callable[[], object]] = []

    def noted(self, name: str) -> str:
        """What was set last."""
        assert name == rotten.NOTE
        return self.value

    def note(self, name: str, seen: str, value: str) -> bool:
        """Set it, if it still is what was seen."""
        if self.between:
            self.between.pop()()
        if name != rotten.NOTE or self.value != seen:
            return False
        self.value = value
        return True


@given(st.lists(st.tuples(st.sampled_from("abc"), st.none() | entries), max_size=8))
def test_of_what_is_set_aside_the_least_is_kept(claims: list[tuple[str, Entry | None]]) -> None:
    """Whatever comes when, and whoever comes between."""
    note, expected = Note(), dict[Key, Entry | None]()
    for name, entry in claims:
        key = Key("default", name)
        note.between.append(lambda: set_aside(note, {Key("default", "other"): None}))
        set_aside(note, {key: entry})
        known = expected.get(key)
        expected[key] = join(known, entry) if known and entry else known or entry
        note.between.clear()
    found = {key: least for key, least in listed(note) if key.pcs_id != "other"}
    assert found == expected


@given(entries, entries)
def test_what_comes_before_a_row_is_struck_stays_noted(one: Entry, other: Entry) -> None:
    """A claim that was set aside after the row was looked at is there afterwards; a row of which no more came is not."""
    note = Note()
    here, there = Key("default", "a"), Key("default", "b")
    set_aside(note, {here: one, there: None})
    seen = listed(note)
    note.between.append(lambda: set_aside(note, {here: other}))
    strike(note, seen)
    least = join(one, other)
    assert listed(note) == (() if least == one else (Aside(here, least),))
    strike(note, listed(note))
    assert listed(note) == ()


def test_rows_that_are_too_many_are_a_damaged_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """The note does not grow without bound; what is in it stays."""
    monkeypatch.setattr(rotten, "MAX_ROTTEN", 2)
    note = Note()
    set_aside(note, {Key("default", name): None for name in "ab"})
    with pytest.raises(Damaged, match="more than 2 rows"):
        set_aside(note, {Key("default", "c"): None})
    assert len(listed(note)) == 2
