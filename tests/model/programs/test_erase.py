"""Erasing leaves from a region's log: named, published, replaced; and the region goes on (ERA-1, ERA-3, ERA-4)."""

from collections.abc import Callable, Sequence

import pytest
from tests.support.model.audit_log import PREFIX, kinds, leaves_in, published, write
from tests.support.model.transparency import LOG, WITNESS, asked, objects_over
from tests.support.model.world import STORY, World

from flk.model.auditing.attestation import attest, attested_name
from flk.model.auditing.derived import enriched, enriched_name
from flk.model.auditing.results import results_of
from flk.model.effects import (
    Clock,
    DeleteObject,
    Effect,
    GetObject,
    ListObjects,
    PutObject,
    ReplaceObject,
    TakeIn,
)
from flk.model.log.hlc import at
from flk.model.memory.auditing import AuditIndex
from flk.model.memory.parts import Objects
from flk.model.programs.erase import Erasing, erase
from flk.model.programs.proofs import audit
from flk.model.record.merkle import inclusion_proof
from flk.model.refusal import unavailable
from flk.model.runtime import run
from flk.model.transparency.checkpoints import BadLog
from flk.model.transparency.leaves import Sought
from flk.model.transparency.steps import read_step

TENANT = STORY[0].tenant
SOUGHT = Sought(TENANT)


class Stopped(Exception):
    """The process was stopped."""


def told() -> World:
    """A region that was sent the story, and has published its log."""
    world = World("eu")
    for sent in STORY:
        world.ingest("eu", sent)
    write(world)
    return world


def erased(
    objects: Objects,
    sought: Sought = SOUGHT,
    *,
    do: bool = True,
    meet: Callable[[Effect[object]], None] = lambda _: None,
) -> Erasing:
    """A pass by somebody who has no node. `meet` is told each effect before it is performed."""
    performers: dict[type, Callable[..., object]] = {
        GetObject: lambda e: objects.get(e.name),
        PutObject: lambda e: objects.put(e.name, e.content),
        ReplaceObject: lambda e: objects.replace(e.name, e.damaged, e.content),
        DeleteObject: lambda e: objects.delete(e.name),
        ListObjects: lambda e: objects.names(e.prefix, e.after),
        Clock: lambda _: at(9.0),
        TakeIn: lambda _: None,
    }

    def perform(effect: Effect[object]) -> object:
        meet(effect)
        return performers[type(effect)](effect)

    return run(erase(PREFIX, LOG.verifier, sought, "request 7", do=do), perform)  # type: ignore[arg-type]  # of these


def holding(objects: Objects, what: bytes) -> list[str]:
    """The objects of the log in which a text stands."""
    found = []
    for name, content in objects.objects.items():
        if name.startswith(PREFIX):
            leaves = read_step(name, content).leaves if "/batch/" in name else (content,)
            if any(what in leaf for leaf in leaves):
                found.append(name)
    return found


def test_what_is_erased_is_nowhere_in_the_log() -> None:
    """In no step and no tile, however narrow it was; what is about others is as it was, and the log verifies."""
    world = told()
    before = leaves_in(world.objects.objects)
    mine = b'"tenant":"%s"' % TENANT.encode()
    assert len(holding(world.objects, mine)) == 2
    assert erased(world.objects).unnamed == sum(mine in leaf for leaf in before) > 1
    write(world)
    assert erased(world.objects).replaced == 3  # the step, the tile, and the wider one that came with the erasure
    assert holding(world.objects, mine) == []
    root = published(world.objects.objects)
    after = _leaves(world, root.size)
    assert [leaf for leaf in before if mine not in leaf] == [leaf for leaf in after if leaf in before]
    assert kinds(after)["erased"] == sum(mine in leaf for leaf in before)
    assert kinds(after)["erasure"] == 1
    assert erased(world.objects) == Erasing(0, 0, (), 0)


def worked(world: World, numbers: Sequence[int], leaves: Sequence[bytes]) -> set[str]:
    """Workers enrich and attest these leaves, of all that there are; the objects that they write."""
    note = world.objects.objects[f"{PREFIX}checkpoint"]
    made = {}
    for number in numbers:
        proof = tuple(inclusion_proof(leaves, number))
        content = attest(published(world.objects.objects), note, number, leaves[number], proof, WITNESS)
        made[PREFIX + attested_name(number)] = content
        made[PREFIX + enriched_name(number)] = enriched(LOG.name, number, leaves[number])
    world.objects.objects |= made
    return set(made)


def test_what_workers_made_of_an_erased_leaf_goes() -> None:
    """Its attestation, and what is written of what it is about; not before the erasure is published, and of no other leaf. What is
    written of the erased leaf afterwards stays (ERA-5).
    """
    world = told()
    leaves = leaves_in(world.objects.objects)
    mine = [number for number, leaf in enumerate(leaves) if SOUGHT.is_in(leaf)]
    made = worked(world, range(len(leaves)), leaves)
    erased(world.objects)
    assert made <= world.objects.objects.keys()
    write(world)
    assert made <= world.objects.objects.keys()

    def locked(effect: Effect[object]) -> None:
        if isinstance(effect, DeleteObject):
            raise unavailable("the object is locked")

    kept = erased(world.objects, meet=locked)
    assert (len(kept.kept), kept.is_done) == (2 * len(mine), False)
    assert erased(world.objects).is_done
    gone = {PREFIX + name for number in mine for name in results_of(number)}
    assert made - world.objects.objects.keys() == gone
    assert 0 < len(gone) < len(made)
    later = PREFIX + enriched_name(mine[0])
    left = _leaves(world, published(world.objects.objects).size)
    world.objects.objects[later] = enriched(LOG.name, mine[0], left[mine[0]])
    assert erased(world.objects) == Erasing(0, 0, (), 0)
    world.objects.objects[later] = b"what nobody can read"
    assert erased(world.objects).replaced == 1
    assert later not in world.objects.objects


def _leaves(world: World, size: int) -> list[bytes]:
    found: list[bytes] = []
    own = {name.removeprefix(PREFIX): content for name, content in world.objects.objects.items()}
    asked(audit("", published(world.objects.objects), lambda _, leaf: found.append(leaf)), own)
    assert len(found) == size
    return found


def test_one_record_is_erased_and_no_other() -> None:
    """Of the same tenant."""
    world = told()
    keys = list(world.entries["eu"].entries)
    others = {key.pcs_id for key in keys if key.tenant != TENANT}
    ids = [key.pcs_id for key in keys if key.tenant == TENANT and key.pcs_id not in others]
    erased(world.objects, Sought(TENANT, ids[0]))
    write(world)
    erased(world.objects, Sought(TENANT, ids[0]))
    assert holding(world.objects, ids[0].encode()) == []
    assert all(holding(world.objects, each.encode()) for each in ids[1:])
    assert erased(world.objects, Sought("nobody")).sought == 0


def test_a_plan_changes_nothing() -> None:
    """Neither before the erasure is named, nor behind."""
    world = told()
    there = dict(world.objects.objects)
    assert erased(world.objects, do=False).unnamed > 0
    assert world.objects.objects == there
    erased(world.objects)
    write(world)
    there = dict(world.objects.objects)
    assert len(erased(world.objects, do=False).holding) == 3
    assert world.objects.objects == there


def test_nothing_is_replaced_before_the_erasure_is_published() -> None:
    """However often it is tried: the leaf is in a step, and no checkpoint has it. It is named once all the same."""
    world = told()
    first = erased(world.objects)
    named = dict(world.objects.objects)
    again = erased(world.objects)
    assert (first.replaced, again.replaced, again.holding) == (0, 0, ())
    assert all(world.objects.objects[name] == content for name, content in named.items())
    write(world)
    erased(world.objects)
    assert holding(world.objects, b'"tenant":"%s"' % TENANT.encode()) == []


def test_an_erasure_that_was_stopped_anywhere_is_finished_by_the_next() -> None:
    """Before each effect of each pass; the log verifies all the while."""
    stops = 0
    for stop in range(10**6):
        world, left = told(), stop

        def meet(_: Effect[object]) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise Stopped

        try:
            erased(world.objects, meet=meet)
            write(world)
            erased(world.objects, meet=meet)
        except Stopped:
            stops += 1
        for _ in range(2):
            write(world)
            _leaves(world, published(world.objects.objects).size)
            erased(world.objects)
        write(world)
        assert erased(world.objects).is_done
        assert holding(world.objects, b'"tenant":"%s"' % TENANT.encode()) == []
        if left >= 0:
            break
    assert stops > 20


def test_what_a_store_locks_is_told() -> None:
    """By its name, with the reason; and what changed meanwhile, too."""
    world = told()
    erased(world.objects)
    write(world)

    def locked(effect: Effect[object]) -> None:
        if isinstance(effect, ReplaceObject):
            raise unavailable("the object is locked")

    kept = erased(world.objects, meet=locked)
    assert (kept.replaced, kept.is_done, len(kept.kept)) == (0, False, 3)
    assert all("the object is locked" in each for each in kept.kept)

    def changed(effect: Effect[object]) -> None:
        if isinstance(effect, ReplaceObject):
            world.objects.objects[effect.name] = b"else"

    assert all("changed meanwhile" in each for each in erased(world.objects, meet=changed).kept)


def test_a_region_goes_on_with_an_erased_log() -> None:
    """New records are leaves behind it, each once, and nothing comes back."""
    world = told()
    erased(world.objects)
    write(world)
    erased(world.objects)
    size = published(world.objects.objects).size
    world.ingest("eu", STORY[0])
    added, _ = write(world)
    assert (added.leaves, published(world.objects.objects).size) == (0, size)
    assert holding(world.objects, b'"tenant":"%s"' % TENANT.encode()) == []


def test_a_node_that_lost_its_index_adds_no_erased_leaf_again() -> None:
    """It reads the steps as they are now, where one has leaves that a tile of before has not, and finds all names."""
    for name in ("/batch/", "/tile/"):
        world = told()
        erased(world.objects)
        write(world)
        mine = holding(world.objects, b'"tenant":"%s"' % TENANT.encode())
        keep = {each: world.objects.objects[each] for each in mine if name in each}
        erased(world.objects)
        world.objects.objects |= keep  # half of it was done
        known = dict(world.disks["eu"].audit.numbers)
        world.disks["eu"].audit = AuditIndex()
        world.nodes["eu"] = world._start("eu")
        before = published(world.objects.objects)
        assert write(world)[0].leaves == 0
        assert published(world.objects.objects) == before
        assert dict(world.disks["eu"].audit.numbers) == known


def test_a_log_that_is_not_what_it_signed_is_not_touched() -> None:
    """Nor is one that has published nothing, or has no steps."""
    world = told()
    tile = next(name for name in world.objects.objects if "tile/0/" in name)
    world.objects.objects[tile] = bytes(len(world.objects.objects[tile]))
    there = dict(world.objects.objects)
    with pytest.raises(BadLog):
        erased(world.objects)
    assert world.objects.objects == there
    with pytest.raises(Exception, match="nothing is published"):
        erased(Objects())
    elsewhere = Objects()
    leaf = b'{"kind":"outcome","tenant":"%s"}' % TENANT.encode()
    elsewhere.objects = {PREFIX + name: content for name, content in objects_over([leaf]).items()}
    with pytest.raises(Exception, match="lists no steps"):
        erased(elsewhere)
