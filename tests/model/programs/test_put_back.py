"""Rotten rows are put back from whatever log or snapshot has what they held, and from nothing else (DUP-8)."""

from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from tests.support.model.crash_points import crash_points
from tests.support.model.world import EQUIVOCATING, EXAMINE, HONEST, STORY, World, pcs, submission

from flk.model.effects import Merge
from flk.model.entries.entry import Claim, Key
from flk.model.log.hlc import Timestamp
from flk.model.memory.parts import Disk
from flk.model.programs.put_back import Mended, put_back
from flk.model.programs.ship import PREFIX, ship
from flk.model.programs.snapshot import snapshot
from flk.model.refusal import unavailable

OTHERS = [submission(pcs(epoch=epoch)) for epoch in range(4, 9)]


def begun() -> World:
    """Two regions: eu has a story in two segments, the first of them shipped, and has replayed a record of us."""
    world = World("eu", "us")
    world.ingest("us", OTHERS[0])
    world.run("us", ship())
    for sent in STORY:
        world.ingest("eu", sent)
    world.run("eu", ship())
    world.replay("eu", "us")
    for sent in OTHERS[1:]:
        world.ingest("eu", sent)
    return world


def rotten(world: World, *keys: Key) -> World:
    """With these rows of eu rotten, all if none is named."""
    entries = world.entries["eu"]
    for key in keys or tuple(entries.entries):
        entries.rotten.rot(entries.entries, key)
    return world


def mend(world: World, leave: tuple[Key, ...] = ()) -> Mended:
    """A pass of eu."""
    return world.run("eu", put_back("eu", ("us",), EXAMINE, leave))


def test_what_rotted_is_put_back_and_answered_as_before() -> None:
    """Meanwhile its key is refused, and no other; nothing else changes, and a second pass finds nothing."""
    world = begun()
    before, answer = dict(world.entries["eu"].entries), world.ingest("eu", HONEST)
    first = next(iter(before))
    rotten(world, first)
    assert world.ingest("eu", HONEST).status == HTTPStatus.SERVICE_UNAVAILABLE
    assert world.ingest("eu", OTHERS[2]).status == HTTPStatus.OK
    assert mend(world) == Mended((first,), (first,))
    assert world.ingest("eu", HONEST) == answer
    assert world.ingest("eu", EQUIVOCATING).status == HTTPStatus.CONFLICT
    assert world.entries["eu"].entries == before
    assert mend(world) == Mended()


def test_an_earlier_claim_that_was_set_aside_prevails_afterwards() -> None:
    """The least of them is joined in once the row is back, and the row is recorded to have given way (CRR-3)."""
    world = begun()
    entries = world.entries["eu"]
    key, stored = next(iter(entries.entries.items()))
    rotten(world, key)
    early = structs.replace(stored, timestamp=Timestamp(5), region="us")
    for late in (7, 5, 6):
        claim = Claim(key, structs.replace(early, timestamp=Timestamp(late)))
        assert not world.perform("eu", Merge((claim,)))
    assert entries.entries[key] == stored
    assert mend(world).sound == (key,)
    assert entries.entries[key] == early
    assert [(row.loser, row.winner) for row in entries.superseded] == [(stored, early)]


def test_stopped_anywhere_the_next_pass_ends_with_what_was_there() -> None:
    """All rows rot, claims are set aside, and a pass stops before, after or within any effect."""

    def world() -> World:
        made = rotten(begun())
        for sent in (*STORY, *OTHERS):
            made.ingest("eu", sent)
        return made

    expected = dict(begun().entries["eu"].entries)
    assert len(mend(world()).sound) == len(expected)
    for stopped in crash_points(world, mend):
        mend(stopped)
        assert stopped.entries["eu"].entries == expected
        assert not stopped.entries["eu"].rotten.held
        assert not stopped.entries["eu"].rotten.aside
        assert mend(stopped) == Mended()


def other_node(world: World) -> None:
    """Another node of the region, which has the store and a log of its own."""
    world.disks["eu"] = Disk("eu", 2)
    world.nodes["eu"] = world._start("eu")


def test_each_source_is_enough_for_what_it_has() -> None:
    """What the node's own log has not is in objects: of its region, of a peer; and in a snapshot where logs were removed."""
    world = begun()
    world.run("eu", ship())
    world.run("eu", snapshot("eu", ("us",)))
    before = dict(world.entries["eu"].entries)
    other_node(world)
    for gone in ((), (f"{PREFIX}eu",), (f"{PREFIX}eu", f"{PREFIX}us")):
        for name in [name for name in world.objects.objects if name.startswith(gone)] if gone else []:
            del world.objects.objects[name]
        rotten(world)
        assert set(mend(world).sound) == before.keys()
        assert world.entries["eu"].entries == before


def test_what_no_log_has_stays_as_it_is_and_is_told() -> None:
    """It is looked for in vain, once: then it is left alone. Where an object cannot be read nobody says so."""
    world = begun()
    first, *_, last = world.entries["eu"].entries
    other_node(world)
    rotten(world, first, last)
    assert mend(world) == Mended((first, last), (first,), (last,))
    effects = world.effects
    assert mend(world, leave=(last,)) == Mended((last,))
    assert world.effects - effects <= 2, "nothing is read for what is left alone"
    name = next(name for name in world.objects.objects if name.startswith(f"{PREFIX}eu"))
    world.objects.objects[name] = world.objects.objects[name][:-1]
    assert mend(world) == Mended((last,))


@given(st.data())
def test_a_claim_that_the_row_did_not_hold_is_never_put_back(data: st.DataObject) -> None:
    """Logs have two contents of a key, and repetitions of each: of whichever rows rot, each is what it was."""
    world = begun()
    sent = data.draw(st.lists(st.sampled_from([*STORY, *OTHERS]), max_size=4))
    for each in sent:
        world.ingest("eu", each)
    before = dict(world.entries["eu"].entries)
    chosen = data.draw(st.lists(st.sampled_from([*before]), min_size=1, unique=True))
    rotten(world, *chosen)
    assert set(mend(world).sound) == {*chosen}
    assert world.entries["eu"].entries == before


@pytest.mark.parametrize("away", [PREFIX, "snap/"])
def test_while_the_object_store_is_away_nothing_is_in_vain(away: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the node's own log has is put back; the rest is looked for again by the next pass."""
    world = begun()
    first, *_, last = world.entries["eu"].entries
    other_node(world)
    rotten(world, last)
    names = world.objects.names

    def unreachable(prefix: str, after: str) -> tuple[str, ...]:
        if prefix.startswith(away):
            raise unavailable("the object store is away")
        return names(prefix, after)

    monkeypatch.setattr(world.objects, "names", unreachable)
    assert mend(world) == Mended((last,))
    monkeypatch.undo()
    assert mend(world) == Mended((last,), (), (last,))
    assert first != last


def test_behind_an_object_that_is_damaged_the_others_are_read() -> None:
    """A row whose claim stands in a later object, or in the last, is put back; of that in the damaged one nobody says in vain."""
    world = begun()
    world.run("eu", ship())
    first, *_, last = world.entries["eu"].entries
    other_node(world)
    name = min(name for name in world.objects.objects if name.startswith(f"{PREFIX}eu"))
    world.objects.objects[name] = world.objects.objects[name][:-1]
    rotten(world, first, last)
    assert mend(world) == Mended((first, last), (last,))


def test_the_snapshot_of_a_peer_is_enough() -> None:
    """That of another region, where nothing else is left."""
    world = begun()
    world.run("us", snapshot("us"))
    other_node(world)
    for name in [name for name in world.objects.objects if name.startswith(PREFIX)]:
        del world.objects.objects[name]
    (key,) = world.entries["us"].entries
    rotten(world, key)
    assert mend(world) == Mended((key,), (key,))


def test_what_another_node_put_back_before_it_died_is_struck() -> None:
    """This one has no log of it, and need not: the row is sound. What was set aside is joined in."""
    world = begun()
    entries = world.entries["eu"]
    key, stored = [*entries.entries.items()][-1]
    other_node(world)
    rotten(world, key)
    early = structs.replace(stored, timestamp=Timestamp(5))
    world.perform("eu", Merge((Claim(key, early),)))
    del entries.rotten.held[key]
    assert mend(world) == Mended((key,), (key,))
    assert entries.entries[key] == early
