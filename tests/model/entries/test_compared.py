"""What regions publish of their stores, read by a peer who believes nothing (DIV-2)."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.model.strategies import entries

from flk.model.entries.compared import (
    LIMITS,
    RANGES,
    BadObject,
    Ranges,
    RangeSum,
    digest_of,
    extent_of,
    place,
    position,
    range_of,
    ranges_of,
    read_digest,
    read_extent,
    read_ranges,
    written,
)
from flk.model.entries.entry import Claim, Entry, Key
from flk.model.entries.proposals import Result, State, read_result
from flk.model.log.hlc import LAST, Timestamp

ROUND = Timestamp(1 << 40)
MOST = 2**62
SUMS = [RangeSum(number % 3, bytes([number % 256]) * 32) for number in range(RANGES)]


def test_a_digest_tells_of_a_number_of_entries_that_a_store_may_have() -> None:
    """As many as a position has room for is too many; none at all is not."""
    for count, is_believed in ((0, True), (MOST - 1, True), (MOST, False), (-1, False)):
        digest = msgspec.structs.replace(digest_of("eu", ROUND, SUMS, level=True), count=count)
        if is_believed:
            assert read_digest("n", written(digest), "eu", ROUND) == digest
        else:
            with pytest.raises(BadObject, match="DIV-2"):
                read_digest("n", written(digest), "eu", ROUND)


def test_ranges_are_as_many_as_there_are() -> None:
    """One count more than there are digests is refused, though the root and the sum are right."""
    digest, ranges = digest_of("eu", ROUND, SUMS, level=True), ranges_of("eu", ROUND, SUMS)
    assert read_ranges("n", written(ranges), digest) == tuple(SUMS)
    for counts in ((*ranges.counts, 0), ranges.counts[:-1]):
        told = Ranges("eu", ROUND, counts, ranges.digests)
        agreeing = msgspec.structs.replace(digest, count=sum(counts))
        with pytest.raises(BadObject, match="DIV-2"):
            read_ranges("n", written(told), agreeing)


@settings(deadline=None, max_examples=20)
@given(entries, st.integers(100, 1000))
def test_an_extent_has_room_in_an_object(entry: Entry, length: int) -> None:
    """However long the names are: it holds as many of the first entries as fit, and says up to where."""
    with pytest.MonkeyPatch.context() as patch:
        limits = msgspec.structs.replace(LIMITS, max_object_bytes=8000, range_bits=0)
        patch.setattr("flk.model.entries.compared.LIMITS", limits)
        patch.setattr("flk.model.entries.compared.range_of", lambda _: 0)
        entry = msgspec.structs.replace(entry, timestamp=Timestamp(1))
        claims = [(place, Claim(Key("default", f"{place:0{length}}"), entry)) for place in range(60)]
        extent = extent_of("eu", LAST, 0, reversed(claims))
        content = written(extent)
    assert len(content) <= 8000
    assert list(extent.claims()) == [claim.key for _, claim in claims[: len(extent.entries)]]
    assert extent.until == len(extent.entries) - 1 < 59
    assert len(content) > 8000 // 2 - length - 600, "it is not cut short for nothing"


@settings(max_examples=10)
@given(entries)
def test_what_is_read_of_an_extent_is_what_was_written(entry: Entry) -> None:
    """With the last entry at the very place up to which the extent tells; and with none, from the first place to the last."""
    for last in (0, 2**64 - 1):
        empty = msgspec.structs.replace(extent_of("eu", ROUND, 3, []), until=last)
        assert read_extent("n", written(empty), "eu", ROUND, 3) == empty
    for nowhere in (-1, 2**64):
        empty = msgspec.structs.replace(extent_of("eu", ROUND, 3, []), until=nowhere)
        with pytest.raises(BadObject, match="DIV-2"):
            read_extent("n", written(empty), "eu", ROUND, 3)
    key = Key("default", "a")
    number, where = range_of(place(key)), position(place(key), ROUND, range_of(place(key)))
    claim = Claim(key, msgspec.structs.replace(entry, timestamp=ROUND))
    extent = msgspec.structs.replace(extent_of("eu", ROUND, number, [(where, claim)]), until=where)
    assert read_extent("n", written(extent), "eu", ROUND, number) == extent
    for until in (where - 1, -1):
        with pytest.raises(BadObject, match="DIV-2"):
            read_extent("n", written(msgspec.structs.replace(extent, until=until)), "eu", ROUND, number)


def test_what_came_of_a_proposal_is_that_of_this_one_and_of_no_other() -> None:
    """A result that was copied to another name, or to another region, is refused by its name (DIV-6)."""
    result = Result("eu", "a" * 64, State.FAILED, "because", 0)
    assert read_result("eu", "a" * 64, written(result)) == result
    for region, id_ in (("us", "a" * 64), ("eu", "b" * 64)):
        with pytest.raises(BadObject, match="DIV-6"):
            read_result(region, id_, written(result))
