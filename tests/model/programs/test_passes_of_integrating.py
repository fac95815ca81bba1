"""A pass over what a region has shipped: how far it reads, for what it waits, and what it asks for again (TLOG-6, TLOG-7)."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.model.audit_log import PREFIX, kinds, leaves_in, write
from tests.support.model.effects_seen import interrupted, performed
from tests.support.model.world import EQUIVOCATING, EXAMINE, HONEST, World, pcs, submission

from flk.model.effects import Effect, GetObject, ListObjects, PutObject, Supersessions
from flk.model.memory.auditing import AuditIndex
from flk.model.programs import integrate as module
from flk.model.programs.integrate import Added, integrate
from flk.model.programs.replay import replay
from flk.model.programs.ship import ship
from flk.model.programs.snapshot import snapshot
from flk.model.refusal import Unavailable
from flk.model.transparency.leaves import Fact
from flk.model.transparency.steps import LIMITS

SEGMENTS = "crr/"


def shipped(world: World, *epochs: int, region: str = "eu") -> list[str]:
    """A segment for each of these; the names of all that the region has as objects."""
    for epoch in epochs:
        world.ingest(region, submission(pcs(epoch=epoch)))
        world.run(region, ship())
    return sorted(name for name in world.objects.objects if name.startswith(f"{SEGMENTS}{region}."))


def added(world: World) -> Added:
    """A pass."""
    return world.run("eu", integrate("eu", EXAMINE))


def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step is full with one leaf."""
    monkeypatch.setattr(module, "LIMITS", msgspec.structs.replace(LIMITS, step_leaves=1))


def on_new_disks(disks: int) -> World:
    """A region that lost a disk after each two segments, and kept its store; of none of its logs anything is integrated."""
    world = World("eu")
    for disk in range(disks):
        if disk:
            whole = world.entries["eu"]
            world.lose_disk("eu")
            world.entries["eu"] = whole
            world.nodes["eu"] = world._start("eu")
            world.recover("eu")
        shipped(world, 10 * disk, 10 * disk + 1)
    return world


def test_a_pass_lists_no_segment_that_is_integrated() -> None:
    """Of two logs, each behind what the steps have of it: a listing costs by what is listed, and logs grow (TLOG-7)."""
    world = on_new_disks(2)
    added(world)
    names = [name for name in world.objects.objects if name.startswith(SEGMENTS)]
    listings = [
        effect
        for effect in performed(world, "eu", integrate("eu", EXAMINE))
        if isinstance(effect, ListObjects) and effect.prefix.startswith(SEGMENTS)
    ]
    assert listings
    assert not [name for each in listings for name in names if name.startswith(each.prefix) and name > each.after]


@settings(deadline=None)
@given(st.sets(st.integers(1, 3)), st.integers(1, 2))
def test_an_earlier_log_that_comes_to_light_late_is_integrated(late: set[int], number: int) -> None:
    """Whichever of a region's logs are there at first, as a whole or in part: behind each, what is left is looked for (TLOG-6)."""
    world = on_new_disks(3)
    hidden = {
        name: world.objects.objects.pop(name)
        for name in shipped(world)
        if any(name.startswith(f"{SEGMENTS}eu.00000{log}/") for log in late) and int(name[-1]) >= number
    }
    assert added(world).leaves == 6 - len(hidden)
    world.objects.objects |= hidden
    assert added(world).leaves == len(hidden)


def test_what_comes_to_no_leaf_is_integrated_too() -> None:
    """A segment in which a record is sent again says nothing new; the log says that it is through with it, so that it is not read
    again, and may be removed one day (TLOG-7, TLOG-10).
    """
    world = World("eu")
    for _ in range(2):
        world.ingest("eu", HONEST)
        world.run("eu", ship())
        added(world)
    (_, last) = shipped(world)
    assert last.removeprefix(SEGMENTS) in world.disks["eu"].audit.state.through.values()
    assert added(world) == Added(0, 0, 1)


def test_who_comes_too_late_goes_on_from_what_was_decided() -> None:
    """Another node creates the step that this one is about to create; then it tells what the log has, and creates what is left
    (TLOG-7).
    """
    world = World("eu")
    shipped(world, 10)
    late = [True]

    def another(effect: Effect[object]) -> None:
        if late and isinstance(effect, PutObject) and effect.name.startswith(f"{PREFIX}batch/"):
            late.clear()
            own, world.disks["eu"].audit = world.disks["eu"].audit, AuditIndex()
            world.nodes["eu"] = world._start("eu")
            assert added(world).leaves == 1
            world.disks["eu"].audit = own
            world.nodes["eu"] = world._start("eu")

    assert interrupted(world, "eu", integrate("eu", EXAMINE, [Fact("keys", [])]), another) == Added(1, 1, 2)
    assert not late


def test_a_node_states_all_that_it_goes_by() -> None:
    """Each kind of fact has a leaf, with the node's log, and a number of its own (TLOG-6)."""
    world = World("eu")
    facts = (Fact("keys", []), Fact("witnesses", []))
    assert write(world, *facts)[0].leaves == 2
    assert write(world, *facts, Fact("keys", [{"id": "a"}]))[0].leaves == 1
    told = [(leaf["log"], leaf["kind"], leaf["number"]) for leaf in map(json.loads, leaves_in(world.objects.objects))]
    assert told == [("eu.000001", "keys", 1), ("eu.000001", "witnesses", 1), ("eu.000001", "keys", 2)]


@settings(deadline=None)
@given(st.sets(st.integers(0, 4), min_size=1), st.sampled_from(["hidden", "rotten"]))
def test_a_log_waits_at_the_first_segment_that_cannot_be_taken(bad: set[int], how: str) -> None:
    """All before it is taken in, in one pass, and nothing behind it; one segment is told of a log that waits, however many come
    behind (TLOG-6).
    """
    world = World("eu")
    shipped(world, 9)
    added(world)
    names = shipped(world, *range(10, 15))[1:]
    for number in bad:
        if how == "hidden":
            del world.objects.objects[names[number]]
        else:
            world.objects.objects[names[number]] = b"rotten"
    found = added(world)
    assert found.leaves == min(bad)
    left = [name for number, name in enumerate(names) if number > min(bad) and number not in bad]
    assert found.waits == tuple(name.removeprefix(SEGMENTS) for name in left[:1] if how == "hidden")
    assert (names[min(bad)].removeprefix(SEGMENTS) in found.corrupt) == (how == "rotten")


def test_the_first_log_that_is_damaged_is_told() -> None:
    """Who puts it back looks at the first disk's first; both wait, and neither is read past (CRR-10)."""
    world = on_new_disks(2)
    names = shipped(world)
    for number in (1, 2):
        world.objects.objects[names[number]] = b"rotten"
    found = added(world)
    assert (found.leaves, found.waits) == (1, ())
    assert names[1].removeprefix(SEGMENTS) in found.corrupt


def test_a_segment_that_is_listed_and_gone_ends_the_pass() -> None:
    """Removed in between, or not shown yet: nothing is integrated past it (TLOG-7)."""
    world = World("eu")
    first, _ = shipped(world, 10, 11)

    def removed(effect: Effect[object]) -> None:
        if effect == GetObject(first):
            del world.objects.objects[first]

    with pytest.raises(Unavailable, match="cannot be read"):
        interrupted(world, "eu", integrate("eu", EXAMINE), removed)
    assert not [name for name in world.objects.objects if name.startswith(PREFIX)]


def test_a_log_begins_behind_what_a_snapshot_just_reaches() -> None:
    """The snapshot ends with what was removed: it stands for all of that, and for nothing of what is there (RET-1, TLOG-6)."""
    world = World("eu")
    (first,) = shipped(world, 10)
    world.run("eu", snapshot("eu", ()))
    del world.objects.objects[first]
    (second,) = shipped(world, 11)
    write(world)
    begun, outcome = map(json.loads, leaves_in(world.objects.objects))
    assert begun == {"kind": "begun", "segment": second.removeprefix(SEGMENTS)}
    assert outcome["kind"] == "outcome"


@settings(deadline=None)
@given(st.integers(1, 4), st.integers(1, 6), st.integers(0, 6))
def test_a_store_is_asked_for_some_at_once(at_once: int, records: int, lost: int) -> None:
    """How many entries or outcomes that gave way are read at once tells nowhere: each is a leaf, once (TLOG-6, TLOG-14)."""
    world = World("eu", "us")
    epochs = range(10, 10 + records)
    for epoch in epochs[:lost]:
        world.ingest("us", submission(pcs(epoch=epoch, budget=0.9)))
    for epoch in epochs:
        world.ingest("eu", submission(pcs(epoch=epoch)))
    for region in ("eu", "us"):
        world.run(region, ship())
    world.run("eu", replay("us", EXAMINE))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "AT_ONCE", at_once)
        write(world)
        asked = performed(world, "eu", integrate("eu", EXAMINE))
    gave_way = min(lost, records)
    found = kinds(leaves_in(world.objects.objects))
    assert (found["outcome"], found["supersession"]) == (records, gave_way)
    assert [effect for effect in asked if isinstance(effect, Supersessions)] == [Supersessions(gave_way, 1)]


def test_an_outcome_that_gave_way_is_a_leaf_when_that_it_did_is_one_already(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its segment comes to the log in a later step than what tells that it gave way, or in a later pass (TLOG-6)."""
    for hides in (False, True):
        world = World("eu", "us")
        world.ingest("us", EQUIVOCATING)
        world.run("us", ship())
        shipped(world, 10)
        world.ingest("eu", HONEST)
        world.run("eu", ship())
        world.run("eu", replay("us", EXAMINE))
        *_, name = shipped(world)
        with monkeypatch.context() as patch:
            small_steps(patch)
            if hides:
                hidden = world.objects.objects.pop(name)
                added(world)
                world.objects.objects[name] = hidden
            write(world)
        assert kinds(leaves_in(world.objects.objects)) == {"outcome": 2, "supersession": 1}


def test_what_another_region_lost_is_no_leaf() -> None:
    """A claim of `us` gave way to one of `ap`, in the store of `eu`: that is for the log of `us` to tell (TLOG-6)."""
    world = World("eu", "us", "ap")
    world.ingest("ap", EQUIVOCATING)
    world.ingest("us", HONEST)
    for region in ("us", "ap"):
        world.run(region, ship())
        world.run("eu", replay(region, EXAMINE))
    shipped(world, 10)
    assert len(world.entries["eu"].superseded) == 1
    write(world)
    assert kinds(leaves_in(world.objects.objects)) == {"outcome": 1}
