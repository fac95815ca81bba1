"""Divergence and reconciliation (DIV-*): what a store lost is found, told from what is on its way, and mended by the logs alone."""

from collections.abc import Callable
from hashlib import sha256

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.model.strategies import entries as any_entries
from tests.support.model.world import EXAMINE, Crash, Stop, World, pcs, submission

from flk.model.effects import Program
from flk.model.entries.compared import (
    LIMITS,
    Digest,
    Extent,
    Ranges,
    RangeSum,
    columns_of,
    digest_name,
    extent_name,
    extent_of,
    place,
    position,
    range_of,
    ranges_name,
    rounds_of,
    written,
)
from flk.model.entries.entry import Claim, Entry, Key, join
from flk.model.entries.proposals import (
    SCORES,
    Action,
    Decision,
    Mode,
    Proposal,
    Result,
    State,
    Verdict,
    decisions_of,
    outcomes_of,
    proposals_of,
    proposed,
)
from flk.model.log.frames import scan
from flk.model.log.hlc import LAST, Timestamp
from flk.model.memory.memory import MemoryNode
from flk.model.memory.parts import Disk, Entries, Objects
from flk.model.programs.behind import read_on
from flk.model.programs.examine import claims_of
from flk.model.programs.propose import Found, Standings, look
from flk.model.programs.publish import _sums
from flk.model.programs.reconcile import Reconciled, reconcile
from flk.model.programs.recover import recover
from flk.model.programs.retain import retain
from flk.model.programs.ship import ship
from flk.model.programs.snapshot import snapshot
from flk.model.runtime import run
from flk.spec.constants import Divergence

INTERVAL = 300.0


def small(**limits: int) -> Divergence:
    """The limits, of which tests are told that take less time."""
    return msgspec.structs.replace(LIMITS, range_bits=8, **limits)


@pytest.fixture(autouse=True)
def _few_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    """256 ranges instead of 4,096."""
    monkeypatch.setattr("flk.model.entries.compared.LIMITS", small())
    for module in ("entries.compared", "programs.publish"):
        monkeypatch.setattr(f"flk.model.{module}.RANGES", 256)


PEERS = {"eu": ("us",), "us": ("eu",)}


def sent(world: World, *epochs: int, region: str = "eu") -> list[Key]:
    """Records are answered, and shipped as one segment; their keys."""
    for epoch in epochs:
        assert world.ingest(region, submission(pcs(epoch=epoch))).status == 200
    world.run(region, ship())
    return [Key("default", pcs(epoch=epoch).pcs_id) for epoch in epochs]


def replayed(world: World, *regions: str) -> None:
    """Each region reads what its peers have shipped."""
    for region in regions or PEERS:
        for peer in PEERS[region]:
            world.run(region, read_on(region, peer, EXAMINE))


def looked(world: World, region: str) -> Found:
    """A pass that compares and proposes."""
    return world.run(region, look(region, PEERS[region], EXAMINE, INTERVAL))


def mended(world: World, region: str, mode: Mode = Mode.MANUAL) -> Reconciled:
    """A pass that applies."""
    return world.run(region, reconcile(region, PEERS[region], EXAMINE, mode))


def after_rounds(world: World, rounds: int = 3, mode: Mode = Mode.MANUAL) -> dict[str, Found]:
    """So many rounds of every region; what the last ones found."""
    found = {}
    for _ in range(rounds):
        world.pass_time(INTERVAL)
        for region in PEERS:
            found[region] = looked(world, region)
            mended(world, region, mode)
    return found


def decide(world: World, region: str, id_: str, verdict: Verdict = Verdict.APPROVED) -> bool:
    """Somebody decides."""
    return world.objects.put(decisions_of(region) + id_, written(Decision(region, id_, verdict)))


def of(found: Found) -> Standings:
    """What was found of the only peer."""
    (standing,) = found.peers
    return standing


def agreeing(epochs: int = 30) -> World:
    """Two regions with the same entries, each having logged half of them in three segments."""
    world = World("eu", "us")
    for start in range(0, epochs, epochs // 3):
        half = epochs // 6
        sent(world, *range(start, start + half))
        sent(world, *range(start + half, start + 2 * half), region="us")
    world.pass_time(INTERVAL)
    replayed(world)
    return world


def a_key(world: World, region: str, *, of_region: str) -> Key:
    """A key under which a region holds what another logged."""
    held = world.entries[region].entries
    return min(key for key, entry in held.items() if entry.region == of_region)


def objects_of(world: World, prefix: str) -> list[str]:
    """Names in the object store."""
    return sorted(name for name in world.objects.objects if name.startswith(prefix))


def test_regions_that_agree_propose_nothing_and_count_alike() -> None:
    """Once both have read all: no range differs, and the counts are compared (DIV-1)."""
    found = after_rounds(agreeing(), 2)
    for region in PEERS:
        standing = of(found[region])
        assert (standing.comparison.ranges, standing.comparison.count_percent, standing.percent) == (0, 0.0, 0.0)
        assert (found[region].open, found[region].refused) == (0, ())


@pytest.mark.parametrize("logged_by", ["eu", "us"])
def test_an_entry_that_a_store_lost_is_proposed_from_the_segment_that_has_it(logged_by: str) -> None:
    """And nothing is proposed to the region that has it still (DIV-3, DIV-5)."""
    world = agreeing()
    key = a_key(world, "us", of_region=logged_by)
    lost = world.entries["us"].entries.pop(key)
    found = after_rounds(world)
    assert (of(found["us"]).lost, of(found["us"]).in_flight) == (1, 0)
    assert of(found["eu"]).lost == 0
    (name,) = objects_of(world, proposals_of("us"))
    assert not objects_of(world, proposals_of("eu"))
    content = msgspec.json.decode(world.objects.objects[name].split(b"\n")[1], type=Proposal)
    assert (content.action, content.score) == (Action.REPLAY_MISSING, SCORES[Action.REPLAY_MISSING])
    assert content.evidence.startswith(f"{logged_by}.000001/")
    assert key not in world.entries["us"].entries  # nobody has approved it
    decide(world, "us", name.rpartition("/")[2])
    ((result, _),) = mended(world, "us").results
    assert (result.state, result.joined) == (State.APPLIED, 1)
    assert world.entries["us"].entries[key] == lost
    assert mended(world, "us").results == ()


def test_what_is_on_its_way_is_no_matter() -> None:
    """A region that has not read a segment yet lacks its entries, for however long; the counts are not compared then (DIV-3)."""
    world = agreeing()
    sent(world, *range(100, 140))
    found = after_rounds(world, 6, Mode.AUTO_AGGRESSIVE)
    standing = of(found["us"])
    assert standing.in_flight > 0
    assert (standing.lost, standing.unproven, standing.percent) == (0, 0, 0.0)
    assert standing.comparison.count_percent is None
    assert of(found["eu"]).unproven == 0
    assert not objects_of(world, proposals_of("us"))
    assert Key("default", pcs(epoch=100).pcs_id) not in world.entries["us"].entries


def test_what_is_replayed_while_it_is_looked_for_was_not_lost() -> None:
    """The store lacked it, then its segment was applied, then the watermark was read: at whichever effect that was (DIV-3)."""
    effects = 0
    while True:
        world = agreeing(12)
        sent(world, 100)
        for _ in range(2):
            world.pass_time(INTERVAL)
            for region in PEERS:
                looked(world, region)
        world.pass_time(INTERVAL)
        found = interrupted(world, look("us", PEERS["us"], EXAMINE, INTERVAL), effects)
        if found is None:
            break
        assert of(found).lost == 0
        assert not found.proposed
        effects += 1
    assert effects > 20


def interrupted(world: World, program: Program[Found], effects: int) -> Found | None:
    """What a look of us finds if after so many effects it replays; None if there are not so many."""
    value: object = None
    done = 0
    try:
        while True:
            if done == effects:
                replayed(world, "us")
            value = world.perform("us", program.send(value))
            done += 1
    except StopIteration as ended:
        found: Found = ended.value
        return found if done > effects else None


def test_what_is_not_shipped_yet_is_no_matter() -> None:
    """Logged by this disk, stored, and for long not shipped: the log has it (DIV-3)."""
    world = agreeing()
    world.ingest("eu", submission(pcs(epoch=100)))
    found = after_rounds(world, 6)
    assert of(found["eu"]).comparison.ranges == 1
    assert of(found["eu"]).unproven == 0
    assert not objects_of(world, proposals_of("eu"))


def a_later(entry: Entry) -> Entry:
    """A well-formed entry that should give way to this one."""
    return msgspec.structs.replace(entry, timestamp=Timestamp(entry.timestamp + 1), digest="b" * 64)


def test_a_later_entry_in_the_place_of_the_first_gives_way_where_that_is_approved() -> None:
    """The log has the first: it is proposed, and recorded as it is joined (DIV-5, CRR-3)."""
    world = agreeing(60)
    key = a_key(world, "us", of_region="eu")
    first = world.entries["us"].entries[key]
    world.entries["us"].entries[key] = a_later(first)
    after_rounds(world, 6, Mode.AUTO_SAFE)
    assert world.entries["us"].entries[key] != first
    (name,) = objects_of(world, proposals_of("us"))
    after_rounds(world, 3, Mode.AUTO_AGGRESSIVE)
    assert world.entries["us"].entries[key] == first
    assert [row.winner for row in world.entries["us"].superseded] == [first]
    assert objects_of(world, outcomes_of("us")) == [name.replace("proposals", "outcomes")]


def test_each_mode_does_what_it_may() -> None:
    """A missing entry of 90 is replayed by both automatic modes, and by manual only once it is approved (DIV-6)."""
    for mode, is_there in ((Mode.MANUAL, False), (Mode.AUTO_SAFE, True), (Mode.AUTO_AGGRESSIVE, True)):
        world = agreeing(90)
        key = a_key(world, "us", of_region="us")
        del world.entries["us"].entries[key]
        after_rounds(world, 4, mode)
        assert (key in world.entries["us"].entries) is is_there


def test_a_store_that_lost_much_is_proposed_for_review_and_nothing_else() -> None:
    """More than a fifth: no mode joins anything, and who approves it is told why not (DIV-5, DIV-6)."""
    world = agreeing()
    for key in sorted(world.entries["us"].entries)[:12]:
        del world.entries["us"].entries[key]
    found = after_rounds(world, 4, Mode.AUTO_AGGRESSIVE)
    assert of(found["us"]).percent > LIMITS.review_percent
    (name,) = objects_of(world, proposals_of("us"))
    assert len(world.entries["us"].entries) == 18
    decide(world, "us", name.rpartition("/")[2])
    done = mended(world, "us", Mode.AUTO_AGGRESSIVE)
    assert (done.results, done.open, len(done.refused)) == ((), 1, 1)
    assert len(world.entries["us"].entries) == 18


@pytest.mark.parametrize("region", ["eu", "us"])
def test_an_entry_that_no_log_has_goes_to_review_after_some_rounds(region: str) -> None:
    """Neither the region that has it deletes it, nor does the other join it (DIV-4)."""
    world = agreeing()
    some = world.entries["us"].entries[a_key(world, "us", of_region="eu")]
    key = Key("default", "f" * 64)
    world.entries["us"].entries[key] = a_later(some)
    found = after_rounds(world, LIMITS.unproven_rounds - 1, Mode.AUTO_AGGRESSIVE)
    for _ in range(LIMITS.unproven_rounds):
        looked(world, region)  # at the same round again
    assert of(found[region]).unproven == 1
    assert not objects_of(world, proposals_of(region))
    after_rounds(world, 3, Mode.AUTO_AGGRESSIVE)
    (name,) = objects_of(world, proposals_of(region))
    assert b"manual-review" in world.objects.objects[name]
    assert key in world.entries["us"].entries
    assert key not in world.entries["eu"].entries
    decide(world, region, name.rpartition("/")[2], Verdict.REJECTED)
    ((result, _),) = mended(world, region).results
    assert result.state is State.REJECTED
    after_rounds(world, 3)
    assert of(found[region]).lost == 0


def test_the_region_with_the_first_entry_is_not_outvoted() -> None:
    """The other one, which holds a later entry, comes to the first; and not the other way round (DIV-5)."""
    world = agreeing()
    key = a_key(world, "us", of_region="us")
    first = world.entries["us"].entries[key]
    world.entries["eu"].entries[key] = a_later(first)
    after_rounds(world, 4, Mode.AUTO_AGGRESSIVE)
    assert world.entries["us"].entries[key] == world.entries["eu"].entries[key] == first


def test_a_snapshot_is_evidence_of_what_retention_removed() -> None:
    """The segments are gone, the snapshot has the entry, and the store had applied all before what is left (DIV-3)."""
    world = agreeing(60)
    for epoch in (200, 201):
        sent(world, epoch)
        replayed(world)
        world.run("eu", snapshot("eu", ("us",)))
    assert world.run("eu", retain("eu", 0.0)).objects
    key = a_key(world, "us", of_region="eu")
    lost = world.entries["us"].entries.pop(key)
    after_rounds(world, 3)
    (name,) = objects_of(world, proposals_of("us"))
    assert b"snap/eu/heads/" in world.objects.objects[name]
    after_rounds(world, 1, Mode.AUTO_SAFE)
    assert world.entries["us"].entries[key] == lost


def test_a_snapshot_of_what_was_not_applied_yet_says_that_it_is_on_its_way() -> None:
    """The reader is behind what was removed, and begins with the snapshot at its next pass (DIV-3, RET-5)."""
    world = agreeing(60)
    for epoch in (200, 201, 202):
        sent(world, epoch)
        world.run("eu", snapshot("eu", ("us",)))
    world.run("eu", retain("eu", 0.0))
    found = after_rounds(world, 3)
    assert of(found["us"]).in_flight == 3
    assert of(found["us"]).lost == of(found["us"]).unproven == 0


def test_what_was_salvaged_is_found_where_it_came_to_stand() -> None:
    """A segment rotted before it was shipped: its frames stand behind later ones (DIV-3, WAL-4)."""
    world = World("eu", "us")
    world.ingest("eu", submission(pcs(epoch=1)))
    world.ingest("eu", submission(pcs(epoch=2)))
    segment = world.disks["eu"].segments[world.disks["eu"].names("inbox")[0]]
    segment[len(segment) // 2] ^= 1
    world.nodes["eu"] = world._start("eu")
    world.recover("eu")
    sent(world, 3)
    replayed(world)
    held = world.entries["us"].entries
    earliest = min(held, key=lambda key: held[key].timestamp)
    del held[earliest]
    found = after_rounds(world, 3)
    assert of(found["us"]).lost == 1


def test_an_entry_of_an_earlier_disk_that_came_to_light_is_on_its_way() -> None:
    """Until the region's own new disk has read it (DIV-3)."""
    world = agreeing()
    world.lose_disk("eu")
    world.run("eu", recover("eu", EXAMINE, ("eu",)))
    replayed(world)
    assert world.entries["eu"].entries == world.entries["us"].entries
    key = a_key(world, "eu", of_region="eu")
    del world.entries["eu"].entries[key]
    found = after_rounds(world, 3)
    assert of(found["eu"]).lost == 1


def lost_at(world: World, number: int) -> None:
    """A row of us vanishes."""
    held = world.entries["us"].entries
    held.pop(sorted(held)[number % len(held)], None)


def replaced_at(world: World, number: int) -> None:
    """A row of us is replaced by a later one."""
    held = world.entries["us"].entries
    key = sorted(held)[number % len(held)]
    if held[key].digest != "b" * 64:
        held[key] = a_later(held[key])


def shipped(world: World) -> None:
    """Both ship."""
    for region in PEERS:
        world.run(region, ship())


STEPS: dict[str, Callable[[World, int], object]] = {
    "eu": lambda world, number: world.ingest("eu", submission(pcs(epoch=number))),
    "us": lambda world, number: world.ingest("us", submission(pcs(epoch=number))),
    "ship": lambda world, _: shipped(world),
    "replay": lambda world, _: replayed(world),
    "round": lambda world, _: after_rounds(world, 1, Mode.AUTO_AGGRESSIVE),
    "lose": lost_at,
    "replace": replaced_at,
}


@settings(max_examples=25, deadline=None)
@example([("eu", 0), ("us", 1), ("ship", 0), ("replay", 0), ("lose", 3), ("replace", 1), ("round", 0), ("replay", 0)])
@given(st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 7)), max_size=16))
def test_whatever_one_store_lost_regions_come_to_what_the_logs_say(steps: list[tuple[str, int]]) -> None:
    """Rows vanish or are replaced by later ones, between any other steps: in the end each store holds what the logs come to
    (DIV-3, DIV-7).
    """
    world = World("eu", "us")
    sent(world, *range(100, 160))  # so that a few rows are no great part
    replayed(world)
    for step, number in steps:
        STEPS[step](world, number)
    shipped(world)
    replayed(world)
    after_rounds(world, 6, Mode.AUTO_AGGRESSIVE)
    assert world.entries["eu"].entries == world.entries["us"].entries == logged(world)


def logged(world: World) -> dict[Key, Entry]:
    """What the logs come to."""
    taken: dict[Key, Entry] = {}
    for region in PEERS:
        for name in world.disks[region].names("inbox"):
            for key, entry in claims_of(scan(bytes(world.disks[region].segments[name])).frames, region, EXAMINE):
                taken[key] = join(taken.get(key, entry), entry)
    return taken


def spoilt(epochs: int = 60) -> World:
    """One row is gone, and one is replaced by a later one."""
    world = agreeing(epochs)
    lost_at(world, epochs // 12)
    replaced_at(world, epochs // 3)
    return world


def test_a_round_stopped_anywhere_is_finished_by_the_next() -> None:
    """At every effect of a look and of what it brings about, before and after it took place: nothing is lost, nothing is proposed
    twice, and the outcome is written down once (DIV-7).
    """

    def script(world: World) -> None:
        looked(world, "us")
        mended(world, "us", Mode.AUTO_AGGRESSIVE)

    def new() -> World:
        world = spoilt(12)
        after_rounds(world, 1)
        world.pass_time(INTERVAL)
        looked(world, "eu")
        return world

    whole = new()
    start = whole.effects
    script(whole)
    assert whole.entries["us"].entries == logged(whole)
    assert len(objects_of(whole, outcomes_of("us"))) == 2
    for index in range(start, whole.effects):
        for stop in (Stop.BEFORE, Stop.AFTER):
            world = new()
            world.arm(index, stop)
            with pytest.raises(Crash):
                script(world)
            world.recover("us")
            script(world)
            assert world.entries["us"].entries == logged(world) == world.entries["eu"].entries
            assert len(objects_of(world, proposals_of("us"))) == len(objects_of(world, outcomes_of("us"))) == 2


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


HOSTILE: dict[str, Callable[[World, Timestamp], None]] = {}


def hostile(attack: Callable[[World, Timestamp], None]) -> Callable[[World, Timestamp], None]:
    """What a peer that is an enemy puts into its part of the object store."""
    HOSTILE[attack.__name__] = attack
    return attack


def overwrite(world: World, name: str, content: bytes) -> None:
    """An object is another one now."""
    assert name in world.objects.objects
    world.objects.objects[name] = content


@hostile
def garbage(world: World, round_: Timestamp) -> None:
    """No object of ours at all."""
    for name in objects_of(world, rounds_of("eu")):
        overwrite(world, name, b"\xff\x00 garbage")


@hostile
def empty(world: World, round_: Timestamp) -> None:
    """Nothing."""
    for name in objects_of(world, rounds_of("eu")):
        overwrite(world, name, b"")


@hostile
def huge(world: World, round_: Timestamp) -> None:
    """More than is read."""
    for name in objects_of(world, rounds_of("eu")):
        overwrite(world, name, world.objects.objects[name] + b" " * (LIMITS.max_object_bytes + 1))


@hostile
def deep(world: World, round_: Timestamp) -> None:
    """JSON of a depth that no reader has."""
    told = b"FLKDIFF1\n" + b"[" * 100_000 + b"\n"
    for name in objects_of(world, rounds_of("eu")):
        overwrite(world, name, told + sha256(told).hexdigest().encode() + b"\n")


@hostile
def flipped(world: World, round_: Timestamp) -> None:
    """What reads well, and was written otherwise."""
    for name in objects_of(world, rounds_of("eu")):
        overwrite(world, name, world.objects.objects[name].replace(b"true", b"false", 1))


@hostile
def of_another_format(world: World, round_: Timestamp) -> None:
    """Of a version to come."""
    for name in objects_of(world, rounds_of("eu")):
        told = world.objects.objects[name].replace(b"FLKDIFF1", b"FLKDIFF2")[:-65]
        overwrite(world, name, told + sha256(told).hexdigest().encode() + b"\n")


@hostile
def of_another_round(world: World, round_: Timestamp) -> None:
    """The digest of an earlier round, copied."""
    name = digest_name("eu", round_)
    said = msgspec.json.decode(world.objects.objects[name].split(b"\n")[1], type=Digest)
    overwrite(world, name, written(msgspec.structs.replace(said, round=round_ - 1)))


@hostile
def of_another_region(world: World, round_: Timestamp) -> None:
    """Our own objects, copied."""
    for name in objects_of(world, rounds_of("eu")):
        overwrite(world, name, world.objects.objects.get(name.replace("/eu/", "/us/"), b""))


@hostile
def another_root(world: World, round_: Timestamp) -> None:
    """Ranges that the root does not stand for."""
    name = digest_name("eu", round_)
    said = msgspec.json.decode(world.objects.objects[name].split(b"\n")[1], type=Digest)
    overwrite(world, name, written(msgspec.structs.replace(said, root="0" * 64)))


@hostile
def absurd_counts(world: World, round_: Timestamp) -> None:
    """Fewer than none, and more than a number holds."""
    name = ranges_name("eu", round_)
    said = msgspec.json.decode(world.objects.objects[name].split(b"\n")[1], type=Ranges)
    overwrite(world, name, written(msgspec.structs.replace(said, counts=(-1, 2**63, *said.counts[2:]))))


@pytest.mark.parametrize("attack", sorted(HOSTILE))
def test_what_a_hostile_peer_publishes_is_refused_and_told(attack: str) -> None:
    """And nothing is proposed, joined or deleted for it; what is sound again is believed again (DIV-2)."""
    world = agreeing()
    lost_at(world, 3)
    before = dict(world.entries["us"].entries)
    world.pass_time(INTERVAL)
    looked(world, "us")
    round_ = looked(world, "eu").round
    assert objects_of(world, extent_name("eu", round_, 0)[:-3])
    HOSTILE[attack](world, round_)
    found = looked(world, "us")
    mended(world, "us", Mode.AUTO_AGGRESSIVE)
    assert found.refused
    assert not found.proposed
    assert world.entries["us"].entries == before
    for name in objects_of(world, rounds_of("eu")):
        del world.objects.objects[name]
    after_rounds(world, 3, Mode.AUTO_AGGRESSIVE)
    assert world.entries["us"].entries == world.entries["eu"].entries


def with_extent(world: World, *claims: Claim, until: int = 2**64 - 1) -> Found:
    """What us finds when eu says, of a range in which it differs, that it has these."""
    world.pass_time(INTERVAL)
    looked(world, "us")
    round_ = looked(world, "eu").round
    looked(world, "us")
    (name,) = [name for name in objects_of(world, rounds_of("eu")) if name[-3:] not in {"est", "ges"}]
    said = Extent("eu", round_, int(name[-3:], 16), until, tuple(map(columns_of, claims)))
    overwrite(world, name, written(said))
    return looked(world, "us")


def test_entries_that_have_no_place_in_a_range_are_refused() -> None:
    """Of another range, of a time to come, twice, or with a time that none has (DIV-2)."""
    for spoil in ("range", "late", "twice", "zero"):
        world = agreeing()
        key = sorted(world.entries["us"].entries)[3]
        entry = world.entries["us"].entries.pop(key)
        other = next(k for k in world.entries["us"].entries if range_of(place(k)) != range_of(place(key)))
        claims = {
            "range": [Claim(other, entry)],
            "late": [Claim(key, msgspec.structs.replace(entry, timestamp=Timestamp(2**62)))],
            "twice": [Claim(key, entry), Claim(key, entry)],
            "zero": [Claim(key, msgspec.structs.replace(entry, timestamp=Timestamp(0)))],
        }[spoil]
        assert with_extent(world, *claims).refused


def test_an_entry_that_a_peer_made_up_is_never_joined() -> None:
    """Earlier than ours, well-formed, and in no log: whatever the mode, and however often it is said (DIV-4)."""
    world = agreeing()
    key = sorted(world.entries["us"].entries)[3]
    held = world.entries["us"].entries[key]
    world.entries["eu"].entries[key] = msgspec.structs.replace(held, timestamp=Timestamp(held.timestamp - 1))
    for region in ("eu", "ap", "../us", ""):
        forged = msgspec.structs.replace(world.entries["eu"].entries[key], region=region)
        world.entries["eu"].entries[key] = forged
        found = after_rounds(world, 4, Mode.AUTO_AGGRESSIVE)
        assert of(found["us"]).unproven >= 1
        assert world.entries["us"].entries[key] == held
    assert all(b"manual-review" in world.objects.objects[name] for name in objects_of(world, proposals_of("us")))


def test_a_flood_of_made_up_entries_neither_hides_what_was_lost_nor_reads_all_logs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A few of them are looked up in a round, in each round others; what was not read goes to no review (DIV-2, DIV-4)."""
    for module in ("propose", "evidence"):
        monkeypatch.setattr(f"flk.model.programs.{module}.LIMITS", small(round_differences=10, evidence_segments=4))
    world = agreeing(30)
    lost_at(world, 3)
    some = next(iter(world.entries["eu"].entries.values()))
    for number in range(40):
        world.entries["eu"].entries[Key("default", f"{number}")] = a_later(some)
    before = dict(world.entries["us"].entries)
    for _ in range(30):
        world.pass_time(INTERVAL)
        for region in PEERS:
            start = world.effects
            looked(world, region)
            assert world.effects - start < 200
            mended(world, region)
        if any(b"replay-missing" in world.objects.objects[name] for name in objects_of(world, proposals_of("us"))):
            break
    else:
        pytest.fail("what was lost was never found")
    assert world.entries["us"].entries == before


def forged(world: World, **changes: object) -> str:
    """A proposal of somebody else's, approved; its id."""
    held = world.entries["us"].entries
    key = min(held)
    claims = (columns_of(Claim(key, a_later(held[key]))),)
    action = Action.CHOOSE_FIRST
    made = Proposal("us", "eu", Timestamp(1), action, SCORES[action], 0.0, "eu.000001/000000000001", claims, "forged")
    id_, content = proposed(msgspec.structs.replace(made, **changes))
    world.objects.put(proposals_of("us") + id_, content)
    decide(world, "us", id_)
    return id_


@pytest.mark.parametrize(
    "evidence",
    [
        "eu.000001/000000000001",
        "eu.000001/000000000999",
        "eu.000009/000000000001",
        "ap.000001/000000000001",
        "eu.000001/../x",
        "snap/eu/heads/none",
        "",
    ],
)
@pytest.mark.parametrize("action", [Action.CHOOSE_FIRST, Action.REPLAY_MISSING])
def test_a_forged_proposal_joins_nothing_that_the_logs_do_not_have(evidence: str, action: Action) -> None:
    """It fails, with the reason, and is not tried again (DIV-6)."""
    world = agreeing()
    before = dict(world.entries["us"].entries)
    forged(world, evidence=evidence, action=action, score=SCORES[action])
    ((result, _),) = mended(world, "us", Mode.AUTO_AGGRESSIVE).results
    assert (result.state, bool(result.reason)) == (State.FAILED, True)
    assert world.entries["us"].entries == before
    assert mended(world, "us", Mode.AUTO_AGGRESSIVE).results == ()


def test_a_forged_proposal_does_not_run_ahead_of_replay() -> None:
    """What was shipped and not replayed yet is left to replay (DIV-6)."""
    world = agreeing()
    (key,) = sent(world, 100)
    wanted = columns_of(Claim(key, world.entries["eu"].entries[key]))
    evidence = "eu.000001/000000000004"
    forged(world, action=Action.REPLAY_MISSING, score=0.9, claims=(wanted,), evidence=evidence)
    ((result, _),) = mended(world, "us").results
    assert result.state is State.FAILED
    assert key not in world.entries["us"].entries


def test_a_forged_proposal_of_a_segment_that_was_applied_brings_about_what_replay_did() -> None:
    """The worst that it can do is what an honest one does (DIV-6)."""
    world = agreeing()
    held = world.entries["us"].entries
    key = min(held, key=lambda key: held[key].timestamp)
    lost = held.pop(key)
    forged(world, action=Action.REPLAY_MISSING, score=0.9, claims=(columns_of(Claim(key, lost)),))
    mended(world, "us")
    assert world.entries["us"].entries == logged(world)


def test_an_altered_proposal_and_a_decision_on_another_do_not_count() -> None:
    """The id follows from the content, so what was approved is what is applied (DIV-6)."""
    world = spoilt()
    after_rounds(world, 3)
    before = dict(world.entries["us"].entries)
    names = objects_of(world, proposals_of("us"))
    one, other = (name.rpartition("/")[2] for name in names)
    overwrite(world, names[0], world.objects.objects[names[1]])
    decide(world, "us", one)
    world.objects.put(decisions_of("us") + other, written(Decision("us", one, Verdict.APPROVED)))
    done = mended(world, "us")
    assert done.results == ()
    assert len(done.refused) == 2
    assert world.entries["us"].entries == before


def test_of_two_decisions_the_first_counts() -> None:
    """Who rejects what is approved already is told so by the object store (DIV-6)."""
    world = spoilt()
    after_rounds(world, 3)
    id_ = objects_of(world, proposals_of("us"))[0].rpartition("/")[2]
    assert decide(world, "us", id_, Verdict.REJECTED)
    assert not decide(world, "us", id_)
    assert [result.state for result, _ in mended(world, "us").results] == [State.REJECTED]


def test_proposals_stay_bounded() -> None:
    """However long something differs, one proposal speaks of it; those that are done with are removed, the oldest first (DIV-5)."""
    world = spoilt()
    after_rounds(world, 9)
    assert len(objects_of(world, proposals_of("us"))) == 2
    for number in range(LIMITS.kept_settled + 5):
        id_ = forged(world, because=str(number), round=Timestamp(1 + number))
        result = Result("us", id_, State.REJECTED)
        world.objects.put(outcomes_of("us") + id_, written(result))
    mended(world, "us")
    assert len(objects_of(world, outcomes_of("us"))) == LIMITS.kept_settled
    assert len(objects_of(world, decisions_of("us"))) == LIMITS.kept_settled
    assert len(objects_of(world, proposals_of("us"))) == LIMITS.kept_settled + 2


def test_what_came_back_by_itself_is_settled() -> None:
    """Nobody decided, and nothing is left to do (DIV-6)."""
    world = agreeing()
    key = a_key(world, "us", of_region="eu")
    lost = world.entries["us"].entries.pop(key)
    after_rounds(world, 3)
    world.entries["us"].entries[key] = lost
    assert [result.state for result, _ in mended(world, "us").results] == [State.SETTLED]
    assert looked(world, "us").open == 0


def test_what_is_lost_again_is_proposed_again() -> None:
    """An outcome speaks of one loss (DIV-5)."""
    world = agreeing(90)
    key = a_key(world, "us", of_region="eu")
    for _ in range(2):
        world.entries["us"].entries.pop(key)
        after_rounds(world, 4, Mode.AUTO_SAFE)
        assert key in world.entries["us"].entries
    assert len(objects_of(world, outcomes_of("us"))) == 2


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
