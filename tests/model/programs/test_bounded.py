"""`ingest` of tenants with quotas, or that are not active: what is logged, what is charged, and who learns what (TEN-*)."""

import inspect
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.model.crash_points import crash_points
from tests.support.model.world import (
    EQUIVOCATING,
    EXAMINE,
    FORGED,
    FORGER,
    HONEST,
    KEY,
    MALFORMED,
    STORY,
    World,
    pcs,
    submission,
)

from flk.model.effects import INBOX, Admit, Allow, Append, Charge, Effect, Foresee, Program, Store
from flk.model.flow.answers import STATES_ENTRY
from flk.model.flow.quota import Tenant
from flk.model.flow.submission import Response, Submission
from flk.model.flow.tenants import Tenants
from flk.model.log.frames import scan
from flk.model.log.hlc import Timestamp
from flk.model.memory.memory import MemoryNode
from flk.model.programs import ingest as unbounded
from flk.model.programs.bounded import ingest, receive
from flk.model.programs.examine import claims_of
from flk.model.refusal import Refused
from flk.model.runtime import run

USED_UP = Tenant(records_per_second=0.001, burst=1)
ROOMY = Tenant(records_per_second=1, burst=1000)


class Charges(Tenants):
    """An account that also keeps who was charged, in order."""

    def __init__(self, **named: Tenant) -> None:
        super().__init__(named)
        self.charged: list[str] = []

    def charge(self, tenant: str, now: float) -> None:
        super().charge(tenant, now)
        self.charged.append(tenant)


def world_of(**named: Tenant) -> tuple[World, Charges]:
    """A region whose node knows these tenants."""
    world, tenants = World("eu"), Charges(**named)
    world.nodes["eu"].tenants = tenants
    return world, tenants


def sent(world: World, what: Submission) -> Response:
    """The answer of a node that knows tenants."""
    return world.run("eu", receive(what, "eu", EXAMINE, world.nodes["eu"].tenants))


def logged(world: World) -> list[bytes]:
    """Every payload in the log, in order."""
    disk = world.disks["eu"]
    return [frame.payload for name in disk.names(INBOX) for frame in scan(bytes(disk.segments[name])).frames]


def in_debt(**tenant: Any) -> tuple[World, Charges]:
    """A region that has answered one record of a tenant whose quota is used up by it."""
    world, tenants = world_of(default=USED_UP, **tenant)
    assert sent(world, HONEST).status == 200
    return world, tenants


def test_a_record_beyond_the_quota_is_told_when_to_come_and_is_not_logged() -> None:
    """429 with Retry-After, which names TEN-1; the log and the store are as before (TEN-1)."""
    world, tenants = in_debt()
    before = logged(world)
    answer = sent(world, submission(pcs(epoch=5)))
    assert (answer.status, answer.json()["requirement"], answer.retry_after) == (429, "TEN-1", 999)
    assert (logged(world), tenants.charged) == (before, ["default"])
    assert sent(world, HONEST).status == sent(world, EQUIVOCATING).status == 429  # whatever else would be said of it


def test_who_has_no_key_sees_the_same_whether_the_quota_is_used_up_or_not() -> None:
    """Forged or malformed: the answer, the log and what was charged are those of a tenant within its quota (TEN-2)."""
    (over, spent), (within, unspent) = in_debt(), world_of(default=ROOMY)
    sent(within, HONEST)
    for what in (FORGED, MALFORMED, submission(pcs(), FORGER), Submission("default", b"")):
        assert sent(over, what) == sent(within, what)
    assert logged(over) == logged(within)
    assert spent.charged == unspent.charged == ["default"]


def test_only_what_is_logged_and_authentic_is_charged() -> None:
    """200, 202, 409 and repetitions cost one each; 400 and 401 nothing."""
    world, tenants = world_of(default=ROOMY)
    statuses = [sent(world, each).status for each in STORY]
    assert statuses == [401, 400, 200, 202, 200, 409, 200, 200]
    assert tenants.charged == ["default"] * 5  # the seventh is another tenant's


def test_an_authentic_record_that_cannot_be_stored_now_is_charged() -> None:
    """It is in the log, and will claim from there; its sender is told 503."""
    world, tenants = world_of(default=ROOMY)
    world.nodes["eu"].store_down = True
    assert sent(world, HONEST).status == 503
    assert tenants.charged == ["default"]
    assert sent(world, HONEST).status == 503  # refused before the log: the node is behind it
    assert tenants.charged == ["default"]


def test_a_tenant_that_is_not_active_has_no_key_as_far_as_anybody_can_tell() -> None:
    """Its authentic records are answered as those of a stranger, and are not in the log, where they would claim (TEN-4)."""
    world, tenants = world_of(default=Tenant(active=False))
    plain = World("eu")
    for what in (HONEST, FORGED, MALFORMED):
        expected = plain.ingest("eu", submission(pcs(), FORGER) if what is HONEST else what)
        assert sent(world, what) == expected
    assert logged(world) == [FORGED.payload(), MALFORMED.payload()]
    assert not tenants.charged


def test_a_tenant_that_becomes_active_again_goes_on_as_before() -> None:
    """Nothing of the pause is in the log."""
    world, tenants = world_of(default=Tenant(active=False))
    assert sent(world, HONEST).status == 401
    tenants.replace({}, Tenant(), 0.0)
    assert sent(world, HONEST).status == 200


def test_the_order_of_effects() -> None:
    """The quota is asked first, and charged last; a tenant without one costs no effect more than `ingest`."""
    node, seen = World("eu").nodes["eu"], list[type]()
    node.tenants = Charges(default=Tenant(records_per_second=0.001, burst=1))

    def perform(effect: Effect[Any]) -> Any:
        seen.append(type(effect))
        return node.perform(effect)

    assert run(ingest(HONEST, "eu", EXAMINE), perform).status == 200
    assert run(ingest(HONEST, "eu", EXAMINE), perform).status == 429
    assert seen == [Allow, Admit, Append, Store, Charge, Allow, Foresee]
    plain = receive(HONEST, "eu", EXAMINE, Tenants())
    assert inspect.isgenerator(plain)
    assert plain.gi_code is unbounded.ingest.__code__


def test_a_node_whose_time_is_doubtful_says_so_whatever_the_quota() -> None:
    """No key can be judged then, so nothing is said of the quota (HLC-5)."""
    world, _ = in_debt()
    node = world.nodes["eu"]
    node.clock = Timestamp(node.clock + (3_600_000 << 16))
    answer = sent(world, submission(pcs(epoch=5)))
    assert (answer.status, answer.json()["requirement"]) == (503, "HLC-5")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.integers(0, 2)), max_size=40),
    st.integers(1, 4),
)
def test_a_replay_of_the_log_gives_what_was_answered(steps: list[tuple[int, bool, int]], burst: int) -> None:
    """Programs run interleaved, as a batch does; honest and forged ones of a tenant with a small quota. Whatever is answered with
    an outcome is a claim of the log, and the other way round; the tenant is charged for each, and for nothing else; and no more of
    them pass than the burst and what was in flight.
    """
    world, tenants = world_of(default=Tenant(records_per_second=1e-6, burst=burst))
    batch, most = Batch(world.nodes["eu"]), 0
    for epoch, honest, further in steps:
        batch.begin(ingest(submission(pcs(epoch=epoch), KEY if honest else FORGER), "eu", EXAMINE))
        most = max(most, len(batch.waiting))
        for _ in range(further):
            batch.advance()
    while batch.waiting:
        batch.advance()
    disk = world.disks["eu"]
    frames = [frame for name in disk.names(INBOX) for frame in scan(bytes(disk.segments[name])).frames]
    claims = claims_of(frames, "eu", EXAMINE)
    assert len(claims) == sum(status in STATES_ENTRY for status in batch.statuses) == len(tenants.charged)
    assert {claim.key for claim in claims} == set(world.entries["eu"].entries)
    assert len(claims) <= burst + most


class Batch:
    """Programs that take turns on a node, an effect each."""

    def __init__(self, node: MemoryNode) -> None:
        self.node = node
        self.waiting: list[tuple[Program[Response], Effect[Any]]] = []
        self.statuses: list[int] = []

    def begin(self, program: Program[Response]) -> None:
        """Run a program to its first effect."""
        self._step(program, program.send, None)

    def advance(self) -> None:
        """Perform the effect at which each program waits."""
        waiting, self.waiting = self.waiting, []
        for program, effect in waiting:
            try:
                result = self.node.perform(effect)
            except Refused as refusal:
                self._step(program, program.throw, refusal)
            else:
                self._step(program, program.send, result)

    def _step(self, program: Program[Response], step: Callable[[Any], Effect[Any]], told: object) -> None:
        try:
            self.waiting.append((program, step(told)))
        except StopIteration as stop:
            self.statuses.append(stop.value.status)


def test_stopped_anywhere_it_keeps_what_it_acknowledged() -> None:
    """Crash at each effect, recover, send again: the answers are those of a node that was never stopped, and what is charged is
    lost with the node's memory, never what is stored.
    """

    def new() -> World:
        return world_of(default=ROOMY)[0]

    def script(world: World) -> None:
        for what in STORY[:5]:
            world.run("eu", ingest(what, "eu", EXAMINE))

    calm = new()
    script(calm)
    expected = {key: entry.digest for key, entry in calm.entries["eu"].entries.items()}
    for world in crash_points(new, script):
        world.recover("eu")
        script(world)
        assert {key: entry.digest for key, entry in world.entries["eu"].entries.items()} == expected
