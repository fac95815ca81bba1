"""Recovery from damage, shipping, replay, and comparing regions."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.model.world import EQUIVOCATING, EXAMINE, HONEST, STORY, World, pcs, submission

from flk.model.effects import INBOX, Effect, ListObjects, Salvage
from flk.model.flow.submission import Submission
from flk.model.log import hlc
from flk.model.log.frames import CorruptSegment, scan, sealed_frames
from flk.model.memory.parts import Entries, Objects
from flk.model.programs.divergence import Agreement, Divergence, detect_divergence
from flk.model.programs.recover import recover
from flk.model.programs.replay import PREFIX, Replayed, replay
from flk.model.programs.restore import Found, Restored, restore
from flk.model.programs.ship import SHIPPED, ship
from flk.model.refusal import Unavailable, unavailable
from flk.model.runtime import run

MANY = [submission(pcs(epoch=epoch)) for epoch in range(6)]


def shipped(*stories: list[Submission]) -> World:
    """A region that ships each story as one segment."""
    world = World("eu", "us")
    for story in stories:
        for sent in story:
            world.ingest("eu", sent)
        world.run("eu", ship())
    return world


def test_a_corrupt_middle_is_reported_salvaged_and_still_ships() -> None:
    """One byte rots in the third frame: recovery names the place, keeps the other frames and the damaged bytes, and the log
    ships without a gap (WAL-4).
    """
    world = World("eu", "us")
    for sent in MANY:
        world.ingest("eu", sent)
    disk = world.disks["eu"]
    (name,) = disk.names(INBOX)
    third = bytes(disk.segments[name]).index(MANY[2].body)
    disk.segments[name][third + 40] ^= 1
    rotten = bytes(disk.segments[name])
    world.entries["eu"] = Entries()
    world.nodes["eu"] = world._start("eu")
    (repair,) = world.recover("eu").repairs
    (damage,) = repair.damage
    assert damage.offset < third + 40 < damage.offset + damage.length
    assert disk.damaged[name] == rotten
    assert len(world.entries["eu"].entries) == len(MANY) - 1
    world.run("eu", ship())
    assert world.run("us", replay("eu", EXAMINE)).claims == len(MANY) - 1
    assert world.entries["us"].entries == world.entries["eu"].entries


def test_nothing_is_appended_behind_a_torn_tail() -> None:
    """A frame of an earlier segment rots, and the open one ends in a write cut short: the tail is cut off before what is salvaged
    comes behind it, and is reported as what it is (WAL-3).
    """
    world = World("eu")
    disk = world.disks["eu"]
    for sent in MANY[:3]:
        world.ingest("eu", sent)
    disk.seal(INBOX)
    for sent in MANY[3:]:
        world.ingest("eu", sent)
    sealed, opened = disk.names(INBOX)
    disk.segments[sealed][bytes(disk.segments[sealed]).index(MANY[1].body) + 40] ^= 1
    disk.segments[opened] += b"a write cut short"
    world.entries["eu"] = Entries()
    world.nodes["eu"] = world._start("eu")
    told = {repair.name: repair for repair in world.recover("eu").repairs}
    assert (told[opened].torn, told[opened].damage) == (len(b"a write cut short"), ())
    assert len(told[sealed].damage) == 1
    assert not scan(bytes(disk.segments[opened])).damage
    assert len(world.entries["eu"].entries) == len(MANY) - 1


def test_a_sealed_segment_that_rots_before_it_ships_is_salvaged_first() -> None:
    """What the store knows is not what ships: the log is, and it is mended on the way (WAL-4, WAL-6)."""
    world = World("eu", "us")
    for sent in MANY:
        world.ingest("eu", sent)
    disk = world.disks["eu"]
    disk.seal(INBOX)
    (name,) = disk.names(INBOX)
    disk.segments[name][-3] ^= 1  # the seal itself
    world.run("eu", ship())
    world.run("eu", ship())
    assert world.run("us", replay("eu", EXAMINE)).claims == len(MANY)


def test_a_seal_that_ends_in_zeros_asks_for_no_operator() -> None:
    """No frame is gone with the end of a seal that no object has: recovery salvages the segment and goes on (WAL-4, WAL-9)."""
    world = World("eu", "us")
    for sent in MANY:
        world.ingest("eu", sent)
    disk = world.disks["eu"]
    disk.seal(INBOX)
    (name,) = disk.names(INBOX)
    disk.segments[name][-1:] = bytes(1)
    world.nodes["eu"] = world._start("eu")
    assert world.recover("eu").gaps == ()
    world.run("eu", ship())
    assert world.run("us", replay("eu", EXAMINE)).claims == len(MANY)


def test_what_a_salvage_leaves_may_rot_too() -> None:
    """Between the salvage and the upload the empty segment in the old one's place rots: what is uploaded is whole (WAL-6)."""
    world = World("eu", "us")
    for sent in MANY:
        world.ingest("eu", sent)
    disk = world.disks["eu"]
    disk.seal(INBOX)
    (name,) = disk.names(INBOX)
    disk.segments[name][-3] ^= 1
    perform = world.nodes["eu"].perform

    def rotting(effect: Effect[Any]) -> Any:
        result = perform(effect)
        if isinstance(effect, Salvage) and len(disk.damaged) == 1 and name not in rotten:
            rotten.append(name)
            disk.segments[name][20] ^= 4
        return result

    rotten: list[str] = []
    run(ship(), rotting)
    assert sealed_frames(name, world.objects.objects[PREFIX + name]) == ()


def test_a_segment_that_rots_after_its_upload_does_not_stop_shipping() -> None:
    """The upload took place and the watermark did not move; then the segment rots and is salvaged. The log ships on (CRR-9)."""
    world = shipped(MANY[:2])
    world.entries["eu"].marks.pop("shipped")
    disk = world.disks["eu"]
    (name,) = disk.names(INBOX)
    disk.segments[name][40] ^= 1
    for sent in MANY[2:]:
        world.ingest("eu", sent)
    world.run("eu", ship())
    world.run("eu", ship())
    world.run("us", replay("eu", EXAMINE))
    assert world.entries["us"].entries == world.entries["eu"].entries
    assert len(world.entries["us"].entries) == len(MANY)


@given(st.data())
def test_no_single_changed_byte_of_a_shipped_segment_is_ever_replayed(data: st.DataObject) -> None:
    """Any byte of an object changes, and replay stops there with its name; what came before stays (CRR-6)."""
    world = shipped(MANY[:2], MANY[2:4])
    name = sorted(world.objects.objects)[1]
    content = bytearray(world.objects.objects[name])
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    world.objects.objects[name] = bytes(content)
    with pytest.raises(CorruptSegment, match=name.removeprefix("crr/")):
        world.run("us", replay("eu", EXAMINE))
    assert len(world.entries["us"].entries) == 2


def test_a_missing_segment_is_waited_for_and_never_skipped() -> None:
    """With the second of three objects missing, only the first counts; once it is there, the rest follows (CRR-5)."""
    world = shipped(MANY[:2], MANY[2:4], MANY[4:])
    first, second, third = sorted(world.objects.objects)
    missing = world.objects.objects.pop(second)
    found = world.run("us", replay("eu", EXAMINE))
    assert found == Replayed((first.removeprefix("crr/"),), 2, 0, gap=third.removeprefix("crr/"))
    world.objects.objects[second] = missing
    assert world.run("us", replay("eu", EXAMINE)).claims == 4


def test_each_log_of_a_region_has_a_watermark() -> None:
    """The last object of a disk that is gone comes to light when the log of the next disk is being read: it is merged all the same,
    once, and a gap in the log of the one disk does not hold up that of the other (CRR-4, CRR-5).
    """
    world = shipped(MANY[:1], MANY[1:2], MANY[2:3])
    _, second, third = sorted(world.objects.objects)
    late = {name: world.objects.objects.pop(name) for name in (second, third)}
    world.lose_disk("eu")
    world.recover("eu")
    world.ingest("eu", MANY[3])
    world.run("eu", ship())
    assert world.run("us", replay("eu", EXAMINE)).claims == 2
    world.objects.objects[third] = late[third]
    found = world.run("us", replay("eu", EXAMINE))
    assert (found.claims, found.gap) == (0, third.removeprefix("crr/"))
    world.ingest("eu", MANY[4])
    world.run("eu", ship())
    assert world.run("us", replay("eu", EXAMINE)).claims == 1
    world.objects.objects[second] = late[second]
    assert world.run("us", replay("eu", EXAMINE)).claims == 2
    assert world.run("us", replay("eu", EXAMINE)) == Replayed((), 0, 0)


def test_replaying_twice_changes_nothing() -> None:
    """Without its watermark a region replays everything again, and stores the same (CRR-7)."""
    world = shipped(list(STORY))
    world.run("us", replay("eu", EXAMINE))
    before = dict(world.entries["us"].entries)
    world.entries["us"].marks.clear()
    world.run("us", replay("eu", EXAMINE))
    assert world.entries["us"].entries == before
    assert not world.entries["us"].superseded


def test_two_disks_that_claim_one_log_are_found_out() -> None:
    """An object of the segment's name with another content stops shipping (CRR-9)."""
    world = shipped(MANY[:1])
    world.entries["eu"].marks.pop("shipped")
    name = next(iter(world.objects.objects))
    world.objects.objects[name] += b"\0"
    with pytest.raises(CorruptSegment, match="another content"):
        world.run("eu", ship())


def test_shipping_again_after_a_lost_watermark_is_harmless() -> None:
    """The same content under the same name counts as shipped (CRR-4)."""
    world = shipped(MANY[:2])
    world.entries["eu"].marks.pop("shipped")
    assert len(world.run("eu", ship())) == 1


def two_segments() -> tuple[World, list[str]]:
    """A region that shipped two segments, and the names of its objects."""
    world = shipped(MANY[:1], MANY[1:2])
    return world, sorted(world.objects.objects)


def test_objects_are_put_back_as_they_were_shipped() -> None:
    """Of two objects one is gone and of the other a byte changed: a pass puts both back, keeps the damaged bytes elsewhere, and
    says so; the next one finds nothing (CRR-10).
    """
    world, (first, second) = two_segments()
    before = dict(world.objects.objects)
    del world.objects.objects[first]
    world.objects.objects[second] = damaged = before[second][:-1]
    restored = world.run("eu", restore(1.0))
    assert [found for _, found in restored.found] == [Found.MISSING, Found.DAMAGED]
    assert not restored.shortcoming
    kept = {name: content for name, content in world.objects.objects.items() if name not in before}
    assert list(kept.values()) == [damaged]
    assert world.objects.objects == before | kept
    assert world.run("eu", restore(1.0)) == Restored(2, ())


def test_every_object_has_its_turn() -> None:
    """A pass that reads one of two objects goes on where the last one ended, whatever the share (CRR-10)."""
    for damaged in (0, 1):
        world, names = two_segments()
        world.objects.objects[names[damaged]] += b"?"
        found = [world.run("eu", restore(0.01)).found for _ in range(2)]
        assert sum(map(len, found)) == 1


@pytest.mark.parametrize("rival", [True, False])
def test_what_is_whole_is_never_replaced(*, rival: bool) -> None:
    """A whole segment of other content is another's, and is reported (CRR-9); if the log's own rotted, and a salvage took its
    place, the object is the better copy.
    """
    world, (first, _) = two_segments()
    if rival:
        other = shipped(MANY[3:4])
        world.objects.objects[first] = other.objects.objects[first]
    else:
        world.disks["eu"].segments[first.removeprefix(PREFIX)][60] ^= 1
    before = dict(world.objects.objects)
    assert ("CRR-9" in world.run("eu", restore(1.0)).shortcoming) is rival
    assert world.objects.objects == before


def test_a_name_that_is_taken_and_cannot_be_read_is_reported() -> None:
    """It is not listed, not found and not free: nothing can be done, and the pass says so (CRR-10)."""
    world, (first, _) = two_segments()

    class Hiding(Objects):
        def get(self, name: str) -> bytes | None:
            return None if name == first else super().get(name)

    world.objects, there = Hiding(), world.objects.objects
    world.objects.objects = there
    world.nodes["eu"] = world._start("eu")
    assert "cannot be read" in world.run("eu", restore(1.0)).shortcoming


@pytest.mark.parametrize("lost", [0, 1])
def test_a_log_that_has_everything_waits_for_no_object_store(lost: int) -> None:
    """The store of a node is lost, and one of its objects, or all answers of the object store: the log of the region's first disk
    rebuilds it, but where a segment of that is gone (CRR-11).
    """
    world, names = two_segments()
    before = dict(world.entries["eu"].entries)
    world.entries["eu"] = Entries()
    world.nodes["eu"] = world._start("eu")

    def away(effect: Effect[Any]) -> Any:
        if isinstance(effect, ListObjects):
            raise unavailable("away")
        return world.nodes["eu"].perform(effect)

    del world.objects.objects[names[0]]
    run(recover("eu", EXAMINE), away if lost else world.nodes["eu"].perform)
    assert world.entries["eu"].entries == before
    world.entries["eu"].marks.clear()
    disk = world.disks["eu"]
    disk._names[INBOX].remove("eu.000001/000000000001")
    with pytest.raises(Unavailable):
        run(recover("eu", EXAMINE), away if lost else world.nodes["eu"].perform)


@pytest.mark.parametrize("stray", ["eu.readme", "eu.000001/notes", "eu.000001/000000000002.tmp"])
def test_an_object_that_is_no_segment_is_reported(stray: str) -> None:
    """A name that shipping does not give stops the replay of that region, and says which (CRR-6)."""
    world = shipped(MANY[:1])
    world.objects.objects[PREFIX + stray] = b""
    with pytest.raises(CorruptSegment, match=f"{stray} is not the name of a segment"):
        world.run("us", replay("eu", EXAMINE))


def test_an_idle_region_ships_nothing() -> None:
    """Nothing logged, nothing sealed, nothing uploaded."""
    world = shipped(MANY[:1])
    assert world.run("eu", ship()) == ()
    assert len(world.objects.objects) == 1


def test_what_ships_is_sealed() -> None:
    """Every object reads back whole under its own name (WAL-6)."""
    world = shipped(MANY[:3], MANY[3:])
    for name, content in world.objects.objects.items():
        assert len(sealed_frames(name.removeprefix("crr/"), content)) == 3


def test_the_earlier_write_wins_in_every_region_and_the_loser_is_on_record() -> None:
    """Two regions accept different contents under one id: both end with the earlier, and the later one's region says so."""
    world = World("eu", "us")
    world.ingest("eu", HONEST)
    world.ingest("us", EQUIVOCATING)
    for region in ("eu", "us"):
        world.run(region, ship())
    world.run("eu", replay("us", EXAMINE))
    assert world.run("us", replay("eu", EXAMINE)).superseded == 1
    assert world.entries["eu"].entries == world.entries["us"].entries
    ((_, gave_way, winner),) = world.entries["us"].superseded
    assert (gave_way.region, winner.region) == ("us", "eu")
    assert world.ingest("us", EQUIVOCATING).status == 409


@pytest.mark.parametrize("flips", [(-5,), (-200,), (-5, -200)], ids=["seal", "last frame", "both"])
def test_a_sealed_segment_that_rots_at_its_end_is_no_torn_write(flips: tuple[int, ...]) -> None:
    """It was uploaded, and the node stopped before its watermark moved. What is left of it is salvaged, not cut off: so its name
    has no other content than its object, and shipping goes on (WAL-4, CRR-9).
    """
    world = World("eu", "us")
    for sent in MANY[:3]:
        world.ingest("eu", sent)
    world.run("eu", ship())
    (name,) = world.disks["eu"].names(INBOX)
    del world.entries["eu"].marks[SHIPPED]
    for place in flips:
        world.disks["eu"].segments[name][place] ^= 1
    world.nodes["eu"] = world._start("eu")
    assert all(repair.damage or repair.doubtful for repair in world.recover("eu").repairs)
    world.ingest("eu", MANY[3])
    world.run("eu", ship())
    world.replay("us", "eu")
    assert world.entries["us"].entries == world.entries["eu"].entries
    assert len(world.entries["us"].entries) == 4


def test_a_clock_goes_on_after_its_log_even_if_wall_time_fell_back() -> None:
    """After a restart with an earlier wall clock, new timestamps still come after all logged ones (HLC-1)."""
    world = World("eu")
    world.ingest("eu", HONEST)
    last = world.nodes["eu"].clock
    world._now -= 90
    world.nodes["eu"] = world._start("eu")
    world.recover("eu")
    world.ingest("eu", MANY[3])
    assert world.nodes["eu"].clock > last
    disk = world.disks["eu"]
    clocks = [scan(bytes(disk.segments[name])).clock for name in disk.names(INBOX)]
    assert clocks == sorted(clocks)


@pytest.mark.parametrize("trusts_wall", [False, True])
def test_only_an_operator_lets_a_new_disk_leave_a_far_clock_behind(*, trusts_wall: bool) -> None:
    """A region logged with a clock a day ahead, shipped that and lost its disk. The next has all of it, and logs nothing until it
    is said that wall time is right; then it logs by that, and what was logged ahead gives way (HLC-5, HLC-6, DUP-1).
    """
    world = World("eu")
    world._now += 86_400
    world.ingest("eu", HONEST)
    world.run("eu", ship())
    world._now -= 86_400
    (ahead,) = world.entries["eu"].entries.values()
    world.lose_disk("eu")
    world.nodes["eu"].time.trusts_wall = trusts_wall
    world.recover("eu")
    assert list(world.entries["eu"].entries.values()) == [ahead]
    answers = [world.ingest("eu", HONEST), world.ingest("eu", MANY[3])]
    assert {answer.status for answer in answers} == ({200} if trusts_wall else {503})
    stored = world.entries["eu"].entries.values()
    assert min(entry.timestamp for entry in stored) < hlc.at(world._now + 60) or not trusts_wall
    assert {entry.digest for entry in stored} >= {ahead.digest}
    assert trusts_wall or {answer.json()["requirement"] for answer in answers} == {"HLC-5"}


def test_a_peer_with_a_broken_clock_does_not_drag_ours_along() -> None:
    """A timestamp far in the future is merged but not followed (HLC-3)."""
    world = World("eu", "us")
    world._now += 86_400
    world.ingest("eu", HONEST)
    world.run("eu", ship())
    world._now -= 86_400
    world.run("us", replay("eu", EXAMINE))
    assert len(world.entries["us"].entries) == 1
    assert hlc.wall_seconds(world.nodes["us"].clock) < world._now + 60


def test_a_timestamp_beyond_the_bound_hides_none_that_is_within_it() -> None:
    """A clock that was half a minute ahead, then a day: of the segment that holds both, the first moves ours (HLC-2, HLC-3)."""
    world = World("eu", "us")
    now = world._now
    for ahead, item in ((30, MANY[0]), (86_400, MANY[1])):
        world._now = now + ahead
        world.ingest("eu", item)
    world.run("eu", ship())
    world._now = now
    world.run("us", replay("eu", EXAMINE))
    within = min(entry.timestamp for entry in world.entries["us"].entries.values())
    assert within >= hlc.at(now + 30)
    assert world.nodes["us"].clock == within


def test_divergence_counts_what_only_one_side_has_whichever_it_is() -> None:
    """One entry of six is missing on one side: the verdict does not depend on which side is named first (CRR-8)."""
    world = shipped(MANY[:5])
    world.run("us", replay("eu", EXAMINE))
    assert world.run("eu", detect_divergence("eu", "us")) == Divergence(Agreement.AGREE)
    world.ingest("us", MANY[5])
    one = world.run("eu", detect_divergence("eu", "us"))
    other = world.run("eu", detect_divergence("us", "eu"))
    assert one == other
    assert one.agreement is Agreement.DIVERGE
    assert (one.count_percent, one.sample_percent) == pytest.approx((100 / 5.5, 100 / 6))


def test_a_region_that_does_not_answer_has_not_agreed() -> None:
    """An unreachable region leaves the comparison undecided (CRR-8)."""
    world = World("eu")
    assert world.run("eu", detect_divergence("eu", "ap")).agreement is Agreement.UNDECIDED


def test_a_region_whose_clock_is_behind_agrees_with_the_others_all_the_same() -> None:
    """A region stores a peer's entry from the future of its own clock, then logs another content under that id: its frame is the
    earlier one, so the peer's entry gives way at once, there as everywhere (DUP-1, CRR-1, CRR-3).
    """
    world = World("eu", "us")
    world._now += 3600
    world.ingest("eu", HONEST)
    world.run("eu", ship())
    world._now -= 3600
    world.run("us", replay("eu", EXAMINE))
    assert world.ingest("us", EQUIVOCATING).status == 200
    assert len(world.entries["us"].superseded) == 1
    world.run("us", ship())
    world.run("eu", replay("us", EXAMINE))
    assert world.entries["eu"].entries == world.entries["us"].entries
