"""The audit queue in simulation: tasks follow first writes, are settled under every fault, and planted mistakes are seen."""

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.sim.drills import drill, records, rehearse, verdicts

from flk.model.effects import Acknowledge, Attempt, Bury, MarkProcessed, Program, TakeTask
from flk.model.entries.entry import Key
from flk.model.entries.tasks import Archive, Lease, Task, TaskKind, TaskQueue
from flk.model.programs.audit import Handled
from flk.sim.checkers.invariants import OF_AUDIT, Invariant
from flk.sim.kernel.programs import MODEL
from flk.sim.outcome import Run
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import Burst, ClockSkew, Disk, Fault, RegionCrash, StoreOutage, WorkerCrash
from flk.sim.scenarios.layout import Audit, Layout
from flk.sim.scenarios.scenario import Scenario
from flk.spec.verdict import Verdict

BUSY = Audit(work=Seconds(1), lease=Seconds(5))
QUICK = Audit(work=Seconds(0.2), lease=Seconds(5))


def audited(*faults: Fault, audit: Audit = QUICK, rate: float = 4, duration: float = 180) -> Scenario:
    """A drill whose regions have an audit queue."""
    scenario = drill(*faults, rate=rate, duration=duration)
    return msgspec.structs.replace(scenario, layout=Layout(audit=audit))


def dead_workers(share: float = 1.0, start: float = 10, duration: float = 30, region: str = "eu") -> WorkerCrash:
    """Workers of a region die for a while."""
    return WorkerCrash(region, share, id="workers", start=Seconds(start), duration=Seconds(duration))


def tasks(run: Run) -> dict[str, int]:
    """How many tasks each region had."""
    return {region: row.tasks for region, row in run.measures.audit.items()}


FAULTS: dict[str, tuple[Fault, ...]] = {
    "none": (),
    "all workers": (dead_workers(),),
    "half of them": (dead_workers(share=0.5),),
    "store": (StoreOutage("eu", id="store", start=Seconds(15), duration=Seconds(10)),),
    "region": (RegionCrash("eu", id="region", start=Seconds(15), duration=Seconds(10)), dead_workers(start=20)),
    "disk": (RegionCrash("eu", Disk.LOST, id="disk", start=Seconds(15), duration=Seconds(10)),),
}


@pytest.mark.parametrize("name", FAULTS)
def test_every_first_write_is_audited_once_whatever_happens(name: str) -> None:
    """All invariants hold, and each entry that a region logged first has taken effect in its archive or is a dead letter."""
    run = rehearse(audited(*FAULTS[name]), records(300))
    assert verdicts(run) == {}
    assert {row.invariant for row in run.results if row.checks} >= OF_AUDIT
    for region, row in run.measures.audit.items():
        assert row.done + row.dead == row.tasks > 20
        assert row.tasks >= sum(entry.region == region for entry in run.entries[region].values())
        assert row.backlog.level[-1] == 0
        assert row.uncovered == row.dead / row.tasks
        assert row.backlog.level.min() == 0


def test_without_workers_the_backlog_grows_and_is_worked_off_afterwards() -> None:
    """While all are dead nothing is settled, the oldest task ages by a second a second, and the other queues are not concerned."""
    fault = dead_workers(start=10, duration=40)
    run = rehearse(audited(fault, audit=BUSY), records(300))
    row = run.measures.audit["eu"]
    at = {moment: int(np.searchsorted(run.measures.grid, moment)) for moment in (12, 48, 150)}
    assert row.age[at[48]] - row.age[at[12]] == pytest.approx(36)
    assert row.age[at[150]] == 0
    assert row.backlog.level.max() > 20
    assert row.leases > row.tasks
    assert row.settle.p99 > 30 > run.measures.audit["us"].settle.most


@pytest.mark.slow
def test_a_burst_is_a_backlog_and_then_over() -> None:
    """Ten times the load of what two workers can do: the queue holds it, and all is settled in the end."""
    burst = Burst(id="burst", start=Seconds(20), duration=Seconds(10), factor=20.0)
    slow = Audit(work=Seconds(1), lease=Seconds(30))
    calm = rehearse(audited(audit=slow, rate=2), records(600))
    run = rehearse(audited(burst, audit=slow, rate=2), records(600))
    assert verdicts(run) == {}
    assert calm.measures.audit["eu"].backlog.level.max() < 10
    assert run.measures.audit["eu"].backlog.level.max() > 50
    assert run.measures.audit["eu"].backlog.level[-1] == 0


def test_a_lease_that_is_too_short_wastes_work_and_changes_nothing() -> None:
    """Workers are always slower than their lease: tasks are leased again and again, and each takes effect once."""
    run = rehearse(audited(audit=Audit(work=Seconds(2), lease=Seconds(0.5), workers=4), rate=1), records(300))
    assert verdicts(run) == {}
    assert sum(row.leases for row in run.measures.audit.values()) > 1.2 * sum(tasks(run).values())
    assert all(row.uncovered == 0 for row in run.measures.audit.values())


@pytest.mark.slow
def test_a_clock_that_was_ahead_prolongs_no_lease() -> None:
    """A worker dies at its task while the clock of its region is a minute ahead: the lease is over as soon as any (AUD-1)."""
    ahead = ClockSkew("eu", Seconds(60), id="ahead", start=Seconds(5), duration=Seconds(7))
    calm, skewed = (
        rehearse(audited(dead_workers(duration=1), *faults, audit=BUSY), records(300)) for faults in ((), (ahead,))
    )
    assert verdicts(skewed) == {}
    oldest = [max(run.measures.audit["eu"].age) for run in (calm, skewed)]
    assert oldest[0] == oldest[1] < 10


@pytest.mark.slow
def test_the_share_of_dead_letters_is_that_of_four_failures_in_a_row() -> None:
    """Attempts fail half of the time, so one task in sixteen; and it misses the objective."""
    audit = Audit(work=Seconds(0.05), failure=0.5)
    run = rehearse(audited(audit=audit, rate=20), records(900))
    dead = sum(row.dead for row in run.measures.audit.values())
    assert len(run.marks["task-buried"]) == dead
    assert 0.5 / 16 < dead / sum(tasks(run).values()) < 1.6 / 16
    objective = next(row for row in run.objectives if row.name == "audit uncovered")
    assert objective.verdict is Verdict.VIOLATED
    assert next(row for row in run.objectives if row.name == "audit p99").verdict is Verdict.HOLDS


@pytest.mark.slow
def test_the_luck_of_tasks_is_their_own() -> None:
    """Without the crash of the workers the same tasks fail for good: nothing is drawn in the order in which it happens."""
    audit = Audit(work=Seconds(0.05), failure=0.6)
    calm, troubled = (rehearse(audited(*faults, audit=audit), records(300)) for faults in ((), (dead_workers(),)))
    assert [row.dead for row in calm.measures.audit.values()] == [row.dead for row in troubled.measures.audit.values()]
    assert sum(row.dead for row in calm.measures.audit.values()) > 10


def test_a_scenario_without_an_audit_queue_is_not_asked_about_one() -> None:
    """Neither invariants nor objectives nor measures."""
    run = rehearse(drill(duration=30, until=10))
    assert not {row.invariant for row in run.results} & OF_AUDIT
    assert run.measures.audit == {}
    assert not [row for row in run.objectives if "audit" in row.name]


@pytest.mark.slow
@given(
    failure=st.sampled_from([0.0, 0.3, 1.0]),
    workers=st.integers(1, 5),
    share=st.sampled_from([0.2, 0.7, 1.0]),
    start=st.floats(1, 40),
    duration=st.floats(0.5, 30),
)
@settings(max_examples=5, deadline=None)
def test_whatever_workers_do_tasks_settle(
    failure: float, workers: int, share: float, start: float, duration: float
) -> None:
    """Any number of workers, any seed, any crash of any share of them."""
    audit = Audit(work=Seconds(0.1), lease=Seconds(3), failure=failure, workers=workers)
    run = rehearse(audited(dead_workers(share, start, duration), audit=audit), records(300))
    assert verdicts(run) == {}
    for row in run.measures.audit.values():
        assert row.backlog.level[-1] == 0
        assert row.done + row.dead == row.tasks


@pytest.mark.slow
def test_a_queue_holds_any_backlog() -> None:
    """Enqueued, leased, offered again, and settled: each task is looked at a few times, so this ends."""
    now = [0.0]
    leases: list[Lease | None] = []
    queue = TaskQueue("eu", lambda: now[0], 30.0)
    for number in range(200_000):
        queue.enqueue(Task(TaskKind.ENRICH, Key("default", f"{number:07d}")))
    for moment in (0.0, 60.0):
        now[0] = moment
        leases = [queue.take() for _ in range(100_000)]
        assert [lease.task.place[1] for lease in leases[:3] if lease] == ["0000000", "0000001", "0000002"]
    assert len(queue) == 200_000
    for lease in leases:
        assert lease is not None
        queue.acknowledge(lease.task)
    assert len(queue) == 100_000


# Planted mistakes.


def mark_before_effect(attempts: int) -> Program[Handled | None]:
    """Mark, then do it; who finds the mark takes it as done."""
    lease = yield from TakeTask()
    if lease is None:
        return None
    if not lease.processed:
        yield from MarkProcessed(lease.task)
        yield from Attempt(lease.task, attempts)
    yield from Acknowledge(lease.task)
    return Handled.DONE


def dropped_after_retries(attempts: int) -> Program[Handled | None]:
    """Give up in silence."""
    lease = yield from TakeTask()
    if lease is None:
        return None
    for number in range(1, attempts + 1):
        if (yield from Attempt(lease.task, number)):
            yield from MarkProcessed(lease.task)
            break
    yield from Acknowledge(lease.task)
    return Handled.DONE


def buried_first(attempts: int) -> Program[Handled | None]:
    """A dead letter is written although the attempts are not used up, and the task is done after all."""
    lease = yield from TakeTask()
    if lease is None:
        return None
    yield from Bury(lease.task)
    yield from Attempt(lease.task, attempts)
    yield from Acknowledge(lease.task)
    return Handled.DEAD


def broken(run: Run) -> set[str]:
    """The invariants that were violated."""
    return {row.invariant for row in run.results if row.verdict is Verdict.VIOLATED}


def test_a_mark_before_the_effect_is_seen() -> None:
    """And with a crash between the two, the loss."""
    programs = MODEL._replace(work=mark_before_effect)
    run = rehearse(audited(dead_workers(), audit=BUSY), records(300), programs=programs)
    assert broken(run) == {Invariant.TASK_MARK, Invariant.TASK_KEPT, Invariant.TASK_STEPS}


def test_giving_up_in_silence_is_seen() -> None:
    """A task whose attempts are used up is acknowledged, and nobody knows."""
    programs = MODEL._replace(work=dropped_after_retries)
    run = rehearse(audited(audit=Audit(failure=0.7, work=Seconds(0.1))), records(300), programs=programs)
    assert broken(run) == {Invariant.TASK_KEPT, Invariant.TASK_STEPS}


def again_though_marked(attempts: int) -> Program[Handled | None]:
    """Attempts a task whatever its lease says."""
    lease = yield from TakeTask()
    if lease is None:
        return None
    for number in range(1, attempts + 1):
        if (yield from Attempt(lease.task, number)):
            yield from MarkProcessed(lease.task)
            return Handled.DONE if lease.processed else None
    return None


def test_a_dead_letter_too_many_is_seen() -> None:
    """It is written before the attempts are used up."""
    programs = MODEL._replace(work=buried_first)
    assert broken(rehearse(audited(), records(300), programs=programs)) == {Invariant.TASK_STEPS}


@pytest.mark.parametrize(("attempts", "seen"), [(-1, True), (0, False), (1, True)])
def test_a_worker_attempts_as_often_as_it_is_told(attempts: int, *, seen: bool) -> None:
    """One attempt fewer or more than the layout says, before the dead letter, is seen."""
    programs = MODEL._replace(work=lambda number: MODEL.work(number + attempts))
    run = rehearse(audited(audit=Audit(failure=0.7, work=Seconds(0.1), attempts=2)), records(300), programs=programs)
    assert broken(run) == ({Invariant.TASK_STEPS} if seen else set())


def test_an_attempt_at_what_is_marked_is_seen() -> None:
    """A worker that does not let go of what it marked, and attempts it when its lease is over."""
    run = rehearse(audited(audit=BUSY), records(300), programs=MODEL._replace(work=again_though_marked))
    assert Invariant.TASK_STEPS in broken(run)


def test_an_effect_that_adds_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive that is not keyed by the task has two records where a worker died before its mark."""
    monkeypatch.setattr(Archive, "write", lambda archive, task: archive.records.append(task))
    run = rehearse(audited(audit=Audit(work=Seconds(2), lease=Seconds(0.5), workers=4)), records(300))
    assert broken(run) == {Invariant.TASK_ONCE}


def test_a_queue_that_forgets_what_it_hands_out_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The task of a worker that died is neither settled nor queued."""
    take = TaskQueue.take

    def forgetful(queue: TaskQueue) -> Lease | None:
        lease = take(queue)
        if lease is not None:
            TaskQueue.acknowledge(queue, lease.task)
        return lease

    monkeypatch.setattr(TaskQueue, "take", forgetful)
    assert broken(rehearse(audited(dead_workers(), audit=BUSY), records(300))) == {Invariant.TASK_KEPT}


def test_an_entry_without_a_task_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that inserts, and forgets to enqueue now and then."""
    follow = TaskQueue.follow

    def sometimes(queue: TaskQueue, claim: Any) -> None:
        if claim.key.pcs_id[0] != "0":
            follow(queue, claim)

    monkeypatch.setattr(TaskQueue, "follow", sometimes)
    assert broken(rehearse(audited(), records(300))) == {Invariant.TASK_KEPT}
