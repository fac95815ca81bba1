"""Snapshots of a store, and starting from them (SNAP-*): a snapshot and the tail of the logs make what all of the logs make."""

from collections.abc import Iterable, Mapping
from itertools import permutations
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.model.effects_seen import interrupted, sealed
from tests.support.model.strategies import entries as any_entries
from tests.support.model.world import EQUIVOCATING, EXAMINE, STORY, Crash, Stop, World, pcs, submission

from flk.model.effects import (
    Effect,
    Export,
    GetObject,
    ListObjects,
    Mark,
    Merge,
    Program,
    PutObject,
    ReadSegment,
    Segments,
)
from flk.model.entries.entry import Claim, Entry, Key, join
from flk.model.entries.snapshot import heads_of, read_head
from flk.model.flow.submission import Submission
from flk.model.log.frames import segment_name
from flk.model.log.hlc import Timestamp
from flk.model.memory.memory import MemoryNode
from flk.model.memory.parts import Disk, Entries, Objects
from flk.model.programs import snapshot as snapshots
from flk.model.programs.recover import APPLIED, mark_applied, reclaim, recover
from flk.model.programs.replay import replay
from flk.model.programs.ship import PREFIX, SHIPPED, ship
from flk.model.programs.snapshot import LIMITS, Snapshotted, _AtRisk, _shipped, snapshot
from flk.model.programs.start import load
from flk.model.refusal import Unavailable, unavailable
from flk.model.runtime import run

MANY = [submission(pcs(epoch=epoch)) for epoch in range(8)]


def take(world: World, region: str = "eu", *peers: str) -> Snapshotted:
    """A snapshot of what a region stores."""
    return world.run(region, snapshot(region, peers))


def start(world: World, region: str = "eu", *peers: str) -> Any:
    """Start-up of a region's node, which may begin with a snapshot."""
    return world.run(region, recover(region, EXAMINE, (region, *peers)))


def sent(world: World, stories: Iterable[Submission], region: str = "eu") -> None:
    """Have submissions answered, and shipped as one segment."""
    for story in stories:
        world.ingest(region, story)
    world.run(region, ship())


def forget_store(world: World, region: str = "eu") -> None:
    """The store is lost, the disk is not."""
    world.entries[region] = Entries()
    world.nodes[region] = world._start(region)


KEYS = st.builds(Key, st.sampled_from(["a", "b"]), st.sampled_from(["1", "2", "3", "4"]))


@given(st.lists(st.builds(Claim, KEYS, any_entries), max_size=12), st.integers(1, 3), st.integers(1, 4))
def test_entries_and_those_that_gave_way_survive(claims: list[Claim], read: int, piece: int) -> None:
    """Whatever a store holds is in the one that starts from its snapshot, what was superseded by what in its order (SNAP-1)."""
    one, other, objects = Entries(), Entries(), Objects()
    for claim in claims:
        one.merge(claim)
    one.marks |= dict.fromkeys(("applied", "shipped"), "eu.000001/000000000001")
    with pytest.MonkeyPatch.context() as patch:
        small = msgspec.structs.replace(LIMITS, read_entries=read, piece_entries=piece)
        patch.setattr("flk.model.programs.snapshot.LIMITS", small)
        run(snapshot("eu"), MemoryNode(Disk("eu"), one, objects, lambda: 0.0).perform)
    loaded = run(load("eu", ["eu"]), MemoryNode(Disk("eu"), other, objects, lambda: 0.0).perform)
    assert loaded.entries == len(one.entries)
    assert other.entries == one.entries
    assert other.superseded == one.superseded


STEPS = st.lists(
    st.tuples(st.sampled_from(["eu", "us"]), st.sampled_from(["ingest", "rival", "ship", "replay", "snapshot"])),
    max_size=14,
)


@settings(max_examples=60)
@given(STEPS, st.sampled_from(["store", "disk"]))
def test_a_snapshot_and_the_tail_make_what_all_of_the_logs_make(steps: list[tuple[str, str]], lost: str) -> None:
    """Whatever two regions did, one that lost its store comes to all that both took, with snapshots as without; one that lost its
    disk, too, comes to at least as much with them, and to nothing that nobody took (SNAP-5).
    """
    with_, without = World("eu", "us"), World("eu", "us")
    for world in (with_, without):
        for number, (region, step) in enumerate(steps):
            _do(world, region, step, number)
    taken = _joined(with_.entries["eu"].entries, with_.entries["us"].entries)
    for world in (with_, without):
        if lost == "store":
            forget_store(world)
        else:
            world.lose_disk("eu")
    start(with_, "eu", "us")
    without.recover("eu")
    for world in (with_, without):
        world.run("us", ship())
        world.run("eu", replay("us", EXAMINE))
    found, from_logs = with_.entries["eu"].entries, without.entries["eu"].entries
    assert _joined(found, from_logs) == found
    assert _joined(taken, found) == taken
    if lost == "store":
        assert found == from_logs == taken
    with_.ingest("eu", submission(pcs(epoch=99)))
    stamps = [entry.timestamp for entry in with_.entries["eu"].entries.values() if entry.region == "eu"]
    assert len(stamps) == len(set(stamps)) > 0


LOGGED_AND_NOT_SHIPPED = [("eu", "ingest"), ("eu", "ship"), ("eu", "ingest"), ("eu", "snapshot")]
HID_A_PEERS = [("eu", "ingest"), ("us", "rival"), ("us", "ship"), ("eu", "replay"), ("eu", "snapshot")]


@pytest.mark.slow
@settings(max_examples=100)
@example(LOGGED_AND_NOT_SHIPPED)
@example([*LOGGED_AND_NOT_SHIPPED, ("us", "rival"), ("us", "ship")])
@example(HID_A_PEERS)
@given(STEPS)
def test_regions_agree_after_a_disk_is_lost_whoever_began_with_its_snapshots(steps: list[tuple[str, str]]) -> None:
    """What only the lost disk had is in no snapshot. So no store has an entry that is in no log, and all agree (SNAP-9)."""
    world = World("eu", "us", "ap")
    for number, (region, step) in enumerate(steps):
        _do(world, region, step, number)
    _agree_without_the_disk(world)


MEANWHILE = st.lists(
    st.tuples(
        st.integers(0, 30), st.sampled_from(["eu", "us"]), st.sampled_from(["ingest", "rival", "ship", "replay"])
    ),
    max_size=8,
)


@settings(max_examples=120)
@example([("eu", "ingest"), ("us", "rival"), ("us", "ship"), ("eu", "replay")], [(3, "eu", "ship")])
@example(
    [("us", "ingest"), ("us", "ship"), ("eu", "replay")], [(4, "eu", "ingest"), (9, "us", "rival"), (12, "us", "ship")]
)
@given(STEPS, MEANWHILE)
def test_regions_agree_whatever_goes_on_while_a_snapshot_is_written(
    steps: list[tuple[str, str]], meanwhile: list[tuple[int, str, str]]
) -> None:
    """Between any two effects of a snapshot records are taken, shipped and replayed, by its node as by a peer; then its disk is
    lost. Who began with that snapshot lacks nothing that a log has, and has nothing that no log has (SNAP-9).
    """
    world = World("eu", "us", "ap")
    for number, (region, step) in enumerate(steps):
        _do(world, region, step, number)
    node, effects = world.nodes["eu"], 0

    def perform(effect: Effect[Any]) -> Any:
        nonlocal effects
        for number, (at, region, step) in enumerate(meanwhile):
            if at == effects:
                _do(world, region, step, number)
        effects += 1
        return node.perform(effect)

    run(snapshot("eu", ["us"]), perform)
    _agree_without_the_disk(world)


def test_a_snapshot_stopped_anywhere_loses_no_claim_of_a_peer() -> None:
    """Crash at each effect of a snapshot whose node has kept out a peer's claim by an entry that it has not shipped, and lose the
    disk: the regions agree, on the one or on the other (SNAP-9).
    """
    at, ended = 0, False
    found = set()
    while not ended:
        world = World("eu", "us", "ap")
        for number, step in enumerate(HID_A_PEERS[:-1]):
            _do(world, *step, number)
        world.arm(world.effects + at, Stop.BEFORE)
        try:
            take(world, "eu", "us")
            ended = True
        except Crash:
            at += 1
        world.arm(-1, Stop.BEFORE)
        _agree_without_the_disk(world)
        found |= {entry.region for entry in world.entries["eu"].entries.values()}
    assert at > 10
    assert found == {"eu", "us"}


def _agree_without_the_disk(world: World) -> None:
    """A region begins with the snapshot, the disk of its node is lost, and all come to the same entries."""
    start(world, "ap", "eu")
    world.lose_disk("eu")
    start(world, "eu", "eu", "us")
    for _ in range(2):
        for region in ("eu", "us", "ap"):
            world.run(region, ship())
        for region, peer in permutations(("eu", "us", "ap"), 2):
            world.run(region, replay(peer, EXAMINE))
        world.run("eu", reclaim("eu", EXAMINE))
    assert world.entries["eu"].entries == world.entries["us"].entries == world.entries["ap"].entries


def _joined(one: Mapping[Key, Entry], other: Mapping[Key, Entry]) -> dict[Key, Entry]:
    return {key: join(one.get(key, other.get(key)), other.get(key, one.get(key))) for key in {*one, *other}}  # type: ignore[arg-type]  # one of them has it


def _do(world: World, region: str, step: str, number: int) -> None:
    other = {"eu": "us", "us": "eu"}[region]
    if step in {"ingest", "rival"}:
        rival = step == "rival"
        world.ingest(region, submission(pcs(epoch=number // 2, r=0.6 if rival else 0.5, budget=0.37 if rival else 0.4)))
    elif step == "ship":
        world.run(region, ship())
    elif step == "replay":
        world.run(region, replay(other, EXAMINE))
    else:
        take(world, region, other)


def frames_read(world: World, program: Program[Any]) -> int:
    """How many frames of logs a start on the region's node reads, from its disk and from objects."""
    node, read = world.nodes["eu"], 0

    def perform(effect: Effect[Any]) -> Any:
        nonlocal read
        result = node.perform(effect)
        segment = isinstance(effect, ReadSegment) or (isinstance(effect, GetObject) and effect.name.startswith("crr/"))
        read += len(result.split(b'"pcs_id"')) - 1 if segment else 0
        return result

    run(program, perform)
    return read


@pytest.mark.parametrize("lost", ["store", "disk"])
def test_a_start_reads_only_what_is_behind_the_snapshot(lost: str) -> None:
    """The number of frames read does not grow with history, only with what came since (SNAP-5)."""
    read = []
    for before in (1, 7):
        world = World("eu")
        for story in MANY[:before]:
            sent(world, [story])
        take(world)
        sent(world, [submission(pcs(epoch=99))])
        if lost == "store":
            forget_store(world)
        else:
            world.lose_disk("eu")
        read.append(frames_read(world, recover("eu", EXAMINE, ("eu",))))
        assert len(world.entries["eu"].entries) == before + 1
    assert read[0] == read[1] <= 2


def test_a_region_begins_with_a_snapshot_of_another() -> None:
    """A region that is new takes over what another has, and goes on with the logs behind it (SNAP-5)."""
    world = World("eu", "ap")
    sent(world, STORY)
    name = take(world).name
    sent(world, MANY)
    recovery = start(world, "ap", "eu")
    assert recovery.snapshot.name == name
    replayed = world.run("ap", replay("eu", EXAMINE))
    assert replayed.segments == (world.disks["eu"].names("inbox")[-1],)
    assert world.entries["ap"].entries == world.entries["eu"].entries


@pytest.mark.parametrize("moment", ["shipped", "snapshot", "open"])
def test_claims_that_come_while_a_snapshot_is_written_are_in_it_or_behind_it(moment: str) -> None:
    """At any of its effects requests may come between, and be shipped, with another snapshot behind them, or stand in the open
    segment: a start misses none (SNAP-3).
    """
    for at in range(100):
        world = World("eu")
        sent(world, STORY)
        node, step = world.nodes["eu"], 0

        def perform(effect: Effect[Any], world: World = world, node: MemoryNode = node, at: int = at) -> Any:
            nonlocal step
            if step == at:
                sent(world, MANY) if moment != "open" else [world.ingest("eu", story) for story in MANY]
                if moment == "snapshot":
                    run(snapshot("eu"), node.perform)
            step += 1
            return node.perform(effect)

        run(snapshot("eu"), perform)
        before = dict(world.entries["eu"].entries)
        forget_store(world)
        recovery = start(world)
        assert recovery.snapshot.name
        assert world.entries["eu"].entries == before
        if step <= at:
            return
    raise AssertionError("a snapshot of so few entries has fewer effects")


def damaged(world: World, name: str, how: str) -> None:
    """Let something befall an object."""
    if how == "gone":
        del world.objects.objects[name]
    else:
        content = bytearray(world.objects.objects[name])
        content[len(content) // 2] ^= 1
        world.objects.objects[name] = bytes(content if how == "flipped" else content[:-1])


@pytest.mark.parametrize("how", ["gone", "flipped", "cut"])
def test_a_damaged_snapshot_is_left_for_the_one_before_and_then_for_the_log(how: str) -> None:
    """Whichever object of it is not whole; which were refused is told by name, and nothing wrong is stored (SNAP-6)."""
    world = World("eu", "us")
    world.ingest("us", EQUIVOCATING)
    world.run("us", ship())
    sent(world, STORY)
    world.run("eu", replay("us", EXAMINE))
    first = take(world).name
    sent(world, MANY)
    second = take(world).name
    expected = dict(world.entries["eu"].entries)
    head = read_head(second, world.objects.objects[second])
    assert head.superseded == 1
    for name in (second, *(piece.name for piece in head.pieces)):
        kept = dict(world.objects.objects)
        damaged(world, name, how)
        forget_store(world)
        loaded = start(world).snapshot
        assert loaded.name == first
        assert [name in reason for reason in loaded.refused] == ([] if how == "gone" and name == second else [True])
        assert world.entries["eu"].entries == expected
        damaged(world, first, how)
        forget_store(world)
        loaded = start(world).snapshot
        assert not loaded.name
        world.run("eu", replay("us", EXAMINE))
        assert world.entries["eu"].entries == expected
        world.objects.objects = kept


def test_while_the_object_store_is_away_the_log_is_read() -> None:
    """A node whose own log has everything waits for no object store, and says why it read all of its log (SNAP-6)."""
    world = World("eu")
    sent(world, STORY)
    take(world)
    expected = dict(world.entries["eu"].entries)
    forget_store(world)
    node = world.nodes["eu"]

    def perform(effect: Effect[Any]) -> Any:
        if isinstance(effect, ListObjects | GetObject):
            raise unavailable("the object store does not answer")
        return node.perform(effect)

    loaded = run(recover("eu", EXAMINE, ("eu",)), perform).snapshot
    assert not loaded.name
    assert [heads_of("eu") in reason for reason in loaded.refused] == [True]
    assert world.entries["eu"].entries == expected


def test_a_store_that_fails_meanwhile_is_no_damage_of_the_snapshot() -> None:
    """The start ends as refused; the next one takes the same snapshot."""
    world = World("eu")
    sent(world, STORY)
    name = take(world).name
    forget_store(world)
    node = world.nodes["eu"]

    def perform(effect: Effect[Any]) -> Any:
        if isinstance(effect, Merge):
            raise unavailable("the store does not answer")
        return node.perform(effect)

    with pytest.raises(Unavailable):
        run(load("eu", ["eu"]), perform)
    assert start(world).snapshot.name == name


def test_nothing_is_written_of_a_node_that_has_marked_nothing() -> None:
    """A snapshot that covers no log would shorten no start."""
    world = World("eu")
    world.ingest("eu", STORY[2])
    nothing = take(world)
    assert nothing == Snapshotted("", 0, 0, 0)
    assert not world.objects.objects


def test_the_log_counts_as_applied_as_far_as_it_is_shipped() -> None:
    """What only this disk has comes to a reader with the tail, which begins there (SNAP-9)."""
    world = World("eu")
    world.ingest("eu", STORY[2])
    world.run("eu", ship())
    world.ingest("eu", STORY[3])
    world.run("eu", sealed())
    world.run("eu", mark_applied())
    assert world.entries["eu"].marks[APPLIED] == segment_name("eu.000001", 2)
    written = take(world)
    assert written.entries == 1
    assert read_head(written.name, world.objects.objects[written.name]).applied == segment_name("eu.000001", 1)


def test_of_what_is_left_out_there_is_no_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor of any segment that is not shipped, though there are two; the pieces are numbered (SNAP-9)."""
    monkeypatch.setattr(snapshots, "LIMITS", msgspec.structs.replace(LIMITS, read_entries=1, piece_entries=1))
    world = World("eu")
    for epoch in (1, 2):
        world.ingest("eu", submission(pcs(epoch=epoch)))
    world.run("eu", ship())
    for epoch in (3, 4):
        world.ingest("eu", submission(pcs(epoch=epoch)))
        world.run("eu", sealed())
    written = take(world)
    pieces = read_head(written.name, world.objects.objects[written.name]).pieces
    assert [piece.lines for piece in pieces] == [1, 1]
    assert [piece.name.rpartition("/")[2].partition(".")[0] for piece in pieces] == ["000001", "000002"]
    assert {name for name in world.objects.objects if "/pieces/" in name} == {piece.name for piece in pieces}


def test_a_node_that_has_only_read_others_writes_a_snapshot() -> None:
    """It covers their logs, whose beginning a start then need not read."""
    world = World("eu", "us")
    world.ingest("eu", STORY[2])
    world.run("eu", ship())
    world.replay("us", "eu")
    written = take(world, "us", "eu")
    assert written.entries == 1
    head = read_head(written.name, world.objects.objects[written.name])
    assert head.applied == ""
    assert head.marks == (("replayed/eu", "eu.000001/000000000001"),)


def test_what_was_logged_before_watermarks_of_others_were_read_is_shipped_and_covered() -> None:
    """All of it, however many segments it is in; and not what is logged meanwhile, which is not sealed (SNAP-9)."""
    world = World("eu", "us")
    world.ingest("eu", STORY[2])
    world.run("eu", ship())
    world.replay("us", "eu")
    for epoch in (1, 2, 3):
        world.ingest("us", submission(pcs(epoch=epoch, shard_id="shard-1")))
        if epoch < 3:
            world.run("us", sealed())
    came: list[int] = []

    def meanwhile(effect: Effect[Any]) -> None:
        if isinstance(effect, Segments) and effect.sealed and not effect.after and not came:
            came.append(world.ingest("us", submission(pcs(epoch=4, shard_id="shard-1"))).status)

    written = interrupted(world, "us", snapshot("us", ("us", "eu")), meanwhile)
    names = [segment_name("us.000001", number) for number in (1, 2, 3)]
    assert came == [200]
    assert [name for name in world.objects.objects if name.startswith(f"{PREFIX}us.")] == [
        PREFIX + name for name in names
    ]
    assert world.entries["us"].marks[SHIPPED] == names[-1]
    assert read_head(written.name, world.objects.objects[written.name]).applied == names[-1]
    assert written.entries == 4


def test_a_snapshot_does_not_move_the_watermark_of_shipping_back() -> None:
    """A pass of shipping went further while it shipped the same segment."""
    world = World("eu", "us")
    world.ingest("eu", STORY[2])
    world.run("eu", ship())
    world.replay("us", "eu")
    world.ingest("us", submission(pcs(epoch=1, shard_id="shard-1")))
    passed: list[object] = []

    def meanwhile(effect: Effect[Any]) -> None:
        if isinstance(effect, Mark) and effect.name == SHIPPED and not passed:
            world.ingest("us", submission(pcs(epoch=2, shard_id="shard-1")))
            passed.append(world.run("us", ship()))

    interrupted(world, "us", snapshot("us", ("us", "eu")), meanwhile)
    assert passed
    assert world.entries["us"].marks[SHIPPED] == segment_name("us.000001", 2)


@pytest.mark.parametrize(("shipped", "replayed"), [(1, 2), (2, 1), (2, 0), (0, 2)])
def test_what_is_shipped_is_known_by_shipping_or_by_replay_whichever_went_further(shipped: int, replayed: int) -> None:
    """A store that was lost has found again by replay what its region had shipped; marks of other logs say nothing of this one."""
    world = World("eu")
    for mark, number in ((SHIPPED, shipped), ("replayed/eu", replayed)):
        if number:
            world.entries["eu"].marks[mark] = segment_name("eu.000001", number)
    assert world.run("eu", _shipped("eu", "eu.000001")) == segment_name("eu.000001", 2)
    assert world.run("eu", _shipped("eu", "eu.000002")) == ""


def test_a_snapshot_says_of_each_log_of_a_region_how_far_it_is_covered() -> None:
    """Of the newest under the region's name, of each before it under its own (SNAP-3)."""
    world = World("eu", "us")
    for epoch in (1, 2, 3):
        world.ingest("eu", submission(pcs(epoch=epoch)))
        world.run("eu", ship())
        if epoch == 2:
            world.replay("us", "eu")
            world.lose_disk("eu")
    for _ in range(2):
        world.replay("us", "eu")
    written = take(world, "us", "eu")
    assert read_head(written.name, world.objects.objects[written.name]).marks == (
        ("replayed/eu.000001", segment_name("eu.000001", 2)),
        ("replayed/eu", segment_name("eu.000002", 1)),
    )


def test_an_object_that_rotted_since_an_earlier_attempt_is_replaced() -> None:
    """A crash left a piece, and bits of it flipped before the next attempt wanted its name (SNAP-4)."""
    world = World("eu")
    sent(world, STORY)
    node = world.nodes["eu"]

    def perform(effect: Effect[Any]) -> Any:
        if isinstance(effect, PutObject) and effect.name.startswith(heads_of("eu")):
            raise unavailable("the object store does not answer")
        return node.perform(effect)

    with pytest.raises(Unavailable):
        run(snapshot("eu"), perform)
    (piece,) = [name for name in world.objects.objects if name.startswith("snap/")]
    damaged(world, piece, "flipped")
    take(world)
    forget_store(world)
    assert start(world).snapshot.name


def test_a_clock_goes_on_after_all_that_a_snapshot_holds() -> None:
    """A claim of the open segment is in the snapshot and nowhere else once the disk is gone: no timestamp comes twice (HLC-4)."""
    world = World("eu")
    sent(world, STORY)
    world._now += 90
    world.ingest("eu", MANY[0])
    take(world)
    world._now -= 90
    latest = max(entry.timestamp for entry in world.entries["eu"].entries.values())
    world.lose_disk("eu")
    start(world)
    world.ingest("eu", submission(pcs(epoch=99)))
    assert [entry.timestamp for entry in world.entries["eu"].entries.values() if entry.timestamp > latest]


def test_entries_are_read_in_bounded_pieces() -> None:
    """However many there are (SNAP-1)."""
    world = World("eu")
    sent(world, MANY)
    asked: list[Export] = []
    node = world.nodes["eu"]

    def perform(effect: Effect[Any]) -> Any:
        if isinstance(effect, Export):
            asked.append(effect)
        return node.perform(effect)

    with pytest.MonkeyPatch.context() as patch:
        small = msgspec.structs.replace(LIMITS, read_entries=3, piece_entries=4)
        patch.setattr("flk.model.programs.snapshot.LIMITS", small)
        written = run(snapshot("eu"), perform)
    head = read_head(written.name, world.objects.objects[written.name])
    assert [effect.limit for effect in asked] == [3] * 4
    assert [piece.lines for piece in head.pieces] == [6, 2]


def test_what_was_written_is_told() -> None:
    """Entries, those that gave way, and the bytes of the pieces (SNAP-1)."""
    world = World("eu")
    sent(world, MANY)
    later = min(world.entries["eu"].entries.items())
    earlier = msgspec.structs.replace(later[1], timestamp=Timestamp(later[1].timestamp - 1), digest="b" * 64)
    world.entries["eu"].merge(Claim(later[0], earlier))
    written = take(world)
    pieces = [content for name, content in world.objects.objects.items() if "/pieces/" in name]
    assert (written.entries, written.superseded, written.size) == (len(MANY), 1, sum(map(len, pieces)))


@pytest.mark.parametrize("logged_by", ["eu", "us"])
def test_what_gave_way_to_what_may_be_lost_is_an_entry_of_the_snapshot(logged_by: str) -> None:
    """A peer's entry gave way to one that only this disk has: whoever begins with the snapshot gets the peer's. Where both are on
    this disk alone, neither is written (SNAP-9).
    """
    world = World("eu", "us")
    sent(world, MANY)
    world.ingest("eu", submission(pcs(epoch=99)))
    if logged_by == "eu":
        world.ingest("eu", submission(pcs(epoch=100)))
    stored = world.entries["eu"].entries
    key = Key("default", pcs(epoch=99).pcs_id)
    winner = stored.pop(key)
    other = stored[Key("default", pcs(epoch=100).pcs_id)] if logged_by == "eu" else None
    loser = msgspec.structs.replace(
        winner,
        region=logged_by,
        timestamp=other.timestamp if other else Timestamp(winner.timestamp + 1),
        digest="b" * 64,
    )
    for entry in (loser, winner):
        world.entries["eu"].merge(Claim(key, entry))
    take(world)
    begun = Entries()
    run(load("us", ["eu"]), MemoryNode(Disk("us"), begun, world.objects, lambda: 0.0).perform)
    assert begun.entries.get(key) == (loser if logged_by == "us" else None)


def test_only_what_this_disk_has_is_at_risk() -> None:
    """Not what another region logged at the same moment; and how far an earlier disk had shipped says nothing (SNAP-9)."""
    world = World("eu")
    sent(world, [submission(pcs(epoch=1))])
    (own,) = world.entries["eu"].entries.values()
    peers = msgspec.structs.replace(own, region="us")
    assert _AtRisk("eu", frozenset({own.timestamp})).has(own)
    assert not _AtRisk("eu", frozenset({own.timestamp})).has(peers)
    assert not _AtRisk("eu", frozenset()).has(own)
    world.entries["eu"].marks[SHIPPED] = segment_name("eu.000000", 9)
    assert not world.run("eu", _shipped("eu", "eu.000001"))
    world.run("eu", ship())
    assert world.run("eu", _shipped("eu", "eu.000001")) == segment_name("eu.000001", 1)
