"""Outcomes by id: what a duplicate would be told, for whoever may know it, or that nobody can tell now."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.model.world import ESCALATED, HONEST, MALFORMED, STORY, World, pcs, submission

from flk.model.effects import Recall
from flk.model.entries.entry import Key
from flk.model.flow.answers import ACKNOWLEDGED
from flk.model.flow.submission import Response, Submission
from flk.model.memory.memory import MemoryNode
from flk.model.memory.parts import Entries, Objects
from flk.model.programs.recall import recall
from flk.model.runtime import run

SENT = st.sampled_from([*STORY, *(submission(pcs(epoch=epoch), tenant="other") for epoch in range(1, 4))])


def key_of(sent: Submission) -> Key:
    """What a submission is stored under, if it is."""
    return Key(sent.tenant, json.loads(sent.body)["pcs_id"])


def recalled(world: World, sent: Submission, tenant: str | None = None) -> Response:
    """What is told of a record, to the sender or to another tenant."""
    key = key_of(sent)
    return world.run("eu", recall(Key(tenant or key.tenant, key.pcs_id)))


@settings(max_examples=60, deadline=None)
@given(st.lists(SENT, max_size=8))
def test_what_is_told_of_a_record_is_what_its_duplicate_is_told(sent: list[Submission]) -> None:
    """Whatever was submitted, byte for byte; of what was refused or never came, that nothing is stored; and asking changes nothing
    (API-2, API-3).
    """
    world = World("eu")
    for each in sent:
        world.ingest("eu", each)
    stored = dict(world.entries["eu"].entries)
    for each in STORY:
        if each is MALFORMED:
            continue
        told = recalled(world, each)
        if key_of(each) in stored:
            again = world.ingest("eu", each)
            assert told == again if again.status in ACKNOWLEDGED else told.status in ACKNOWLEDGED
        else:
            assert (told.status, told.json()["requirement"]) == (404, "API-3")
    assert world.entries["eu"].entries == stored


def test_of_another_tenants_record_nothing_is_told() -> None:
    """The answer is that to an id which nobody has, byte for byte (API-3)."""
    world = World("eu")
    assert world.ingest("eu", HONEST).status in ACKNOWLEDGED
    nobody = recalled(world, submission(pcs(epoch=99)))
    assert recalled(world, HONEST, tenant="other") == nobody
    assert nobody.status == 404


def test_nothing_is_asked_but_what_is_stored() -> None:
    """No frame is logged, no clock read, and no other region asked (API-5)."""
    world = World("eu")
    world.ingest("eu", HONEST)
    program = recall(key_of(HONEST))
    effect = next(program)
    assert effect == Recall(key_of(HONEST))
    with pytest.raises(StopIteration) as ended:
        program.send(world.perform("eu", effect))
    assert ended.value.value.status == 200


def down(node: MemoryNode) -> None:
    """The store does not answer."""
    node.store_down = True


def behind(node: MemoryNode) -> None:
    """The log waits to be replayed, as after a start."""
    node.behind = True


def rotten(node: MemoryNode) -> None:
    """The row of the honest record has rotted."""
    node.entries.rotten.rot(node.entries.entries, key_of(HONEST))


@pytest.mark.parametrize(("trouble", "requirement"), [(down, "ORD-4"), (behind, "ORD-4"), (rotten, "DUP-8")])
def test_where_it_cannot_be_told_that_is_said(trouble: object, requirement: str) -> None:
    """503 with the time to wait, never a guess: of the stored record, and of one that may be (API-4)."""
    assert callable(trouble)
    world = World("eu")
    world.ingest("eu", HONEST)
    trouble(world.nodes["eu"])
    told = recalled(world, HONEST)
    assert (told.status, told.json()["requirement"], told.retry_after) == (503, requirement, 1)
    other = recalled(world, ESCALATED)
    assert other.status == (404 if trouble is rotten else 503)


def test_a_node_that_starts_tells_nothing_before_its_log_is_replayed() -> None:
    """An empty store beside a full log would say that nothing is stored (API-4)."""
    world = World("eu")
    first = world.ingest("eu", HONEST)
    node = MemoryNode(world.disks["eu"], Entries(), Objects(), now=lambda: 2_000_000_000.0)
    node.behind = True
    assert run(recall(key_of(HONEST)), node.perform).status == 503
    world.nodes["eu"], world.entries["eu"] = node, node.entries
    world.recover("eu")
    assert recalled(world, HONEST) == first
