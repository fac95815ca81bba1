"""Retention where nodes share a store (RET-7, SNAP-10): every region comes to what the store has, whoever is away or lost."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.effort import few
from tests.support.model.crash_points import AROUND
from tests.support.model.effects_seen import interrupted, watched
from tests.support.model.sharing import SharingWorld, region_of
from tests.support.model.world import Crash, Stop, pcs, submission

from flk.model.effects import Effect, Export, GetObject, Merge, PutObject, Store, Watermark
from flk.model.entries.entry import Claim, Entry, Key
from flk.model.entries.snapshot import Head, clock_of, head_object, heads_of, read_head
from flk.model.log.frames import log_of, segment_name, sequence_of
from flk.model.log.hlc import Timestamp
from flk.model.memory.parts import Entries
from flk.model.programs import snapshot as snapshots
from flk.model.programs.lose import empty, lose
from flk.model.programs.recover import APPLIED
from flk.model.programs.replay import REPLAYED
from flk.model.programs.restore import restore
from flk.model.programs.retain import Retained, retain
from flk.model.programs.ship import PREFIX, SHIPPED, ship
from flk.model.programs.snapshot import snapshot, snapshot_in_turn, snapshot_shared
from flk.model.programs.start import covered, load
from flk.model.programs.watermarks import LOST, reaches
from flk.model.refusal import Unavailable

NODES = ("eu/1", "eu/2", "us", "ap")


def sent(world: SharingWorld, node: str, epoch: int, r: float = 0.5) -> int:
    """A record is answered by a node."""
    return world.ingest(node, submission(pcs(epoch=epoch, r=r))).status


def removing(world: SharingWorld, node: str, period: float = 0.0) -> Retained:
    """A pass of retention."""
    return world.run(node, retain(region_of(node), period, shared="/" in node))


def written(world: SharingWorld, node: str) -> str:
    """A snapshot is written by a node."""
    peers = [region for region in world.stores if region != node]
    return world.run(node, snapshot_shared("eu") if "/" in node else snapshot(node, peers)).name


def said(world: SharingWorld, region: str) -> dict[Key, Entry]:
    """What a region's store holds."""
    return dict(world.stores[region].entries)


def objects_of(world: SharingWorld, log: str) -> list[int]:
    """The numbers of a log's segments in the object store."""
    return [sequence_of(name) for name in sorted(world.objects.objects) if name.startswith(f"{PREFIX}{log}/")]


def level(world: SharingWorld, *regions: str) -> dict[Key, Entry]:
    """Let every node ship and every region read all others; what all of them hold then."""
    for node in world.nodes:
        world.run(node, ship())
    for _ in range(2):
        for node in world.nodes:
            for peer in regions:
                if peer != region_of(node):
                    assert not world.read(node, peer).gap
    held = [said(world, region) for region in regions]
    assert all(each == held[0] for each in held)
    return held[0]


def test_each_node_removes_its_own_log_by_whichever_snapshots_there_are() -> None:
    """Two nodes, two snapshots that one of them wrote: both logs are removed but for their last segments (RET-7)."""
    world = SharingWorld("eu/1", "eu/2")
    for epoch in range(3):
        for node in ("eu/1", "eu/2"):
            assert sent(world, node, 10 * epoch + int(node[-1])) == 200
            world.run(node, ship())
    for epoch in (100, 101):
        sent(world, "eu/1", epoch)
        written(world, "eu/1")
    for node, other in (("eu/1", "eu/2"), ("eu/2", "eu/1")):
        before = objects_of(world, world.log(other))
        assert [sequence_of(name) for name in removing(world, node).segments] == [1, 2]
        assert objects_of(world, world.log(node)) == [3]
        assert objects_of(world, world.log(other)) == before
        assert not world.run(other, restore(1.0)).found  # nothing is to be put back


def test_what_an_away_node_has_not_shipped_stays_its_own() -> None:
    """One node stores and is away. The other writes snapshots and removes its own log, nothing of the away one's goes beyond what
    that shipped; when it is back every region has all.
    """
    world = SharingWorld("eu/1", "eu/2", "us")
    sent(world, "eu/2", 1)
    world.run("eu/2", ship())
    sent(world, "eu/2", 2)  # stored, and on its disk alone
    name = ""
    for epoch in range(3, 7):
        sent(world, "eu/1", epoch)
        world.run("eu/1", ship())
        name = written(world, "eu/1")
    assert covered(read_head(name, world.objects.objects[name]), "eu")[world.log("eu/2")].endswith("1")
    assert removing(world, "eu/1").segments
    assert objects_of(world, world.log("eu/2")) == [1]
    world.start("us", "eu")
    world.start("eu/2")
    assert len(level(world, "eu", "us")) == 6


def test_a_lost_log_reaches_every_region_by_a_snapshot() -> None:
    """A record was answered by a node whose disk is lost before it shipped. One region has replayed all, and a claim that gave way
    to that record; when the log is declared lost, it begins with a snapshot, and all agree (SNAP-10).
    """
    world = SharingWorld("eu/1", "eu/2", "us")
    sent(world, "eu/2", 1)
    world.run("eu/2", ship())
    sent(world, "eu/2", 2)  # the earlier, and never shipped
    assert sent(world, "eu/1", 2, r=0.6) == 409
    world.run("eu/1", ship())
    assert not world.read("us", "eu").gap
    assert said(world, "us") != said(world, "eu")
    log = world.log("eu/2")
    world.lose_disk("eu/2")
    done = world.run("eu/1", lose(log))
    assert done.shipped == 1
    found = world.read("us", "eu")
    assert (found.snapshot, found.gap) == (done.snapshot, "")
    assert said(world, "us") == said(world, "eu")
    world.start("eu/2")
    for epoch in range(10, 14):
        sent(world, "eu/2", epoch)
        world.run("eu/2", ship())
        written(world, "eu/2")
    removing(world, "eu/2")
    assert objects_of(world, log) == [4]  # the sign stays, all before it went
    assert not world.read("us", "eu").gap
    assert world.run("eu/1", lose(log)).shipped == 1  # once more changes nothing


def test_a_node_whose_log_is_declared_lost_writes_and_ships_nothing_more() -> None:
    """It lives, and did not know: it is refused, and its next segment finds its name taken (RET-7)."""
    world = SharingWorld("eu/1", "eu/2", "us")
    sent(world, "eu/2", 1)
    world.run("eu/1", lose(world.log("eu/2")))
    before = said(world, "eu")
    assert sent(world, "eu/2", 2) == 503
    with pytest.raises(Exception, match=r"declared lost|CRR-9"):
        world.run("eu/2", ship())
    with pytest.raises(Unavailable, match="declared lost"):
        world.start("eu/2")
    assert said(world, "eu") == before
    assert objects_of(world, world.log("eu/2")) == [1, 3]
    assert not world.read("us", "eu").gap
    assert said(world, "us") == before


def test_a_store_takes_nothing_from_a_node_whose_log_is_declared_lost() -> None:
    """Not by any effect that writes entries, though the node has found out nothing (RET-7)."""
    world = SharingWorld("eu/1", "eu/2")
    sent(world, "eu/2", 1)
    before = said(world, "eu")
    ((key, entry),) = before.items()
    claim = Claim(key, msgspec.structs.replace(entry, timestamp=Timestamp(entry.timestamp - 1)))
    world.stores["eu"].barred.add(world.log("eu/2"))
    for effect in (Store(claim), Merge((claim,))):
        with pytest.raises(Unavailable, match="declared lost"):
            world.nodes["eu/2"].perform(effect)
    assert said(world, "eu") == before


def test_what_a_node_had_on_its_way_to_the_object_store_is_there() -> None:
    """It was barred between its upload and the mark of that: the log ends behind that object, and is declared lost all the same."""
    world = SharingWorld("eu/1", "eu/2", "us")
    sent(world, "eu/2", 1)
    program = ship()
    effect = next(program)
    while not isinstance(effect, PutObject):
        effect = program.send(world.perform("eu/2", effect))
    world.perform("eu/2", effect)
    assert world.run("eu/1", lose(world.log("eu/2"))).shipped == 1
    assert objects_of(world, world.log("eu/2")) == [1, 2, 4]
    assert not world.read("us", "eu").gap
    assert said(world, "us") == said(world, "eu") != {}


def test_a_store_that_lacks_what_was_shipped_does_not_speak_for_a_lost_log() -> None:
    """The store was lost, too, and begun anew from the log of one node: the other's is declared lost only once it is replayed."""
    world = SharingWorld("eu/1", "eu/2", "us")
    sent(world, "eu/2", 1)
    world.run("eu/2", ship())
    log = world.log("eu/2")
    world.lose_disk("eu/2")
    world.stores["eu"] = Entries()
    world.nodes["eu/1"] = world._start("eu/1")
    with pytest.raises(Unavailable, match=r"has not all that eu\.000002 shipped"):
        world.run("eu/1", lose(log))
    assert objects_of(world, log) == [1, 2]
    assert not world.read("eu/1", "eu").gap
    world.run("eu/1", lose(log))
    world.read("us", "eu")
    assert said(world, "us") == said(world, "eu") != {}


def test_there_is_no_snapshot_while_claims_are_set_aside() -> None:
    """A claim that a watermark covers is in no row (DUP-8)."""
    world = SharingWorld("eu/1", "eu/2")
    sent(world, "eu/1", 1)
    world.run("eu/1", ship())
    key = next(iter(world.stores["eu"].entries))
    world.stores["eu"].rotten.aside[key] = None
    with pytest.raises(Unavailable, match="rotten"):
        written(world, "eu/1")


def test_nothing_is_written_where_no_watermark_is_set() -> None:
    """Such a snapshot would cover no log (SNAP-10)."""
    world = SharingWorld("eu/1", "eu/2")
    sent(world, "eu/1", 1)
    assert written(world, "eu/1") == ""
    assert not world.objects.objects


def test_the_last_snapshot_that_was_written_is_the_last_by_name() -> None:
    """Also if whoever writes it has a clock behind that of who wrote the one before."""
    world = SharingWorld("eu/1", "eu/2")
    sent(world, "eu/1", 1)
    world.run("eu/1", ship())
    world.nodes["eu/1"].clock = Timestamp(world.nodes["eu/1"].clock + (1 << 40))
    first = written(world, "eu/1")
    sent(world, "eu/2", 2)
    world.run("eu/2", ship())
    second = written(world, "eu/2")
    assert clock_of(second) == clock_of(first) + 1
    assert second > first


def test_one_node_writes_the_snapshot_of_an_interval() -> None:
    """Of two that would write one, the second finds that of the first; at the next interval it is written (SNAP-11)."""
    world = SharingWorld("eu/1", "eu/2")
    for epoch, (node, writes) in enumerate([("eu/1", True), ("eu/2", False), ("eu/1", True), ("eu/2", False)]):
        if writes:
            world.pass_time(600)
        sent(world, node, epoch)
        world.run(node, ship())
        assert bool(world.run(node, snapshot_in_turn("eu", 600.0)).name) is writes


def test_half_an_interval_after_a_snapshot_the_next_may_be_written() -> None:
    """So that nodes whose rounds are not at the same moment write one in each interval (SNAP-11)."""
    world = SharingWorld("eu/1", "eu/2")
    sent(world, "eu/1", 1)
    world.run("eu/1", ship())
    assert world.run("eu/1", snapshot_in_turn("eu", 600.0)).name
    for epoch, (seconds, writes) in enumerate([(299, False), (2, True)], 2):
        world.pass_time(seconds)
        sent(world, "eu/2", epoch)  # which tells its clock the time
        assert bool(world.run("eu/2", snapshot_in_turn("eu", 600.0)).name) is writes


def test_a_shared_snapshot_says_of_every_log_how_far_it_is_covered_and_shipped() -> None:
    """Of those of its region, and of its peers' as far as they were read (SNAP-10)."""
    world = SharingWorld("eu/1", "eu/2", "us")
    for epoch, node in enumerate(("eu/1", "eu/1", "eu/2", "us")):
        sent(world, node, epoch)
        world.run(node, ship())
    for node in ("eu/1", "eu/2"):
        for peer in ("eu", "us"):
            world.read(node, peer)
    name = written(world, "eu/1")
    head = read_head(name, world.objects.objects[name])
    assert sorted(head.marks) == [
        (REPLAYED + "eu.000001", segment_name("eu.000001", 2)),
        (REPLAYED + "eu.000002", segment_name("eu.000002", 1)),
        (REPLAYED + "us.000001", segment_name("us.000001", 1)),
        (SHIPPED, segment_name("eu.000001", 2)),
        (SHIPPED, segment_name("eu.000002", 1)),
    ]


def test_the_clock_of_a_snapshot_is_after_what_came_while_it_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another node, whose clock is ahead, stores an entry between watermarks and pieces: a start from it goes on after that one,
    in whichever piece it is.
    """
    monkeypatch.setattr(snapshots, "LIMITS", msgspec.structs.replace(snapshots.LIMITS, read_entries=1, piece_entries=1))
    first, *others = sorted(range(1, 5), key=lambda epoch: pcs(epoch=epoch).pcs_id)
    world = SharingWorld("eu/1", "eu/2")
    for epoch in others:
        sent(world, "eu/1", epoch)
    world.run("eu/1", ship())
    world.nodes["eu/2"].clock = Timestamp(world.nodes["eu/1"].clock + (1 << 26))
    came: list[int] = []

    def meanwhile(effect: Effect[Any]) -> None:
        if isinstance(effect, Export) and not came:
            came.append(sent(world, "eu/2", first))

    name = interrupted(world, "eu/1", snapshot_shared("eu"), meanwhile).name
    assert came == [200]
    latest = max(entry.timestamp for entry in said(world, "eu").values())
    assert read_head(name, world.objects.objects[name]).clock >= latest > world.nodes["eu/1"].clock


def test_a_pass_reads_each_snapshot_once() -> None:
    """Older ones are looked at for what they cover; those that are kept were read already (RET-7)."""
    world = SharingWorld(*NODES)
    for epoch in range(4):
        sent(world, "eu/1", epoch)
        world.run("eu/1", ship())
        world.pass_time(1)
        written(world, "eu/2")
    seen: list[Effect[object]] = []
    world.run("eu/1", watched(retain("eu", 0.0, shared=True), seen))
    read = [effect.name for effect in seen if isinstance(effect, GetObject) and effect.name.startswith(heads_of("eu"))]
    assert len(read) == len(set(read)) == 4


def test_snapshots_of_one_node_are_no_ground_to_remove_anything() -> None:
    """As the earlier version wrote them where nodes share a store: they leave out what is not shipped. They go when two others are
    whole, and are passed over until then (RET-7).
    """
    world = SharingWorld("eu/1", "eu/2")
    for epoch in range(4):
        sent(world, "eu/1", epoch)
        world.run("eu/1", ship())
        world.run("eu/1", snapshot("eu"))
    done = removing(world, "eu/1")
    assert (done.snapshots, done.refused, done.segments) == ((), (), ())
    for epoch in (5, 6):
        sent(world, "eu/1", epoch)
        world.run("eu/1", ship())
        written(world, "eu/1")
    done = removing(world, "eu/1")
    assert len(done.heads) == 4
    assert done.segments
    assert len([name for name in world.objects.objects if name.startswith(heads_of("eu"))]) == 2


STEPS = st.lists(
    st.tuples(
        st.sampled_from(NODES[:3]),
        st.sampled_from(
            ["send", "rival", "send+ship", "rival+ship", "snapshot", "retain", "read", "restart", "lose", "store"]
        ),
    ),
    max_size=30,
)


@settings(max_examples=few(150), deadline=None)
@given(STEPS)
def test_every_region_comes_to_what_was_answered(steps: list[tuple[str, str]]) -> None:
    """Whatever two nodes and a peer do, with disks lost behind what they shipped, and logs declared lost then: at last all regions
    hold the same, and all that was answered, and so does one that is new (SNAP-10, RET-1, CRR-2).
    """
    world = SharingWorld(*NODES[:3])
    answered: set[Key] = set()
    for number, (node, step) in enumerate(steps):
        world.pass_time(1)
        _do(world, node, step, number, answered)
    held = level(world, "eu", "us")
    assert answered <= held.keys()
    new = _with_a_new_region(world)
    assert said(new, "ap") == held
    for node in ("eu/1", "eu/2"):
        assert not world.run(node, restore(1.0)).found


def _with_a_new_region(world: SharingWorld) -> SharingWorld:
    new = SharingWorld("ap")
    new.objects = world.objects
    new.start("ap", "eu", "us")
    for peer in ("eu", "us", "eu"):
        assert not new.read("ap", peer).gap
    return new


def _do(world: SharingWorld, node: str, step: str, number: int, answered: set[Key]) -> None:
    region, is_member = region_of(node), "/" in node
    match step:
        case "snapshot":
            written(world, node)
        case "retain":
            removing(world, node, 2.0)
        case "read":
            for peer in {"eu", "us"} - (set() if is_member else {region}):
                assert not world.read(node, peer).gap
        case "restart":
            world.start(node)
        case "lose" if is_member:
            _lose_disk(world, node)
        case "store" if is_member:  # what a node had stored is on its disk, or was shipped
            world.stores["eu"] = Entries()
            for each in ("eu/1", "eu/2"):
                world.start(each, "us")
        case _:
            _send(world, node, step, number)
            answered |= world.stores[region].entries.keys()


def _send(world: SharingWorld, node: str, step: str, number: int) -> None:
    epoch, r = (0, 0.5 + int(node[-1:] == "2") / 10) if step.startswith("rival") else (number, 0.5)
    assert sent(world, node, epoch, r) in {200, 202, 409}
    if step.endswith("ship") or "/" not in node:
        world.run(node, ship())


def _lose_disk(world: SharingWorld, node: str) -> None:
    """The disk of a node goes, its log is declared lost by the other, and it begins anew."""
    log = world.log(node)
    world.lose_disk(node)
    world.run("eu/2" if node == "eu/1" else "eu/1", lose(log))
    world.start(node, "us")


@pytest.mark.parametrize("stop", AROUND)
def test_a_declaration_stopped_anywhere_is_finished_by_the_next(stop: Stop) -> None:
    """Before or after any effect of it: readers come to the same, and the second attempt to what one that was not stopped does."""
    ends = set()
    for offset in range(200):
        world, log = _about_to_lose()
        world.arm(world.effects + offset, stop)
        try:
            world.run("eu/1", lose(log))
        except Crash:
            world.arm(-1, stop)
            world.start("eu/1")
            assert not world.read("us", "eu").gap  # nobody waits at a sign for its snapshot
            world.run("eu/1", lose(log))
        else:
            break
        world.read("us", "eu")
        assert said(world, "us") == said(world, "eu")
        ends.add(tuple(objects_of(world, log)))
    assert offset > 10
    assert ends == {(1, 2, 4)}


def _about_to_lose() -> tuple[SharingWorld, str]:
    world = SharingWorld("eu/1", "eu/2", "us")
    sent(world, "eu/2", 1)
    world.run("eu/2", ship())
    sent(world, "eu/2", 2)
    sent(world, "eu/1", 3)
    world.run("eu/1", ship())
    log = world.log("eu/2")
    world.lose_disk("eu/2")
    return world, log


@pytest.mark.parametrize("stop", AROUND)
def test_snapshot_and_removal_stopped_anywhere_lose_nothing(stop: Stop) -> None:
    """Two nodes at one after another's work: wherever one stops, the other goes on, and a new region has all."""
    offset, finished = 0, False
    while not finished:
        world = SharingWorld("eu/1", "eu/2")
        for epoch in range(2):
            for node in ("eu/1", "eu/2"):
                sent(world, node, 10 * epoch + int(node[-1]))
                world.run(node, ship())
        written(world, "eu/2")
        sent(world, "eu/2", 90)
        world.arm(world.effects + offset, stop)
        try:
            written(world, "eu/1")
            removing(world, "eu/1")
            finished = True
        except Crash:
            world.start("eu/1")
        world.arm(-1, stop)
        written(world, "eu/2")
        removing(world, "eu/2")
        world.run("eu/2", ship())
        new = SharingWorld("us")
        new.objects = world.objects
        new.start("us", "eu")
        assert not new.read("us", "eu").gap
        assert said(new, "us") == said(world, "eu")
        offset += 1
    assert offset > 20


def test_an_empty_segment_is_the_same_whoever_makes_it() -> None:
    """So a declaration that was stopped finds its own (SNAP-10)."""
    assert empty("eu.000002/000000000007") == empty("eu.000002/000000000007") != empty("eu.000002/000000000008")


def test_a_snapshot_that_took_long_takes_the_place_of_none_that_covers_more() -> None:
    """One node begins a snapshot, the other writes two, which let a segment be removed; then the first is complete, and is the last
    by name. The others stay until two stand for them, and a new region has all (RET-7).
    """
    world = SharingWorld("eu/1", "eu/2", "eu/3")
    sent(world, "eu/1", 1)
    world.run("eu/1", ship())
    slow = snapshot_shared("eu")
    effect, results = next(slow), 0
    while results < 3:  # it has its watermarks, and knows of no rotten row and no other head
        effect, results = slow.send(world.perform("eu/2", effect)), results + 1
    for epoch in (2, 3, 4):
        sent(world, "eu/1", epoch)
        world.run("eu/1", ship())
        written(world, "eu/1")
    assert [sequence_of(name) for name in removing(world, "eu/1").segments] == [1, 2, 3]
    sent(world, "eu/2", 5)
    done = None
    while done is None:
        try:
            effect = slow.send(world.perform("eu/2", effect))
        except StopIteration as stop:
            done = stop.value.name
    assert done == max(name for name in world.objects.objects if name.startswith(heads_of("eu")))
    removing(world, "eu/1")
    world.start("eu/3")  # it finds a snapshot that covers what is gone, too
    new = SharingWorld("us")
    new.objects = world.objects
    new.start("us", "eu")
    assert not new.read("us", "eu").gap
    world.run("eu/2", ship())
    assert not new.read("us", "eu").gap
    assert said(new, "us") == said(world, "eu")
    written(world, "eu/1")
    sent(world, "eu/1", 6)
    written(world, "eu/1")
    assert len(removing(world, "eu/1").heads) == 3


@pytest.mark.parametrize(("covers", "place"), [("eu.000002", "eu.000002"), ("eu.000001", "eu.000003")])
def test_a_reader_that_begins_with_a_snapshot_keeps_its_place_in_every_log(covers: str, place: str) -> None:
    """Be the log that the snapshot covers later than the one that the reader is at, or earlier: neither is read again (CRR-7)."""
    world = SharingWorld("us")
    at = place if place > covers else "eu.000001"
    world.stores["us"].marks[REPLAYED + "eu"] = segment_name(at, 2)
    head = Head("eu", covers, Timestamp(1), segment_name(covers, 1), (), 0, 0, ())
    world.objects.put(*head_object(head))
    assert world.run("us", load("us", ["eu"])).name
    newest, other = sorted([segment_name(covers, 1), segment_name(at, 2)], reverse=True)
    assert world.stores["us"].marks == {REPLAYED + "eu": newest, REPLAYED + log_of(other): other}


def test_a_store_has_come_as_far_in_a_log_as_it_is_applied_and_shipped_or_replayed() -> None:
    """By whichever node; a log that is lost counts to its end if all before that counts."""
    one, two = "eu.000001", "eu.000002"
    marks = [
        Watermark(one, APPLIED, segment_name(one, 5)),
        Watermark(one, SHIPPED, segment_name(one, 4)),
        Watermark(two, SHIPPED, segment_name(two, 9)),
        Watermark(one, "checked", segment_name(one, 9)),
    ]
    assert reaches(marks) == {one: segment_name(one, 4)}
    marks += [Watermark(two, APPLIED, segment_name(two, 3))]
    assert reaches(marks) == {one: segment_name(one, 4), two: segment_name(two, 3)}
    marks += [Watermark(two, LOST, segment_name(two, 12)), Watermark(one, REPLAYED + two, segment_name(two, 8))]
    assert reaches(marks)[two] == segment_name(two, 8)
    marks += [Watermark("eu.000003", REPLAYED + "eu", segment_name(two, 9))]
    assert reaches(marks)[two] == segment_name(two, 12)
