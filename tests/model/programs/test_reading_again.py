"""What is done once is not done again: recovery reads only what the store may lack, and a copy of all keys ends."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.model.world import EQUIVOCATING, EXAMINE, HONEST, World, pcs, submission

from flk.model.effects import INBOX, Effect, ListKeys, Merge, Program, ReadSegment
from flk.model.entries.entry import Claim, Entry, Key, Outcome, Reason
from flk.model.entries.migration import Page
from flk.model.log.hlc import Timestamp
from flk.model.memory.memory import MemoryNode
from flk.model.memory.parts import Disk, Entries, Objects
from flk.model.programs.divergence import detect_divergence
from flk.model.programs.migration import copy_all
from flk.model.programs.recover import recover
from flk.model.programs.repair import Incomplete
from flk.model.programs.rotate import rotate
from flk.model.programs.ship import PREFIX, ship
from flk.model.programs.tiering import merge
from flk.model.runtime import run

MANY = [submission(pcs(epoch=epoch)) for epoch in range(6)]


def segments_read(world: World) -> int:
    """How many segments the node's start reads."""
    read: list[str] = []

    def perform(effect: Effect[Any]) -> Any:
        if isinstance(effect, ReadSegment):
            read.append(effect.name)
        return world.perform("eu", effect)

    run(recover("eu", EXAMINE), perform)
    return len(read)


@pytest.mark.parametrize("end", [rotate, ship, lambda: recover("eu", EXAMINE)], ids=["rotate", "ship", "recover"])
@given(sizes=st.lists(st.integers(1, 2), min_size=1, max_size=3))
def test_a_start_reads_what_is_open_and_nothing_after_a_clean_stop(
    end: Callable[[], Program[object]], sizes: list[int]
) -> None:
    """Whatever sealed the segments, none of them is read again, and the clock goes on after them (WAL-5, HLC-4)."""
    world, number = World("eu"), 0
    for size in sizes:
        for _ in range(size):
            world.ingest("eu", MANY[number])
            number += 1
        world.run("eu", end())
    latest = max(entry.timestamp for entry in world.entries["eu"].entries.values())
    world._now -= 90
    world.nodes["eu"] = world._start("eu")
    assert segments_read(world) == 0
    assert world.nodes["eu"].clock >= latest
    world.ingest("eu", submission(pcs(epoch=99)))
    assert max(entry.timestamp for entry in world.entries["eu"].entries.values()) > latest
    world.nodes["eu"] = world._start("eu")
    assert segments_read(world) == 1


@pytest.mark.parametrize("gone", ["manifest", "segment"])
def test_the_clock_goes_on_after_a_segment_that_was_applied_last(gone: str) -> None:
    """It is read if the manifest does not know its clock, and need not be there if it does (HLC-4, WAL-9)."""
    world = World("eu")
    for sent in MANY[:2]:
        world.ingest("eu", sent)
        world.run("eu", rotate())
    disk, latest = world.disks["eu"], max(entry.timestamp for entry in world.entries["eu"].entries.values())
    last = disk.names(INBOX)[-1]
    if gone == "manifest":
        disk._notes.clear()
    else:
        disk.lose(last)
        disk.accepted.add(last)
    world._now -= 90
    world.nodes["eu"] = world._start("eu")
    assert segments_read(world) == (1 if gone == "manifest" else 0)
    assert world.nodes["eu"].clock >= latest


def test_the_clock_goes_on_after_a_frame_that_is_damaged() -> None:
    """Nothing but the mark tells its timestamp; else what comes later would be the first write of its key (HLC-4, DUP-1)."""
    world = World("eu")
    world.ingest("eu", MANY[0])
    world._now += 1
    world.ingest("eu", HONEST)
    disk, entries = world.disks["eu"], dict(world.entries["eu"].entries)
    disk.segments[disk.names(INBOX)[-1]][-1] ^= 1
    world._now -= 90
    world.nodes["eu"] = world._start("eu")
    assert segments_read(world) == 3
    assert world.nodes["eu"].clock >= max(entry.timestamp for entry in entries.values())
    assert world.ingest("eu", EQUIVOCATING).status == 409
    assert world.entries["eu"].entries == entries


def test_a_start_that_read_all_segments_leaves_nothing_for_the_next() -> None:
    """A store that lost everything is filled from the whole log, once (WAL-5)."""
    world = World("eu")
    for sent in MANY:
        world.ingest("eu", sent)
        world.run("eu", rotate())
    world.entries["eu"] = Entries()
    world.nodes["eu"] = world._start("eu")
    assert segments_read(world) == len(MANY)
    world.nodes["eu"] = world._start("eu")
    assert segments_read(world) == 0


@pytest.mark.parametrize(
    ("sealed", "spoil", "doubtful"),
    [
        pytest.param(False, lambda content: content.extend(b"a write cut short"), False, id="open and torn"),
        pytest.param(False, lambda content: content.__setitem__(-5, content[-5] ^ 1), True, id="open and rotten"),
        pytest.param(True, lambda content: content.__delitem__(slice(-3, None)), True, id="sealed and cut short"),
        pytest.param(True, lambda content: content.__setitem__(-5, content[-5] ^ 1), True, id="sealed and rotten"),
    ],
)
def test_a_tail_that_need_not_be_a_write_cut_short_is_doubtful(
    *, sealed: bool, spoil: Callable[[bytearray], object], doubtful: bool
) -> None:
    """What was answered may be gone with it: of a sealed segment always, of an open one where the last frame is whole but for its
    content. One that is cut short was never durable (WAL-3, WAL-4).
    """
    world = World("eu")
    for sent in MANY[:3]:
        world.ingest("eu", sent)
    if sealed:
        world.run("eu", rotate())
    disk = world.disks["eu"]
    spoil(disk.segments[disk.names(INBOX)[0]])
    world.entries["eu"].marks.clear()
    world.nodes["eu"] = world._start("eu")
    (repaired,) = world.recover("eu").repairs
    assert repaired.doubtful == doubtful


def test_copying_ends_however_fast_keys_come() -> None:
    """What comes after the beginning is written to both sides anyway: the end stays where it was at first (MIG-3)."""
    asked: list[int] = []

    def perform(effect: Effect[Any]) -> Any:
        assert isinstance(effect, ListKeys)
        asked.append(effect.start)
        assert len(asked) < 10, "it runs after keys that come while it copies"
        return Page((), effect.start + 1, effect.start + 3)

    run(copy_all(rate=100), perform)
    assert asked == [0, 1, 2]


def test_what_differs_is_named_in_the_order_of_keys() -> None:
    """Whatever order the samples come in, and whatever process asks (CRR-8)."""
    world = World("eu", "us")
    for sent in MANY:
        world.ingest("eu", sent)
    found = world.run("us", detect_divergence("eu", "us"))
    assert len(found.mismatched) == len(MANY)
    assert list(found.mismatched) == sorted(found.mismatched)


@given(st.lists(st.integers(0, 3), max_size=4))
def test_a_merge_says_how_many_gave_way(times: list[int]) -> None:
    """Each claim that is earlier than all before it takes the place of one, save the first (CRR-3)."""
    entries = Entries()
    node = MemoryNode(Disk("eu"), entries, Objects(), lambda: 0.0)
    outcome = Outcome(accepted=True, escalated=False, reason=Reason.OK, recomputed_D_hat=1.0, recomputed_budget=0.4)
    claims = tuple(
        Claim(Key("default", "a"), Entry(Timestamp(at), "eu", f"{place:02x}", outcome))
        for place, at in enumerate(times)
    )
    by_parts = sum(node.perform(Merge((claim,))) for claim in claims)
    assert by_parts == len(entries.superseded)
    assert node.perform(Merge(())) == 0
    assert run(merge(()), node.perform) == 0


def test_a_segment_that_is_gone_is_put_back_as_it_was_shipped_and_no_other() -> None:
    """From its object, if that is what was sealed; another segment's content, shipped under its name, stays away (WAL-9)."""
    for is_another in (False, True):
        world = World("eu")
        for item in MANY[:3]:
            world.ingest("eu", item)
            world.run("eu", ship())
        disk = world.disks["eu"]
        first, gone, _ = disk.names(INBOX)
        before = bytes(disk.segments[gone])
        disk.lose(gone)
        world.entries["eu"].entries.clear()
        world.entries["eu"].marks.clear()
        if is_another:
            world.objects.objects[PREFIX + gone] = world.objects.objects[PREFIX + first]
            with pytest.raises(Incomplete):
                world.recover("eu")
            assert gone not in disk.segments
        else:
            assert [gap.restored for gap in world.recover("eu").gaps] == [True]
            assert bytes(disk.segments[gone]) == before
            assert len(world.entries["eu"].entries) == 3
