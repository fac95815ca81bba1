"""What regions publish in a round to compare their stores, and what they compare of it (DIV-1, DIV-2)."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.model.divergence import (
    INTERVAL,
    PEERS,
    after_rounds,
    agreeing,
    looked,
    lost_at,
    mended,
    objects_of,
    of,
    small,
    spoilt,
)
from tests.support.model.strategies import entries as any_entries
from tests.support.model.world import World

from flk.model.entries.compared import (
    LIMITS,
    Extent,
    RangeSum,
    columns_of,
    extent_of,
    place,
    position,
    range_of,
    rounds_of,
)
from flk.model.entries.entry import Claim, Entry, Key
from flk.model.entries.proposals import Mode
from flk.model.log.hlc import LAST, Timestamp
from flk.model.memory.memory import MemoryNode
from flk.model.memory.parts import Disk, Entries, Objects
from flk.model.programs.compare import _until
from flk.model.programs.publish import _sums
from flk.model.runtime import run

pytestmark = pytest.mark.usefixtures("few_ranges")


def test_objects_of_old_rounds_are_removed_by_their_region_and_no_others() -> None:
    """A region keeps a few rounds of its own, and leaves alone what it does not know (DIV-2)."""
    world = spoilt()
    strange = [f"{rounds_of('us')}{name}" for name in ("strange", "-1/digest", "00/digest")]
    for name in strange:
        world.objects.put(name, b"")
    after_rounds(world, 2)
    theirs = objects_of(world, rounds_of("eu"))
    for _ in range(9):
        world.pass_time(INTERVAL)
        looked(world, "us")
    kept = {name.split("/")[3] for name in objects_of(world, rounds_of("us"))} - {"strange", "-1", "00"}
    assert len(kept) == LIMITS.kept_rounds
    assert set(strange) <= set(objects_of(world, rounds_of("us")))
    assert objects_of(world, rounds_of("eu")) == theirs


KEYS = st.builds(Key, st.text(max_size=3), st.text(max_size=3))


@settings(max_examples=40)
@given(st.lists(st.tuples(KEYS, any_entries), max_size=20), st.integers(1, 9), st.integers(1, 30))
def test_a_digest_is_that_of_the_entries_however_they_come(rows: list[tuple[Key, Entry]], read: int, most: int) -> None:
    """In whatever order a store hands them out, and however many fit into memory at once; and no other entries have it (DIV-1)."""
    one = dict(rows)
    found = sums_in_memory(one, read, most)
    assert found == sums_in_memory(dict(reversed(one.items())), 3, 10_000)
    assert sum(each.entries for each in found) == len(one)
    if one:
        key = min(one)
        one[key] = msgspec.structs.replace(one[key], digest=one[key].digest + "x")
        assert sums_in_memory(one, read, most) != found


def test_a_store_that_does_not_fit_into_memory_is_digested_in_passes() -> None:
    """Each entry counts once, in whichever pass (DIV-1)."""
    (entry, *_) = agreeing().entries["eu"].entries.values()
    entries = {Key("default", f"{number}"): entry for number in range(60)}
    whole = sums_in_memory(entries, 100, 10_000)
    assert sum(each.entries for each in whole) == 60
    for most in (2, 5, 20):
        assert sums_in_memory(entries, 4, most) == whole


def sums_in_memory(entries: dict[Key, Entry], read: int, most: int) -> list[RangeSum]:
    """The sums of a store that is read in pieces, with so many digests in memory."""
    store = Entries()
    store.entries = dict(entries)
    node = MemoryNode(Disk("eu"), store, Objects(), lambda: 0.0)
    with pytest.MonkeyPatch.context() as patch:
        limits = msgspec.structs.replace(LIMITS, read_entries=read, max_leaves=most)
        patch.setattr("flk.model.programs.publish.LIMITS", limits)
        patch.setattr("flk.model.programs.publish.RANGES", 2)
        patch.setattr("flk.model.entries.compared.LIMITS", msgspec.structs.replace(LIMITS, range_bits=1))
        return run(_sums(LAST), node.perform)


def test_of_a_range_with_too_many_entries_each_is_published_in_some_round(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each time the same ones by both regions, so that they can be compared (DIV-1)."""
    monkeypatch.setattr("flk.model.entries.compared.LIMITS", small(range_entries=3))
    entry = agreeing().entries["eu"].entries
    some = next(iter(entry.values()))
    claims = [Claim(Key("default", f"{number}"), some) for number in range(40)]
    number = range_of(place(claims[0].key))
    seen = set()
    for round_ in range(1, 200):
        extents = []
        for order in (claims, claims[::-1]):
            rows = [(position(place(claim.key), Timestamp(round_), number), claim) for claim in order]
            extents.append(extent_of("eu", Timestamp(round_), number, rows))
        assert extents[0] == extents[1]
        assert len(extents[0].entries) == 3
        seen |= set(extents[0].claims())
    assert len(seen) == 40


def test_a_range_with_too_many_entries_is_compared_as_far_as_both_published_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the one publishes and the other has no room for is no difference (DIV-1)."""
    monkeypatch.setattr("flk.model.entries.compared.RANGES", 1)
    monkeypatch.setattr("flk.model.programs.publish.RANGES", 1)
    monkeypatch.setattr("flk.model.entries.compared.range_of", lambda _: 0)
    monkeypatch.setattr("flk.model.programs.publish.range_of", lambda _: 0)
    for module in ("entries.compared", "programs.publish"):
        monkeypatch.setattr(f"flk.model.{module}.LIMITS", small(range_entries=8))
    world = agreeing(60)
    lost_at(world, 5)
    after_rounds(world, 1)
    (lost,) = world.entries["eu"].entries.keys() - world.entries["us"].entries.keys()
    for _ in range(60):
        found = after_rounds(world, 1, Mode.AUTO_AGGRESSIVE)
        assert set(of(found["us"]).comparison.differing) <= {lost}
        assert of(found["eu"]).lost + of(found["eu"]).unproven == 0
        assert of(found["us"]).lost <= 1
    assert world.entries["us"].entries == world.entries["eu"].entries


def test_of_so_many_ranges_entries_are_published_in_a_round(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many differ; in the rounds that follow others are looked into, until the regions agree (DIV-1)."""
    monkeypatch.setattr("flk.model.programs.compare.LIMITS", small(round_ranges=2))
    world = agreeing(60)
    for number in range(0, 60, 15):
        lost_at(world, number)
    after_rounds(world, 1)
    world.pass_time(INTERVAL)
    before = set(objects_of(world, rounds_of("eu")))
    looked(world, "us")
    looked(world, "eu")
    extents = {name for name in objects_of(world, rounds_of("eu")) if len(name.rpartition("/")[2]) == 3} - before
    assert len(extents) == 2
    after_rounds(world, 30, Mode.AUTO_AGGRESSIVE)
    assert world.entries["us"].entries == world.entries["eu"].entries


def test_a_peer_that_publishes_nothing_is_waited_for() -> None:
    """A region alone compares with nobody, and says so (DIV-1)."""
    world = agreeing()
    for _ in range(3):
        world.pass_time(INTERVAL)
        assert looked(world, "us").peers == ()


def test_regions_that_look_at_other_moments_compare_the_same_round() -> None:
    """Half an interval apart, forever (DIV-1)."""
    world = agreeing(90)
    lost_at(world, 3)
    for _ in range(5):
        for region in PEERS:
            world.pass_time(INTERVAL / 2)
            looked(world, region)
            mended(world, region, Mode.AUTO_SAFE)
    assert world.entries["us"].entries == world.entries["eu"].entries


def test_regions_that_leave_out_other_moments_compare_all_the_same() -> None:
    """A pass of each takes longer than the interval: one would publish for the even moments, the other for the odd ones (DIV-1)."""
    world = agreeing(90)
    lost_at(world, 3)
    for _ in range(5):
        for region in PEERS:
            world.pass_time(INTERVAL)
            looked(world, region)
            mended(world, region, Mode.AUTO_SAFE)
    assert world.entries["us"].entries == world.entries["eu"].entries


def test_two_empty_stores_agree() -> None:
    """There is nothing by which their counts could differ."""
    found = after_rounds(World("eu", "us"), 2)
    assert [of(found[region]).comparison.count_percent for region in PEERS] == [0.0, 0.0]


@given(st.lists(st.integers(0, 99), min_size=1, max_size=12, unique=True))
def test_of_a_range_that_is_cut_off_all_is_compared_up_to_where_it_is(numbers: list[int]) -> None:
    """The entry at the cut included: both published it, or have nothing there (DIV-1)."""
    (entry, *_) = agreeing(6).entries["eu"].entries.values()
    rows = sorted((position(place(key), Timestamp(1), 0), key) for key in (Key("default", f"{n}") for n in numbers))
    claims = tuple(columns_of(Claim(key, entry)) for _, key in rows)
    extent = Extent("eu", Timestamp(1), 0, rows[-1][0] + 1, claims)
    for number, (cut, _) in enumerate(rows, 1):
        assert set(_until(extent, cut)) == {key for _, key in rows[:number]}
