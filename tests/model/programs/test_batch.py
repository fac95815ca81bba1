"""Batches by one program: whatever is refused, and wherever it stops, each record is answered as by `ingest` (BAT-1, BAT-3)."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.model.crash_points import crash_points
from tests.support.model.world import (
    EQUIVOCATING,
    ESCALATED,
    EXAMINE,
    FORGED,
    HONEST,
    MALFORMED,
    STORY,
    Crash,
    World,
    pcs,
    submission,
)

from flk.model.effects import INBOX, Admit, Append, Each, Effect, Program, Store
from flk.model.entries.entry import Entry, Key
from flk.model.flow.quota import Tenant
from flk.model.flow.submission import Response, Submission
from flk.model.flow.tenants import Tenants
from flk.model.log.frames import scan
from flk.model.memory.memory import MemoryNode
from flk.model.programs import bounded
from flk.model.programs.batch import ingest_batch
from flk.model.programs.ingest import ingest
from flk.model.refusal import Refused, Unavailable, unavailable
from flk.model.runtime import one_by_one, run
from flk.spec.constants import CONSTANTS

BODIES = [
    *(each.body for each in (HONEST, ESCALATED, EQUIVOCATING, FORGED, MALFORMED)),
    *(submission(pcs(epoch=epoch)).body for epoch in range(5, 8)),
    b"",
    HONEST.body.ljust(CONSTANTS.node.max_body_bytes + 1),
]
BATCHES = st.lists(st.sampled_from(BODIES), max_size=10)
KINDS = st.sampled_from([Admit, Append, Store])
OF_STORY = [each.body for each in STORY if each.tenant == "default"]


def told(responses: Sequence[Response]) -> list[tuple[object, ...]]:
    """Answers, but for the moment at which what they state was logged."""
    return [(r.status, r.retry_after, r.json() | {"timestamp": None}) for r in responses]


def kept(world: World) -> tuple[list[bytes], dict[Key, tuple[str, object]]]:
    """What is in the log, in order, and what is stored."""
    disk, entries = world.disks["eu"], world.entries["eu"].entries
    frames = [frame.payload for name in disk.names(INBOX) for frame in scan(bytes(disk.segments[name])).frames]
    return frames, outcomes(entries)


def outcomes(entries: Mapping[Key, Entry]) -> dict[Key, tuple[str, object]]:
    """What a store says, but for when."""
    return {key: (entry.digest, entry.outcome) for key, entry in entries.items()}


def failing(node: MemoryNode, kind: type[Effect[Any]], which: frozenset[int]) -> Any:
    """How a node performs effects that refuses these of a class, by their number."""
    seen = 0

    def perform(effect: Effect[Any]) -> Any:
        nonlocal seen
        if type(effect) is kind:
            seen += 1
            if seen - 1 in which:
                raise unavailable(f"the test refuses {kind.__name__}")
        return node.perform(effect)

    return perform


def begun_together(bodies: Sequence[bytes], tenant: str, perform: Any, region: str = "eu") -> list[Response]:
    """The answers of `ingest` for each, begun in their order, all of which wait where one waits, as in a server."""
    programs: list[Program[Response]] = [ingest(Submission(tenant, body), region, EXAMINE) for body in bodies]
    answers: dict[int, Response] = {}
    steps: dict[int, Any] = {number: (program.send, None) for number, program in enumerate(programs)}
    while steps:
        asked = {}
        for number, (step, value) in steps.items():
            try:
                asked[number] = step(value)
            except StopIteration as stop:
                answers[number] = stop.value
        steps = {}
        for number, effect in asked.items():
            try:
                steps[number] = (programs[number].send, perform(effect))
            except Refused as refusal:
                steps[number] = (programs[number].throw, refusal)
    return [answers[number] for number in range(len(bodies))]


@settings(max_examples=60, deadline=None)
@given(BATCHES, st.sampled_from(["default", "other", "nobody", "a/b", ""]), KINDS, st.frozensets(st.integers(0, 9)))
def test_each_record_is_answered_as_by_ingest(
    bodies: list[bytes], tenant: str, kind: type[Effect[Any]], refused: frozenset[int]
) -> None:
    """Any records of any tenant, any of a kind of effects refused: answers, log and store are those of a program for each."""
    together, apart = World("eu"), World("eu")
    program = one_by_one(ingest_batch(tenant, bodies, "eu", EXAMINE))
    answers = run(program, failing(together.nodes["eu"], kind, refused))
    expected = begun_together(bodies, tenant, failing(apart.nodes["eu"], kind, refused))
    assert told(answers) == told(expected)
    assert kept(together) == kept(apart)


@settings(max_examples=40, deadline=None)
@given(BATCHES, st.booleans(), st.sampled_from(["default", "nobody", "a/b"]))
def test_a_tenant_with_a_quota_is_answered_and_charged_as_by_ingest(
    bodies: list[bytes], used_up: bool, tenant: str
) -> None:
    """Within the quota all is taken; beyond it what is authentic is refused, and what is not goes the way that it always goes
    (TEN-1, TEN-2). Each authentic record that is logged is charged.
    """
    worlds = World("eu"), World("eu")
    for world in worlds:
        limit = Tenant(records_per_second=0.001, burst=1 if used_up else 1000)
        world.nodes["eu"].tenants = Tenants({tenant: limit})
        if used_up:
            world.nodes["eu"].tenants.charge(tenant, world.nodes["eu"].time.steady())
    together, apart = worlds
    answers = together.run("eu", one_by_one(bounded.ingest_batch(tenant, bodies, "eu", EXAMINE)))
    expected = [apart.run("eu", bounded.ingest(Submission(tenant, body), "eu", EXAMINE)) for body in bodies]
    assert told(answers) == told(expected)
    assert kept(together) == kept(apart)
    owed = [world.nodes["eu"].tenants._full_at for world in worlds]
    assert owed[0].keys() == owed[1].keys()
    for tenant_, full_at in owed[0].items():
        assert full_at == pytest.approx(owed[1][tenant_], abs=1.0)


def test_a_batch_stopped_anywhere_is_sent_again() -> None:
    """Crash at each of its effects, recover, send it again: outcomes are those of a calm node, and what was stored stays."""
    calm = World("eu")
    calm.run("eu", one_by_one(ingest_batch("default", OF_STORY, "eu", EXAMINE)))

    def script(world: World) -> list[Response]:
        return world.run("eu", one_by_one(ingest_batch("default", OF_STORY, "eu", EXAMINE)))

    crashes = 0
    for world in crash_points(lambda: World("eu"), script):
        crashes += 1
        before = dict(world.entries["eu"].entries)
        world.recover("eu")
        answers = script(world)
        assert answers == script(world)
        assert before.items() <= world.entries["eu"].entries.items()
        assert outcomes(world.entries["eu"].entries) == outcomes(calm.entries["eu"].entries)
    assert crashes == 3 * sum(3 if body not in (FORGED.body, MALFORMED.body) else 2 for body in OF_STORY)


def test_nothing_is_examined_before_all_of_it_is_durable() -> None:
    """The steps of `ingest`, each for all: admitted, logged, and only then parsed and stored (WAL-1)."""
    node, seen = World("eu").nodes["eu"], list[object]()

    def examine(*asked: Any) -> Any:
        seen.append("examined")
        return EXAMINE(*asked)

    def perform(effect: Effect[Any]) -> Any:
        assert isinstance(effect, Each)
        seen.append({type(one) for one in effect.effects})
        return [node.perform(one) for one in effect.effects]

    run(ingest_batch("default", [HONEST.body, ESCALATED.body], "eu", examine), perform)
    assert seen == [{Admit}, {Append}, "examined", "examined", {Store}]


def test_what_ends_a_program_ends_it_among_several_effects() -> None:
    """A crash in the middle of `Each` is one, and a refusal of the whole of it reaches the program."""

    def stopped(effect: Effect[Any]) -> Any:
        raise Crash(str(effect))

    with pytest.raises(Crash):
        run(one_by_one(ingest_batch("default", [HONEST.body], "eu", EXAMINE)), stopped)

    def several() -> Program[str]:
        try:
            yield from Store(None)  # type: ignore[arg-type]  # nobody looks at it
        except Unavailable as refusal:
            return refusal.detail
        return "stored"

    def refusing(effect: Effect[Any]) -> Any:
        raise unavailable("not now")

    assert run(one_by_one(several()), refusing) == "not now"
