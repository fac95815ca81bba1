"""What audit workers and migrations do in simulation is what the protocols `audit` and `migration` allow, and mistakes are not."""

from collections import Counter
from collections.abc import Sequence

import msgspec
import pytest
from tests.sim.nodes.test_audit import (
    BUSY,
    audited,
    buried_first,
    dead_workers,
    dropped_after_retries,
    mark_before_effect,
)
from tests.sim.nodes.test_migration import FAULTS, PLAN, copied_first, delete_early, growing, one_write, unverified
from tests.support.model.world import KEYRING
from tests.support.sim.drills import records as honest

from flk.formal.library.catalogue import find as find_protocol
from flk.formal.library.protocols import audit, migration
from flk.formal.traces import Accepted, Rejected, Validation, validate
from flk.formal.traces.relaxations import unlimited
from flk.impl.server.trace_reader import encoded
from flk.model.effects import Acknowledge, Attempt, InsertOrGet, MarkProcessed, Program, ReadPhase, TakeTask
from flk.model.entries.entry import Claim, Entry
from flk.model.entries.migration import Side
from flk.model.programs.audit import Handled
from flk.model.protocol_events.audit import audit_events
from flk.model.protocol_events.migration import migration_events
from flk.model.protocol_events.observation import ObservedEffect, nodes_of
from flk.sim.kernel.programs import MODEL, Programs
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import Disk, RegionCrash, StoreOutage
from flk.sim.scenarios.layout import Audit, Layout
from flk.sim.scenarios.scenario import Scenario
from flk.sim.simulate import simulate

AUDIT, MIGRATION = unlimited(audit.protocol), unlimited(migration.protocol)
REGIONS = ("eu", "us", "ap")


def watched(scenario: Scenario, programs: Programs = MODEL) -> list[ObservedEffect]:
    """What the programs of a run did."""
    records: list[ObservedEffect] = []
    simulate(scenario, honest(200), KEYRING, seed=1, observer=records.append, programs=programs)
    return records


def of_audit(records: Sequence[ObservedEffect]) -> list[Validation]:
    """The verdict on each region's queue."""
    told = {region: audit_events(region, lambda: records) for region in REGIONS}
    return [validate(AUDIT, encoded(events), region) for region, events in told.items()]


def of_migration(records: Sequence[ObservedEffect]) -> list[Validation]:
    """The verdict on each store, one for each disk of a region."""
    nodes = [node for node in nodes_of(records) if node.rpartition(".")[0] in REGIONS]
    return [validate(MIGRATION, encoded(migration_events(node, lambda: records)), node) for node in nodes]


def taken(verdicts: Sequence[Validation]) -> Counter[str]:
    """How often each action was taken in runs without a mistake."""
    found: Counter[str] = Counter()
    for verdict in verdicts:
        assert isinstance(verdict, Accepted), verdict
        found.update(verdict.actions)
    return found


TIRED = Audit(work=Seconds(2), lease=Seconds(5))
SLOW = Audit(work=Seconds(2), lease=Seconds(0.8), workers=4, failure=0.4)
AUDITED = {
    "crashes": (audited(dead_workers(), audit=BUSY), {"crash": 1, "offer_again": 1, "acknowledge": 100}),
    "slow workers": (audited(audit=SLOW), {"offer_again": 20, "fail": 40, "bury": 1, "acknowledge": 100}),
    "outage": (
        audited(StoreOutage("eu", id="store", start=Seconds(15), duration=Seconds(10)), audit=TIRED),
        {"crash": 1, "acknowledge": 100},
    ),
    "a lost disk": (
        audited(RegionCrash("eu", Disk.LOST, id="disk", start=Seconds(15), duration=Seconds(10)), audit=TIRED),
        {"crash": 1, "acknowledge": 100},
    ),
}


@pytest.mark.parametrize("name", AUDITED)
def test_workers_stay_within_the_protocol(name: str) -> None:
    """Whatever befalls them, what they do is a path of `audit`, and the fault shows in it."""
    scenario, least = AUDITED[name]
    actions = taken(of_audit(watched(scenario)))
    assert all(actions[action] >= times for action, times in least.items()), actions
    assert actions["enqueue"] > 100


@pytest.mark.parametrize("name", FAULTS)
def test_migrations_stay_within_the_protocol(name: str) -> None:
    """Whatever befalls nodes, shards and migrator, what they do is a path of `migration` to its end."""
    actions = taken(of_migration(watched(growing(*FAULTS[name]))))
    assert actions["clean_up"] >= 3
    assert min(actions[step] for step in ("copy", "check", "insert_old", "insert_new", "delete_old")) > 5
    assert actions["answer_after_new_follows"] >= 5
    if name.startswith("migrator"):
        assert actions["crash"] == actions["resume"] > 0


def test_a_migration_that_goes_back_stays_within_the_protocol() -> None:
    """Rolled back after cutover, the old shard answers again."""
    scenario = growing(plan=msgspec.structs.replace(PLAN, roll_back=True))
    actions = taken(of_migration(watched(scenario)))
    assert actions["roll_back"] == 3
    assert min(actions["answer_after_old_follows"], actions["answer_from_old"]) > 0


@pytest.mark.parametrize(("back", "last"), [(False, "delete_old"), (True, "delete_new")])
@pytest.mark.parametrize("name", ["none", "migrator, again and again", "second writes"])
def test_a_removal_stays_within_the_protocol(name: str, back: bool, last: str) -> None:
    """A shard that leaves, or is taken back, is a path of `migration`, to the last key that is taken out (MIG-9)."""
    plan = msgspec.structs.replace(PLAN, leaves=True, roll_back=back)
    actions = taken(of_migration(watched(growing(*FAULTS[name], plan=plan, shards=3))))
    assert actions["roll_back" if back else "clean_up"] == 3
    assert min(actions[step] for step in ("copy", "check", "insert_old", "answer_after_new_follows", last)) > 5
    assert not actions["delete_old" if back else "delete_new"]


@pytest.mark.slow
def test_audit_and_migration_at_once_stay_within_both() -> None:
    """Tasks follow the claims of keys that move, too."""
    plain = growing()
    records = watched(msgspec.structs.replace(plain, layout=Layout(shards=2, migration=PLAN, audit=BUSY)))
    assert taken(of_migration(records))["clean_up"] == 3
    assert taken(of_audit(records))["acknowledge"] > 100


# Planted mistakes.


def unacknowledged_retry(attempts: int) -> Program[Handled | None]:
    """Remember the error of an attempt that a later one made good, and leave the task."""
    lease = yield from TakeTask()
    if lease is None:
        return None
    failed = False
    for number in range(1, attempts + 1):
        if (yield from Attempt(lease.task, number)):
            break
        failed = True
    if not failed:
        yield from MarkProcessed(lease.task)
        yield from Acknowledge(lease.task)
    return Handled.DONE


def answers_of_the_old(claim: Claim) -> Program[Entry]:
    """Whatever the phase, the old shard decides."""
    phase = yield from ReadPhase()
    return (yield from InsertOrGet(Side.OLD, claim, phase))


WORKERS: dict[str, tuple[Programs, str, str]] = {
    "mark-before-effect": (MODEL._replace(work=mark_before_effect), "mark(", "step[w, t] = done"),
    "dropped-after-retries": (MODEL._replace(work=dropped_after_retries), "acknowledge(", "step[w, t] = settled"),
    "unacknowledged-retry": (MODEL._replace(work=unacknowledged_retry), "take(", "step[w, u] = idle"),
    "buried-untried": (MODEL._replace(work=buried_first), "bury(", "step[w, t] = retrying"),
}
MIGRATORS: dict[str, tuple[Programs, str, str]] = {
    "cutover-without-verification": (MODEL._replace(migrate=unverified), "verify(", "checked[k]"),
    "verify-before-dual-write": (MODEL._replace(migrate=copied_first), "verify(", "checked[k]"),
    "deleted-and-rolled-back": (MODEL._replace(migrate=delete_early), "roll_back(", "phase"),
    "the-old-decides": (MODEL._replace(move_claim=answers_of_the_old), "insert_old(", "phase"),
}


def rejected(verdicts: Sequence[Validation], action: str, guard: str) -> bool:
    """Whether one of them is a rejection of this action for this guard."""
    found = [verdict for verdict in verdicts if isinstance(verdict, Rejected)]
    return any(row.event.startswith(action) and guard in row.reasons[0].what for row in found)


@pytest.mark.parametrize("mistake", WORKERS)
def test_a_mistake_of_a_worker_is_rejected(mistake: str) -> None:
    """The first event that shows it is named, with the guard that forbids it."""
    programs, action, guard = WORKERS[mistake]
    scenario = audited(dead_workers(), audit=Audit(work=Seconds(0.7), lease=Seconds(5), failure=0.6, attempts=2))
    verdicts = of_audit(watched(scenario, programs))
    assert rejected(verdicts, action, guard), verdicts


@pytest.mark.parametrize("mistake", MIGRATORS)
def test_a_mistake_of_a_migration_is_rejected(mistake: str) -> None:
    """The same of a migrator, or of claims on keys that move."""
    programs, action, guard = MIGRATORS[mistake]
    verdicts = of_migration(watched(growing(), programs))
    assert rejected(verdicts, action, guard), verdicts


def test_one_write_where_two_are_due_is_told_by_the_phase() -> None:
    """Claims that never write to the other side have no answer while writes are dual: the trace shows none, and the copy is all."""
    actions = Counter[str]()
    for verdict in of_migration(watched(growing(), MODEL._replace(move_claim=one_write))):
        if isinstance(verdict, Accepted):
            actions.update(verdict.actions)
    assert not actions["answer_after_new_follows"]


def test_a_refuted_design_does_what_its_own_protocol_allows() -> None:
    """The run that the protocol rejects is a path of the variant in the gallery: the program is the design that was refuted."""
    scenario = audited(dead_workers(), audit=msgspec.structs.replace(BUSY, failure=0.0))
    records = watched(scenario, MODEL._replace(work=mark_before_effect))
    assert any(isinstance(verdict, Rejected) for verdict in of_audit(records))
    variant = unlimited(find_protocol("gallery/mark-before-effect"))
    for region in REGIONS:
        verdict = validate(variant, encoded(audit_events(region, lambda: records)), region)
        assert isinstance(verdict, Accepted), verdict
