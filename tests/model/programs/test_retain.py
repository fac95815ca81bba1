"""Retention (RET-*): what is removed is covered by snapshots, every reader comes to what it would have come to without."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain, repeat
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.model.crash_points import AROUND, crash_points
from tests.support.model.world import EXAMINE, World, pcs, submission

from flk.model.effects import INBOX, DeleteObject, Effect, GetObject, Program, Release, RemoveSegment
from flk.model.entries.entry import Entry, Key
from flk.model.entries.snapshot import heads_of, pieces_of, read_head
from flk.model.log.frames import segment_name, sequence_of
from flk.model.log.manifest import removed
from flk.model.memory.parts import Disk, Entries
from flk.model.programs import behind
from flk.model.programs.behind import read_on
from flk.model.programs.recover import APPLIED, recover
from flk.model.programs.repair import Incomplete
from flk.model.programs.replay import Replayed, replay
from flk.model.programs.restore import restore
from flk.model.programs.retain import KEPT, WHOLE, Retained, retain
from flk.model.programs.rotate import rotate
from flk.model.programs.ship import PREFIX, SHIPPED, ship
from flk.model.programs.snapshot import snapshot
from flk.model.refusal import Unavailable, unavailable


def sent(world: World, epoch: int, region: str = "eu") -> None:
    """One record is answered, and shipped as a segment of its own."""
    assert world.ingest(region, submission(pcs(epoch=epoch))).status == 200
    world.run(region, ship())


def removing(world: World, period: float = 0.0, region: str = "eu") -> Retained:
    """A pass of retention."""
    return world.run(region, retain(region, period))


def old(world: World, region: str = "eu", segments: int = 4) -> None:
    """A log of so many segments, of which two snapshots cover all but the last."""
    for epoch in range(segments):
        sent(world, epoch, region)
        if epoch >= segments - KEPT:
            world.run(region, snapshot(region))


def reading(world: World, region: str, peer: str) -> Any:
    """A pass over what a peer has shipped."""
    return world.run(region, read_on(region, peer, EXAMINE))


def started(world: World, region: str = "eu", *peers: str) -> Any:
    """Start-up of a region's node."""
    return world.run(region, recover(region, EXAMINE, (region, *peers)))


def forget_store(world: World, region: str = "eu") -> None:
    """The store is lost, the disk is not."""
    world.entries[region] = Entries()
    world.nodes[region] = world._start(region)


def said(entries: Entries) -> dict[Key, Entry]:
    """What a store holds."""
    return dict(entries.entries)


def objects_of(world: World, prefix: str = PREFIX) -> list[str]:
    """Names in the object store."""
    return [name for name in world.objects.objects if name.startswith(prefix)]


def numbers(names: Any) -> list[int]:
    """The places of segments in their log."""
    return [sequence_of(name) for name in names]


def removed_up_to(disk: Disk) -> int:
    """The last segment of the log that was removed on purpose."""
    return removed(disk.noted(INBOX, 0).notes)  # type: ignore[arg-type]  # no matter when


def test_what_each_of_the_last_snapshots_covers_is_removed_from_disk_and_object_store() -> None:
    """Four segments, the third and the fourth covered by one snapshot each: three are covered by both, and go (RET-1, RET-2)."""
    world = World("eu")
    old(world, segments=4)
    done = removing(world)
    assert numbers(done.segments) == [1, 2, 3]
    assert numbers(world.disks["eu"].names(INBOX)) == [4]
    assert numbers(world.disks["eu"].segments) == [4]
    assert numbers(objects_of(world)) == [4]
    assert removing(world).segments == ()


def test_the_last_segment_that_was_shipped_stays() -> None:
    """However well it is covered: it says where its log is (RET-3)."""
    world = World("eu")
    old(world)
    for _ in range(3):
        world.pass_time(1)
        world.ingest("eu", submission(pcs(epoch=1)))
        world.run("eu", snapshot("eu"))
        removing(world)
    assert numbers(objects_of(world)) == [4]
    assert numbers(world.disks["eu"].names(INBOX)) == [4, 5]


def test_nothing_is_removed_while_too_few_snapshots_are_whole() -> None:
    """With one snapshot, or with two of which one is damaged, nothing goes (RET-2)."""
    world = World("eu")
    for epoch in range(3):
        sent(world, epoch)
    assert removing(world).snapshots == ()
    world.run("eu", snapshot("eu"))
    assert not removing(world).is_enough
    sent(world, 3)
    first = world.run("eu", snapshot("eu"))
    world.objects.objects.pop(next(iter(objects_of(world, heads_of("eu")))))
    sent(world, 4)
    world.run("eu", snapshot("eu"))
    piece = read_head(first.name, world.objects.objects[first.name]).pieces[0].name
    world.objects.objects[piece] = b"rotten"
    done = removing(world)
    assert not done.is_enough
    assert [piece in reason for reason in done.refused] == [True]
    assert numbers(objects_of(world)) == [1, 2, 3, 4, 5]
    assert removed_up_to(world.disks["eu"]) == 0
    assert not [name for name in done.snapshots if name == first.name]


def test_what_is_younger_than_the_period_stays() -> None:
    """Of three covered segments, the last is half an hour old: it stays for an hour, and then goes (RET-1)."""
    world = World("eu")
    sent(world, 0)
    sent(world, 1)
    world.pass_time(3600)
    sent(world, 2)
    world.pass_time(1800)
    for epoch in (3, 4):
        sent(world, epoch)
        world.run("eu", snapshot("eu"))
    assert numbers(removing(world, 3600).segments) == [1, 2]
    world.pass_time(1900)
    sent(world, 5)
    assert numbers(removing(world, 3600).segments) == [3]


def test_snapshots_but_the_last_whole_ones_are_removed_and_what_crashes_left_of_others() -> None:
    """And one that is being written is not (RET-6)."""
    world = World("eu")
    sent(world, 0)
    world.run("eu", snapshot("eu"))
    sent(world, 9)
    aborted = snapshot("eu")
    _until(world, aborted, lambda name: name.startswith(pieces_of("eu")))
    for epoch in (1, 2, 3):
        sent(world, epoch)
        world.run("eu", snapshot("eu"))
    sent(world, 4)
    under_way = snapshot("eu")
    _until(world, under_way, lambda name: name.startswith(pieces_of("eu")))
    done = removing(world)
    assert len(done.heads) == 2
    assert done.pieces == 3
    assert len(objects_of(world, heads_of("eu"))) == KEPT
    assert len(objects_of(world, pieces_of("eu"))) == KEPT + 1
    forget_store(world)
    assert started(world).snapshot.name == done.snapshots[0]


def _until(world: World, program: Program[Any], put: Callable[[str], bool]) -> None:
    """Run a program until it has put such an object, and leave it there."""
    effect = next(program)
    while True:
        result = world.perform("eu", effect)
        if put(getattr(effect, "name", "")):
            return
        effect = program.send(result)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["eu", "us"]),
        st.sampled_from(["send", "send", "rival", "snapshot", "retain", "read", "store", "disk", "restart", "restore"]),
    ),
    max_size=25,
)


@settings(max_examples=120, deadline=None)
@given(STEPS)
def test_with_retention_every_region_comes_to_what_was_acknowledged(steps: list[tuple[str, str]]) -> None:
    """Whatever two regions do, removing what they may, losing stores and shipped disks: at last each holds all that was answered,
    and a third that is new, too; and whoever cannot is not ready (RET-5).
    """
    world = World("eu", "us", "ap")
    answered: set[Key] = set()
    for number, (region, step) in enumerate(steps):
        _do(world, region, step, number, answered)
    for region in ("eu", "us", "eu"):
        world.run(region, ship())
        reading(world, region, _other(region))
    started(world, "ap", "eu", "us")
    for peer in ("eu", "us"):
        assert not reading(world, "ap", peer).gap
    stores = [said(world.entries[region]) for region in ("eu", "us", "ap")]
    assert answered <= stores[0].keys()
    assert stores[0] == stores[1] == stores[2]
    for region in ("eu", "us"):
        assert not world.run(region, restore(1.0)).found  # nothing that was removed is put back


def _other(region: str) -> str:
    return "us" if region == "eu" else "eu"


def _do(world: World, region: str, step: str, number: int, answered: set[Key]) -> None:
    world.pass_time(1)
    match step:
        case "send" | "rival":
            record = pcs(epoch=number) if step == "send" else pcs(epoch=0, r=0.6 if region == "eu" else 0.5)
            assert world.ingest(region, submission(record)).status in {200, 202, 409}
            world.run(region, ship())
            answered |= world.entries[region].entries.keys()
        case "snapshot":
            world.run(region, snapshot(region, (_other(region),)))
        case "retain":
            removing(world, 2.0, region)
        case "read":
            assert not reading(world, region, _other(region)).gap
        case "store":
            forget_store(world, region)
            started(world, region, _other(region))
        case "disk":
            world.lose_disk(region)
            started(world, region, _other(region))
        case "restart":
            world.nodes[region] = world._start(region)
            started(world, region, _other(region))
        case _:
            assert not world.run(region, restore(1.0)).found


def test_a_pass_stopped_anywhere_is_finished_by_the_next() -> None:
    """Before or after any effect of it: the node starts, misses nothing and puts nothing back, readers read on, and the next pass
    leaves what a pass that was not stopped leaves (RET-4).
    """
    calm = _aged()
    removing(calm)
    worlds = list(crash_points(_aged, removing, AROUND))
    assert len(worlds) > 10
    for world in worlds:
        started(world, "eu", "us")
        assert not world.run("eu", restore(1.0)).found
        us = reading(world, "us", "eu")
        assert not us.gap
        assert said(world.entries["us"]) == said(world.entries["eu"]) == said(calm.entries["eu"])
        removing(world)
        assert world.disks["eu"].segments.keys() == calm.disks["eu"].segments.keys()
        assert world.objects.objects.keys() == calm.objects.objects.keys()
        assert removed_up_to(world.disks["eu"]) == removed_up_to(calm.disks["eu"])


def test_reading_on_from_a_snapshot_stopped_anywhere_is_finished_by_the_next() -> None:
    """A reader away for long finds that segments are gone, and begins with the snapshot (RET-5)."""

    def behind() -> World:
        world = World("eu", "us")
        sent(world, 77)
        reading(world, "us", "eu")
        old(world, segments=5)
        removing(world)
        sent(world, 78)
        return world

    def read(world: World) -> Any:
        return reading(world, "us", "eu")

    whole = behind()
    done = read(whole)
    assert done.snapshot
    assert numbers(done.segments) == [7]
    worlds = list(crash_points(behind, read, AROUND))
    assert len(worlds) > 10
    for world in worlds:
        started(world, "us", "eu")
        assert not read(world).gap
        assert said(world.entries["us"]) == said(whole.entries["us"]) == said(world.entries["eu"])


@given(st.integers(0, 30), st.integers(0, 30) | st.just(100))
@settings(max_examples=60)
def test_passes_that_take_turns_set_no_watermark_back(first: int, second: int) -> None:
    """While a pass reads what ap shipped, another begins with a snapshot of eu, which covers ap's log, too: the watermarks of ap's
    log are the first one's own (RET-5).
    """
    world = World("eu", "us", "ap")
    sent(world, 77, "ap")
    reading(world, "us", "ap")
    for epoch in range(78, 82):
        sent(world, epoch, "ap")
    reading(world, "eu", "ap")
    for epoch in range(4):
        sent(world, epoch)
        world.run("eu", snapshot("eu", ("ap",)))
    removing(world)
    node, passes = world.nodes["us"], [read_on("us", peer, EXAMINE) for peer in ("ap", "eu")]
    turns = chain(repeat(0, first), repeat(1, second), repeat(0, 100), repeat(1, 100))
    waiting: list[Any] = [None, None]
    done = set()
    marks: dict[str, str] = {}
    for turn in turns:
        if turn in done:
            continue
        try:
            waiting[turn] = node.perform(passes[turn].send(waiting[turn]))
        except StopIteration:
            done.add(turn)
        now = dict(world.entries["us"].marks)
        assert all(now[name] >= value for name, value in marks.items())
        marks = now
    assert len(done) == len(passes)
    assert said(world.entries["us"]) == said(world.entries["eu"])


def test_what_is_read_before_and_after_a_snapshot_is_told_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that a reader replayed counts, before the gap and behind it, each claim and each entry that gave way (RET-5)."""
    world = World("eu", "us")
    for region in ("eu", "us"):
        assert world.ingest(region, submission(pcs(epoch=77))).status == 200
    world.run("eu", ship())
    old(world, segments=5)
    removing(world)
    for epoch in (78, 79):
        sent(world, epoch)
    parts: list[Replayed] = []

    def noted(*given: Any, **options: Any) -> Program[Replayed]:
        part = yield from replay(*given, **options)
        parts.append(part)
        return part

    monkeypatch.setattr(behind, "replay", noted)
    whole = reading(world, "us", "eu")
    assert len(parts) == 2
    assert whole.snapshot
    assert whole.segments == (*parts[0].segments, *parts[1].segments)
    assert whole.claims == parts[0].claims + parts[1].claims > whole.superseded
    assert whole.superseded == parts[0].superseded + parts[1].superseded


def test_a_watermark_of_another_log_says_nothing_of_what_was_removed() -> None:
    """A store that has applied the log of an earlier disk to a later place than this one begins with the snapshot, too (RET-5)."""
    world = World("eu")
    old(world)
    removing(world)
    expected = said(world.entries["eu"])
    forget_store(world)
    world.entries["eu"].marks[APPLIED] = segment_name("eu.000000", 999)
    assert started(world).snapshot.name
    assert said(world.entries["eu"]) == expected


def test_a_start_behind_what_was_removed_stopped_anywhere_is_finished_by_the_next() -> None:
    """A store of before the removal, as from a backup: it begins with the snapshot (RET-5)."""

    def stale() -> World:
        world = World("eu")
        sent(world, 77)
        marks, entries = dict(world.entries["eu"].marks), said(world.entries["eu"])
        old(world)
        removing(world)
        forget_store(world)
        world.entries["eu"].marks.update(marks)
        world.entries["eu"].entries.update(entries)
        return world

    whole = stale()
    found = started(whole)
    assert found.snapshot.name
    assert found.segments == 0
    assert len(said(whole.entries["eu"])) == 5
    worlds = list(crash_points(stale, started, AROUND))
    assert len(worlds) > 10
    for world in worlds:
        started(world)
        assert said(world.entries["eu"]) == said(whole.entries["eu"])


def _performed(world: World) -> Iterator[Effect[Any]]:
    """The effects of a pass, each when it is performed."""
    program = retain("eu", 0.0)
    value: Any = None
    with suppress(StopIteration):
        while True:
            effect = program.send(value)
            value = world.perform("eu", effect)
            yield effect


def _aged() -> World:
    world = World("eu", "us")
    sent(world, 50)
    world.run("eu", snapshot("eu"))
    reading(world, "us", "eu")
    old(world, segments=4)
    return world


def test_segments_are_noted_as_removed_before_anything_goes() -> None:
    """Not a byte before the note is durable, and objects before files (RET-4)."""
    world = World("eu")
    old(world)
    seen = [type(effect) for effect in _performed(world)]
    first = min(seen.index(DeleteObject), seen.index(RemoveSegment))
    assert seen.index(Release) < first == seen.index(DeleteObject)


def test_what_was_noted_as_removed_stays_if_it_counts_as_shipped_last() -> None:
    """A pass was stopped behind its note, and the store came back with an earlier mark: what the mark names stays, as after any
    pass (RET-3).
    """
    world = World("eu")
    old(world, segments=5)
    disk = world.disks["eu"]
    names = disk.names(INBOX)
    disk.release(INBOX, names[3])
    world.entries["eu"].marks[SHIPPED] = names[2]
    assert numbers(removing(world).segments) == [1, 2]
    assert numbers(disk.segments) == numbers(objects_of(world)) == [3, 4, 5]


def test_a_snapshot_is_read_back_once() -> None:
    """The first pass reads every piece, the next one only the heads (RET-2)."""
    world = World("eu")
    old(world)

    def read() -> list[str]:
        got = [effect.name for effect in _performed(world) if isinstance(effect, GetObject)]
        return [name for name in got if name.startswith(pieces_of("eu"))]

    assert len(read()) == KEPT
    assert read() == []
    assert len(world.entries["eu"].marks[WHOLE].split()) == KEPT
    world.objects.objects = {n: c for n, c in world.objects.objects.items() if not n.startswith(pieces_of("eu"))}
    assert not removing(world).is_enough


def test_a_store_that_lacks_what_was_removed_is_not_ready_without_a_snapshot() -> None:
    """Neither a new store nor an old one goes on with a part of the log, in silence (RET-5)."""
    world = World("eu")
    old(world)
    removing(world)
    snapshots = {name: content for name, content in world.objects.objects.items() if not name.startswith(PREFIX)}
    for name in snapshots:
        del world.objects.objects[name]
    forget_store(world)
    with pytest.raises(Unavailable):
        started(world)
    with pytest.raises(Unavailable):
        world.recover("eu")  # it is given no snapshots to begin with
    assert not world.entries["eu"].marks
    world.objects.objects |= snapshots
    started(world)
    assert len(said(world.entries["eu"])) == 4


def test_a_manifest_that_lost_its_note_has_a_snapshot_to_vouch_for_what_is_gone() -> None:
    """The first segments are gone and the manifest knows nothing of them: with a snapshot that covers them the note is written
    anew, without one the log has a gap (RET-4, WAL-9).
    """
    world = World("eu")
    old(world)
    removing(world)
    disk = world.disks["eu"]
    disk._notes[INBOX] = disk._notes[INBOX][1:]
    world.nodes["eu"] = world._start("eu")
    with pytest.raises(Incomplete):
        world.recover("eu")
    heads = {name: world.objects.objects.pop(name) for name in objects_of(world, heads_of("eu"))}
    with pytest.raises(Incomplete):
        started(world)
    assert removed_up_to(disk) == 0
    world.objects.objects |= heads
    started(world)
    assert removed_up_to(disk) == 3
    world.recover("eu")


def test_a_segment_that_is_missing_behind_what_was_removed_is_a_gap() -> None:
    """Retention hides no loss (WAL-9)."""
    world = World("eu")
    old(world)
    removing(world)
    sent(world, 8)
    sent(world, 9)
    lost = world.disks["eu"].names(INBOX)[1]
    world.disks["eu"].lose(lost)
    del world.objects.objects[PREFIX + lost]
    world.nodes["eu"] = world._start("eu")
    with pytest.raises(Incomplete) as told:
        started(world)
    assert [gap.name for gap in told.value.gaps] == [lost]


def test_a_gap_that_no_snapshot_covers_stays_one() -> None:
    """An object that went by mistake, behind all snapshots: the reader waits for it, whatever snapshots there are (CRR-5)."""
    world = World("eu", "us")
    old(world)
    sent(world, 8)
    sent(world, 9)
    removing(world)
    del world.objects.objects[f"{PREFIX}eu.000001/000000000005"]
    found = reading(world, "us", "eu")
    assert found.snapshot
    assert sequence_of(found.gap) == 6
    assert world.entries["us"].marks["replayed/eu"].endswith("4")
    assert not reading(world, "us", "eu").snapshot  # nor is one read again and again


def test_a_snapshot_that_reaches_as_far_as_what_was_removed_will_do() -> None:
    """The first segment that is there is the one after those that the snapshots cover (RET-5)."""
    world = World("eu", "us")
    old(world)
    world.ingest("eu", submission(pcs(epoch=8)))
    world.run("eu", snapshot("eu"))
    sent(world, 8)
    sent(world, 9)
    removing(world)
    assert numbers(objects_of(world))[0] == 5
    found = reading(world, "us", "eu")
    assert not found.gap
    assert numbers(found.segments) == [5, 6]


def test_what_was_never_shipped_stays() -> None:
    """Sealed, applied, and twice in a snapshot: until it is in the object store, the file is all there is of it (RET-1)."""
    world = World("eu")
    for epoch in range(3):
        world.ingest("eu", submission(pcs(epoch=epoch)))
        world.run("eu", rotate())
        world.run("eu", snapshot("eu"))
    assert not removing(world).segments
    assert removed_up_to(world.disks["eu"]) == 0


def test_a_first_log_of_which_the_beginning_was_removed_waits_for_no_object_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The snapshot and the log are all that the region ever shipped, though segments cannot be listed now (RET-4, CRR-11)."""
    world = World("eu")
    old(world)
    removing(world)
    forget_store(world)
    names = world.objects.names

    def listed(prefix: str, after: str) -> tuple[str, ...]:
        if prefix.startswith(PREFIX):
            raise unavailable("segments cannot be listed")
        return names(prefix, after)

    monkeypatch.setattr(world.objects, "names", listed)
    started(world)
    assert len(said(world.entries["eu"])) == 4


def test_earlier_disks_are_removed_but_for_their_last_segment() -> None:
    """A new disk takes a number that no other has, and its node removes what the lost ones shipped (RET-1, RET-3)."""
    world = World("eu", "us")
    for epoch in range(3):
        sent(world, epoch)
    world.lose_disk("eu")
    started(world)
    old(world)
    done = removing(world)
    assert [name.removeprefix(PREFIX) for name in done.objects] == [
        "eu.000001/000000000001",
        "eu.000001/000000000002",
        "eu.000002/000000000001",
        "eu.000002/000000000002",
        "eu.000002/000000000003",
    ]
    assert not reading(world, "us", "eu").gap
    assert said(world.entries["us"]) == said(world.entries["eu"])


def test_a_log_of_another_region_is_left_alone() -> None:
    """Only the region itself knows who reads it (RET-1)."""
    world = World("eu", "us")
    for epoch in range(3):
        sent(world, epoch, "us")
    reading(world, "eu", "us")
    for epoch in range(10, 14):
        sent(world, epoch)
        world.run("eu", snapshot("eu", ("us",)))
    removing(world)
    assert len([name for name in objects_of(world) if "us.000001" in name]) == 3


def test_the_manifest_does_not_grow_with_history() -> None:
    """After a hundred segments it has the notes of those that are there, and one more (RET-4)."""
    world = World("eu")
    old(world)
    removing(world)
    few = len(world.disks["eu"].noted(INBOX, 0).notes)  # type: ignore[arg-type]
    old(world, segments=30)
    removing(world)
    assert len(world.disks["eu"].noted(INBOX, 0).notes) == few  # type: ignore[arg-type]
    assert world.entries["eu"].marks[SHIPPED].endswith("34")


def test_reading_on_follows_no_peer_that_is_too_far_ahead() -> None:
    """A peer's clock is a day ahead: its entries are taken, and the reader's clock goes on as it was (HLC-3)."""
    world = World("eu", "us")
    world.pass_time(86_400)
    world.ingest("eu", submission(pcs(epoch=1)))
    world.run("eu", ship())
    world.pass_time(-86_400)
    world.run("us", read_on("us", "eu", EXAMINE))
    (taken,) = world.entries["us"].entries.values()
    world.ingest("us", submission(pcs(epoch=2)))
    own = next(entry for entry in world.entries["us"].entries.values() if entry.region == "us")
    assert own.timestamp < taken.timestamp


def test_reading_on_past_a_gap_counts_what_gave_way_once() -> None:
    """One segment before the gap, a snapshot for it, and one behind, to which an entry of the reader's gives way (RET-5)."""
    world = World("eu", "us")
    for epoch in (1, 2):
        world.ingest("eu", submission(pcs(epoch=epoch)))
        world.run("eu", ship())
    world.run("eu", snapshot("eu"))
    world.ingest("eu", submission(pcs(epoch=3)))
    world.ingest("us", submission(pcs(epoch=3)))
    world.run("eu", ship())
    names = sorted(name for name in world.objects.objects if name.startswith(f"{PREFIX}eu."))
    del world.objects.objects[names[1]]
    found = world.run("us", read_on("us", "eu", EXAMINE))
    assert found.snapshot
    assert (found.claims, found.superseded) == (2, 1)
    assert found.segments == (names[0].removeprefix(PREFIX), names[2].removeprefix(PREFIX))
