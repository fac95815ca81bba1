"""A region's audit log: each outcome is one leaf, once, whoever writes the log and wherever it stops (TLOG-6 to TLOG-9)."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.model.audit_log import PREFIX, cosign, kinds, leaves_in, published, write
from tests.support.model.crash_points import AROUND, crash_points
from tests.support.model.transparency import LOG, WITNESS
from tests.support.model.world import (
    EQUIVOCATING,
    ESCALATED,
    EXAMINE,
    HONEST,
    STORY,
    World,
    pcs,
    submission,
)

from flk.model.effects import INBOX, ListObjects
from flk.model.entries.entry import Claim
from flk.model.memory.auditing import AuditIndex
from flk.model.memory.parts import Entries
from flk.model.programs.checkpoint import checkpoint
from flk.model.programs.integrate import GAVE_WAY, integrate
from flk.model.programs.lose import empty
from flk.model.programs.proofs import prove_consistency
from flk.model.programs.replay import replay
from flk.model.programs.restore import restore
from flk.model.programs.retain import retain
from flk.model.programs.ship import ship
from flk.model.programs.snapshot import snapshot
from flk.model.refusal import Unavailable
from flk.model.transparency.checkpoints import BadLog, Checkpoint, read_checkpoint
from flk.model.transparency.leaves import Fact
from flk.model.transparency.notes import read_note, signed, signed_by
from flk.model.transparency.steps import LIMITS, State, step_bytes, step_name

RECORDS = (HONEST, EQUIVOCATING, HONEST, ESCALATED)
KEYS = Fact("keys", [{"id": "a"}])


def told(world: World, *regions: str) -> None:
    """The story is sent to each of the regions."""
    for region in regions or ("eu",):
        for sent in STORY:
            world.ingest(region, sent)


def outcomes(leaves: list[bytes]) -> list[tuple[str, str]]:
    """The tenant and id of each leaf of an outcome."""
    found = map(json.loads, leaves)
    return [(leaf["tenant"], leaf["pcs_id"]) for leaf in found if leaf["kind"] == "outcome"]


def stored(world: World, region: str = "eu") -> list[tuple[str, str]]:
    """Tenant and id of what a region stores."""
    return [(key.tenant, key.pcs_id) for key in world.entries[region].entries]


def test_what_is_stored_is_a_leaf_and_so_is_what_another_content_claimed() -> None:
    """Of the story: three records of one tenant and one of another, of which one is sent twice and one with another content."""
    world = World("eu")
    told(world)
    added, now = write(world, KEYS)
    leaves = leaves_in(world.objects.objects)
    assert sorted(outcomes(leaves)) == sorted(stored(world))
    assert kinds(leaves) == {"keys": 1, "outcome": 4, "equivocation": 1}
    assert added.leaves == added.size == now.size == now.signed == len(leaves) == 6
    assert added.steps == 1
    leaf = next(json.loads(each) for each in leaves if b"budget_deviation" in each)
    entry = next(entry for entry in world.entries["eu"].entries.values() if entry.outcome.escalated)
    assert (leaf["digest"], leaf["region"], leaf["timestamp"]) == (entry.digest, "eu", f"{entry.timestamp:016x}")
    assert (leaf["budget"], leaf["recomputed_budget"], leaf["accepted"], leaf["escalated"]) == (0.9, 0.4, True, True)
    assert (leaf["D_hat"], leaf["epoch"], leaf["regime"], leaf["shard_id"]) == (1.0, 2, "sticky", "shard-0")


def test_a_pass_takes_in_more_than_a_step_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Step after step, each segment once, and it waits for nothing that it has taken in itself (SEQ-1)."""
    monkeypatch.setattr("flk.model.programs.integrate.LIMITS", msgspec.structs.replace(LIMITS, step_leaves=1))
    world = World("eu")
    for epoch in range(3):
        world.ingest("eu", submission(pcs(epoch=epoch)))
        world.run("eu", ship())
    added, _ = write(world)
    assert (added.steps, added.leaves, added.size, added.waits) == (3, 3, 3, ())


def test_a_pass_with_nothing_new_adds_nothing() -> None:
    """Neither a step nor a checkpoint; a fact that is another is a leaf again, and one that is as before is none."""
    world = World("eu")
    told(world)
    write(world, KEYS)
    before = dict(world.objects.objects)
    assert write(world, KEYS)[0].leaves == 0
    assert world.objects.objects == before
    assert write(world, Fact("keys", []))[0].leaves == write(world, KEYS)[0].leaves == 1
    numbers = [json.loads(leaf)["number"] for leaf in leaves_in(world.objects.objects) if b'"keys"' in leaf]
    assert numbers == [1, 2, 3]


@pytest.mark.slow
@pytest.mark.parametrize("witnessed", [pytest.param(False, marks=pytest.mark.thorough), True])
def test_integrating_and_signing_stopped_anywhere_lose_no_leaf_and_fork_nothing(*, witnessed: bool) -> None:
    """Crash at each effect of shipping, integrating, signing, cosigning and publishing, twice over; the passes after it end with
    each outcome as one leaf, and every checkpoint that was ever signed is how the last one began.
    """

    def two_passes(world: World) -> None:
        for sent in RECORDS[:2]:
            world.ingest("eu", sent)
        write(world, KEYS, witnessed=witnessed)
        for sent in RECORDS[2:]:
            world.ingest("eu", sent)
        write(world, KEYS, witnessed=witnessed)

    crashes = 0
    for world in crash_points(lambda: World("eu", "us"), two_passes, AROUND):
        crashes += 1
        world.recover("eu")
        for sent in RECORDS:
            world.ingest("eu", sent)
        write(world, KEYS, witnessed=witnessed)
        leaves = leaves_in(world.objects.objects)
        assert sorted(outcomes(leaves)) == sorted(stored(world))
        assert len(set(leaves)) == len(leaves)
        require_one_history(world)
    assert crashes > 60


def require_one_history(world: World) -> None:
    """All that was signed are states of one log."""
    objects = world.objects.objects
    now = published(objects)
    for name, note in objects.items():
        if name.startswith(f"{PREFIX}signed/"):
            world.run("eu", prove_consistency(PREFIX, read_checkpoint(note, LOG.verifier), now))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 400)), min_size=1, max_size=8))
def test_nodes_that_meet_in_the_middle_write_one_log(turns: list[tuple[int, int]]) -> None:
    """Two nodes of a region, with an index each, integrate the same logs at the same time: whichever takes a turn first, each
    outcome is one leaf, and all steps and tiles are those of one log.
    """
    world = World("eu")
    told(world)
    world.run("eu", ship())
    indexes = (AuditIndex(), AuditIndex())
    running = [integrate("eu", EXAMINE, [KEYS]) for _ in indexes]
    values: list[object] = [None, None]
    ended: set[int] = set()
    for who, effects in [*turns, (0, 10_000), (1, 10_000)]:
        for _ in range(effects):
            if who in ended:
                break
            try:
                effect = running[who].send(values[who])
            except StopIteration:
                ended.add(who)
                break
            perform = indexes[who].performers.get(type(effect))
            values[who] = perform(effect) if perform else world.perform("eu", effect)
    world.disks["eu"].audit = indexes[0]
    world.nodes["eu"] = world._start("eu")
    write(world, KEYS)
    leaves = leaves_in(world.objects.objects)
    assert sorted(outcomes(leaves)) == sorted(stored(world))
    assert kinds(leaves)["keys"] == 1
    assert sum(name.startswith(f"{PREFIX}batch/") for name in world.objects.objects) == indexes[0].state.number


def test_an_outcome_that_gave_way_is_a_leaf_and_so_is_that_it_did() -> None:
    """Both regions took a record, each with another content, and `us` was first; once when `eu` had its outcome in the log when it
    learned of it, and once when it had not.
    """
    for learned_first in (False, True):
        world = World("eu", "us")
        world.ingest("us", EQUIVOCATING)
        told(world)
        world.run("us", ship())
        if learned_first:
            world.run("eu", ship())
        else:
            write(world)
        world.run("eu", replay("us", EXAMINE))
        write(world)
        leaves = leaves_in(world.objects.objects)
        assert kinds(leaves) == {"outcome": 4, "equivocation": 1, "supersession": 1}
        assert world.entries["eu"].marks[GAVE_WAY] == "1"  # so that they are read again only when there are more
        gave_way = next(json.loads(leaf) for leaf in leaves if b"supersession" in leaf)
        lost = next(json.loads(leaf) for leaf in leaves if gave_way["digest"].encode() in leaf)
        assert (lost["kind"], lost["pcs_id"], lost["region"]) == ("outcome", pcs().pcs_id, "eu")
        assert gave_way["winner"]["region"] == "us"


def test_frames_that_were_salvaged_are_no_leaves_again() -> None:
    """A segment that was shipped and integrated rots on the disk: what is left of it is logged, and shipped, once more."""
    world = World("eu")
    told(world)
    write(world)
    (sealed,) = world.disks["eu"].names(INBOX)
    world.disks["eu"].segments[sealed][-60] ^= 1
    world.run("eu", restore(1.0))
    world.ingest("eu", submission(pcs(epoch=77)))
    write(world)
    assert len([name for name in world.objects.objects if name.startswith("crr/eu.")]) == 2
    leaves = leaves_in(world.objects.objects)
    assert sorted(outcomes(leaves)) == sorted(stored(world))
    assert kinds(leaves)["equivocation"] == 1


def test_a_node_that_lost_its_index_or_its_disk_goes_on() -> None:
    """What it knows of the log it reads from the steps; the log of the lost disk is integrated to the end of what it shipped."""
    world = World("eu")
    told(world)
    write(world)
    world.ingest("eu", submission(pcs(epoch=77)))
    world.run("eu", ship())
    world.lose_disk("eu")
    world.recover("eu")
    world.ingest("eu", submission(pcs(epoch=78)))
    write(world)
    leaves = leaves_in(world.objects.objects)
    assert sorted(outcomes(leaves)) == sorted(stored(world))
    require_one_history(world)


def test_a_segment_waits_for_the_store_and_for_the_one_before_it() -> None:
    """A store that lacks what a segment holds says nothing of it yet; and nothing is integrated past a segment that is missing."""
    world = World("eu")
    for epoch in range(10, 13):
        world.ingest("eu", submission(pcs(epoch=epoch)))
        world.run("eu", ship())
    names = sorted(name for name in world.objects.objects if name.startswith("crr/"))
    hidden = world.objects.objects.pop(names[1])
    added, _ = write(world)
    assert (added.leaves, added.waits) == (1, (names[2].removeprefix("crr/"),))
    world.objects.objects[names[1]] = hidden
    whole, world.entries["eu"] = world.entries["eu"], Entries()
    world.nodes["eu"] = world._start("eu")
    assert world.run("eu", integrate("eu", EXAMINE)).waits == (names[1].removeprefix("crr/"),)
    world.entries["eu"] = whole
    world.nodes["eu"] = world._start("eu")
    assert write(world)[0].leaves == 2


def test_a_segment_waits_for_a_store_that_has_a_later_claim_than_it() -> None:
    """A store that was lost comes back with what another region claimed later, before it is joined with what it had claimed first:
    that is an outcome of the region all the same.
    """
    world = World("eu", "us")
    world.ingest("eu", HONEST)
    world.run("eu", ship())
    whole = world.entries["eu"]
    world.ingest("us", HONEST)
    world.entries["eu"] = Entries()
    world.nodes["eu"] = world._start("eu")
    for key, entry in world.entries["us"].entries.items():
        world.entries["eu"].merge(Claim(key, entry))
    added = world.run("eu", integrate("eu", EXAMINE))
    assert (added.leaves, len(added.waits)) == (0, 1)
    world.entries["eu"] = whole
    world.nodes["eu"] = world._start("eu")
    write(world)
    assert kinds(leaves_in(world.objects.objects)) == {"outcome": 1}


def test_a_node_that_is_overtaken_while_it_signs_sees_no_fork() -> None:
    """Another node signs more leaves after this one looked for the latest checkpoint, and before it looks for what to publish."""
    world = World("eu")
    told(world)
    write(world)
    world.ingest("eu", submission(pcs(epoch=77)))
    world.run("eu", ship())
    world.run("eu", integrate("eu", EXAMINE))
    behind, ahead = checkpoint("eu", LOG), 7
    listings = 0
    value: object = None
    result: object = None
    while True:
        try:
            effect = behind.send(value)
        except StopIteration as stop:
            result = stop.value
            break
        listings += isinstance(effect, ListObjects)
        if isinstance(effect, ListObjects) and listings == 2:
            world.objects.put(f"{PREFIX}signed/{ahead:016d}", note_of(Checkpoint(LOG.name, ahead, bytes(32))))
        value = world.perform("eu", effect)
    assert result == (6, 6)
    assert published(world.objects.objects).size == 6


def test_a_log_whose_beginning_was_removed_says_where_it_begins() -> None:
    """Nobody takes an audit log that was begun later for one that has all outcomes. A snapshot stands for what was removed."""
    world = World("eu")
    for epoch in range(10, 12):
        world.ingest("eu", submission(pcs(epoch=epoch)))
        world.run("eu", ship())
    first, second = sorted(name for name in world.objects.objects if name.startswith("crr/"))
    world.run("eu", snapshot("eu", ()))
    del world.objects.objects[first]
    write(world)
    leaves = leaves_in(world.objects.objects)
    assert json.loads(leaves[0]) == {"kind": "begun", "segment": second.removeprefix("crr/")}
    assert kinds(leaves) == {"begun": 1, "outcome": 1}


@pytest.mark.parametrize("covering", ["nothing", "less"])
def test_a_beginning_that_no_snapshot_stands_for_is_waited_for(covering: str) -> None:
    """An object store that has lost it, or that shows it later than what came behind it: nothing is left out for ever."""
    world = World("eu")
    for epoch in range(10, 13):
        world.ingest("eu", submission(pcs(epoch=epoch)))
        world.run("eu", ship())
        if epoch == 10 and covering == "less":
            world.run("eu", snapshot("eu", ()))
    first, second, _ = sorted(name for name in world.objects.objects if name.startswith("crr/"))
    hidden = {name: world.objects.objects.pop(name) for name in (first, second)}
    with pytest.raises(Unavailable, match="what its log begins with is not"):
        write(world)
    world.objects.objects |= hidden
    write(world)
    assert kinds(leaves_in(world.objects.objects)) == {"outcome": 3}


def test_a_first_segment_that_a_listing_hides_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is there, and the one behind it is listed: so the log does not begin there."""
    world = World("eu")
    for epoch in range(10, 12):
        world.ingest("eu", submission(pcs(epoch=epoch)))
        world.run("eu", ship())
    names = world.objects.names
    monkeypatch.setattr(
        world.objects, "names", lambda prefix, after: tuple(n for n in names(prefix, after) if not n.endswith("01"))
    )
    with pytest.raises(Unavailable, match="what its log begins with is not"):
        write(world)


def test_behind_the_sign_that_a_log_is_lost_nothing_is_waited_for() -> None:
    """Its end is a gap on purpose; any other is one that somebody has to look at."""
    world = World("eu")
    told(world)
    world.run("eu", ship())
    world.objects.put("crr/eu.000001/000000000003", empty("eu.000001/000000000003"))
    assert write(world)[0].waits == ()


def test_a_damaged_segment_is_told_and_holds_up_no_other_log() -> None:
    """Its log waits until whoever shipped it has put it back."""
    world = World("eu")
    told(world)
    world.run("eu", ship())
    (name,) = (name for name in world.objects.objects if name.startswith("crr/"))
    whole = world.objects.objects[name]
    world.objects.objects[name] = whole[:-9]
    assert "WAL-4" in write(world)[0].corrupt
    world.objects.objects[name] = whole
    assert write(world)[0].leaves == 5


@pytest.mark.parametrize("kind", ["tile/0/000.p/5", "tile/entries/000.p/5", "batch/000000000001"])
def test_what_is_no_part_of_the_log_is_left_and_told(kind: str) -> None:
    """A tile or a step that has another content, put there by anybody, or rotten: nothing is written over it, nothing signed."""
    world = World("eu")
    told(world)
    world.objects.put(f"{PREFIX}{kind}", b"another")
    with pytest.raises(BadLog, match="TLOG-7"):
        write(world)
    assert world.objects.get(f"{PREFIX}{kind}") == b"another"
    assert f"{PREFIX}checkpoint" not in world.objects.objects


def test_a_step_that_does_not_follow_is_refused() -> None:
    """One that counts its leaves wrongly, or tells another root."""
    for state in (State(2, 1, "00" * 32), State(1, 1, "00" * 32), State(1, 2, "00" * 32)):
        world = World("eu")
        world.objects.put(step_name(PREFIX, 1), step_bytes(state, [b"{}"]))
        with pytest.raises(BadLog, match="does not follow"):
            world.run("eu", integrate("eu", EXAMINE))


def test_no_checkpoint_is_signed_that_does_not_extend_the_last() -> None:
    """The steps of a log are gone, and what was signed is there: the log that begins anew is never signed past that."""
    world = World("eu")
    told(world)
    write(world)
    for name in [name for name in world.objects.objects if name.startswith((f"{PREFIX}batch", f"{PREFIX}tile"))]:
        del world.objects.objects[name]
    world.disks["eu"].audit = AuditIndex()
    world.nodes["eu"] = world._start("eu")
    for epoch in range(10, 20):
        world.ingest("eu", submission(pcs(epoch=epoch)))
    before = world.objects.objects[f"{PREFIX}checkpoint"]
    world.run("eu", ship())
    world.run("eu", integrate("eu", EXAMINE, [KEYS]))
    with pytest.raises(BadLog, match="TLOG-5"):
        world.run("eu", checkpoint("eu", LOG))
    assert world.objects.objects[f"{PREFIX}checkpoint"] == before


def test_two_checkpoints_of_one_size_are_never_signed() -> None:
    """Another root of the size is there, signed by the log's own key: the second is refused, not given away."""
    world = World("eu")
    told(world)
    world.run("eu", ship())
    world.run("eu", integrate("eu", EXAMINE))
    fork = Checkpoint(LOG.name, 5, bytes(32))
    world.objects.put(f"{PREFIX}signed/{5:016d}", note_of(fork))
    with pytest.raises(BadLog, match="TLOG-5"):
        world.run("eu", checkpoint("eu", LOG))
    assert f"{PREFIX}checkpoint" not in world.objects.objects


def note_of(one: Checkpoint) -> bytes:
    """A checkpoint that the log's key signed."""
    return signed(one.text, [LOG.sign(one.text)])


def test_what_another_node_signed_is_not_published_before_it_is_known_to_be_of_this_log() -> None:
    """A checkpoint of more leaves than the node has taken in, signed with the log's key, and of another history."""
    for size in (6, 5):
        world = World("eu")
        told(world)
        write(world)
        fork = Checkpoint(LOG.name, size + 1, bytes(32))
        world.objects.put(f"{PREFIX}signed/{fork.size:016d}", note_of(fork))
        assert world.run("eu", checkpoint("eu", LOG)) == (5, size + 1)
        for epoch in range(10, 20):
            world.ingest("eu", submission(pcs(epoch=epoch)))
        world.run("eu", ship())
        world.run("eu", integrate("eu", EXAMINE))
        with pytest.raises(BadLog, match="TLOG-5"):
            world.run("eu", checkpoint("eu", LOG))
        assert published(world.objects.objects).size == 5


def test_a_checkpoint_is_published_when_its_witness_has_cosigned_it() -> None:
    """Not before; and then with both signatures. What is cosigned later is published later."""
    world = World("eu", "us")
    told(world)
    _, now = write(world)
    witnesses = (WITNESS.witness,)
    world.ingest("eu", submission(pcs(epoch=77)))
    world.run("eu", ship())
    world.run("eu", integrate("eu", EXAMINE))
    later = world.run("eu", checkpoint("eu", LOG, witnesses))
    assert (later.size, later.signed) == (now.size, 6)
    assert cosign(world).size == 6
    assert world.run("eu", checkpoint("eu", LOG, witnesses)).size == 6
    note = read_note(world.objects.objects[f"{PREFIX}checkpoint"])
    assert signed_by(note, (LOG.verifier, WITNESS.witness)) == (LOG.verifier, WITNESS.witness)


def test_a_witness_cosigns_no_fork() -> None:
    """Neither another root of the size that it knows, nor a log that is not how that one has grown."""
    for size in (5, 6):
        world = World("eu", "us")
        told(world)
        write(world)
        assert cosign(world).size == 5
        world.ingest("eu", ESCALATED)
        fork = Checkpoint(LOG.name, size, bytes(32))
        world.objects.objects[f"{PREFIX}signed/{size:016d}"] = note_of(fork)
        world.objects.objects[f"{PREFIX}tile/0/000.p/6"] = bytes(6 * 32)
        with pytest.raises(BadLog, match="TLOG-5"):
            cosign(world)
        assert sum(name.startswith(f"{PREFIX}cosigned/") for name in world.objects.objects) == 1


def test_retention_waits_for_the_audit_log() -> None:
    """Segments that two snapshots cover stay, file and object, until their leaves are in the log; then they go (TLOG-10)."""
    world = World("eu")
    for epoch in range(10, 14):
        world.ingest("eu", submission(pcs(epoch=epoch)))
        world.run("eu", ship())
        if epoch == 11:
            world.run("eu", integrate("eu", EXAMINE))
        elif epoch > 11:
            world.run("eu", snapshot("eu"))
    removed = world.run("eu", retain("eu", 0.0, audited=True))
    assert [len(removed.segments), len(removed.objects)] == [2, 2]
    write(world)
    assert len(world.run("eu", retain("eu", 0.0, audited=True)).objects) == 1
    assert len(leaves_in(world.objects.objects)) == 4


def test_retention_removes_nothing_of_a_log_of_which_nothing_is_integrated() -> None:
    """A node that has just begun an audit log, or that lost what it knew of it (TLOG-10)."""
    world = World("eu")
    for epoch in range(10, 14):
        world.ingest("eu", submission(pcs(epoch=epoch)))
        world.run("eu", ship())
        world.run("eu", snapshot("eu"))
    assert world.run("eu", retain("eu", 0.0, audited=True)).segments == ()
    assert len(world.run("eu", retain("eu", 0.0)).segments) == 3


def test_a_record_sent_again_is_no_leaf_again() -> None:
    """In whatever segment it comes."""
    world = World("eu")
    for _ in range(3):
        world.ingest("eu", HONEST)
        write(world)
    assert kinds(leaves_in(world.objects.objects)) == {"outcome": 1}
