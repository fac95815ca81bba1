"""The invariants of the audit queue, checked at every change of a task, and at the end for every entry that a region logged."""

from collections.abc import Callable, Mapping

from flk.model.entries.entry import Claim, Entry, Key
from flk.model.entries.tasks import Task, TaskKind
from flk.sim.checkers.invariants import Checks, Invariant
from flk.sim.checkers.workers import WorkerRun
from flk.sim.nodes.region import Region
from flk.sim.scenarios.faults import Disk
from flk.sim.scenarios.layout import Audit
from flk.sim.world.events import Claimed, Crashed, Merged, TaskChange, TaskChanged, WorkerActed
from flk.sim.world.observer import Observer
from flk.spec.constants import CONSTANTS

RETRY_AFTER = CONSTANTS.node.unavailable_retry_after_seconds


class AuditRules:
    """Checks what workers do with tasks. A store that is lost takes its queue with it: then the tasks begin anew."""

    def __init__(
        self, regions: Mapping[str, Region], layout: Audit | None, checks: Checks, now: Callable[[], float], calm: float
    ) -> None:
        self._regions = regions
        self._layout = layout or Audit()
        self._checks = checks
        self._now = now
        self._calm = calm
        self._runs: dict[str, WorkerRun] = {}
        self._acted: dict[str, float] = {}
        self._marked: set[tuple[str, Task]] = set()
        self._effects: dict[tuple[str, Task], int] = {}
        self._dead: set[tuple[str, Task]] = set()
        self._due: dict[str, dict[Key, None]] = {}

    def observe(self, observer: Observer) -> None:
        """Check every change of a task. The first write of an entry calls for one, also if recovery makes it."""
        observer.handle(Claimed, lambda event: self._first_written(event.region, event.claim, event.before))
        observer.handle(Merged, lambda event: self._first_written(event.region, event.claim, event.before))
        observer.handle(TaskChanged, self._check_change)
        observer.handle(WorkerActed, self._check_step)
        observer.handle(Crashed, self._crash)

    def _check_change(self, event: TaskChanged) -> None:
        """A task takes effect once; it is marked after that, and let go after that or as a dead letter."""
        region, change, task = event.region, event.change, event.task
        place = region, task
        match change:
            case TaskChange.EFFECTED:
                times = self._effects[place] = self._effects.get(place, 0) + 1
                self._check(Invariant.TASK_ONCE, region, change, task, f"took effect {times} times", holds=times == 1)
            case TaskChange.MARKED:
                self._marked.add(place)
                kept = place in self._effects and self._is_marked(region, task)
                self._check(Invariant.TASK_MARK, region, change, task, "is marked without effect", holds=kept)
            case TaskChange.BURIED:
                self._dead.add(place)
            case TaskChange.ACKNOWLEDGED:
                done = self._is_settled(place)
                self._check(
                    Invariant.TASK_KEPT,
                    region,
                    change,
                    task,
                    "is gone without effect and mark, or dead letter",
                    holds=done,
                )

    def _check_step(self, event: WorkerActed) -> None:
        """Each run of a worker takes its steps in their order; the next begins when it is over."""
        run = self._runs.get(event.worker)
        fault, task = "", getattr(event.effect, "task", None)
        if run is None or run.name != event.run:
            fault = run.unfinished() if run is not None and _life(run.name) == _life(event.run) else ""
            run = self._runs[event.worker] = WorkerRun(event.run, self._layout.attempts)
        fault = run.fault(event) or fault
        self._acted[event.region] = self._now()
        about = "a task" if task is None else _told(task)
        self._checks.require(
            Invariant.TASK_STEPS, not fault, event.region, type(event.effect).__name__, lambda: f"{about} {fault}"
        )

    def _crash(self, event: Crashed) -> None:
        """Dead letters lie with the queue; what took effect, did so elsewhere."""
        region = event.fault.region
        if event.fault.disk is Disk.LOST:
            self._dead = {place for place in self._dead if place[0] != region}
            self._marked = {place for place in self._marked if place[0] != region}
            self._due.pop(region, None)

    def finish(self) -> None:
        """The task of every first write is done or dead, or waits in the queue; and it does not wait while nobody works."""
        for name, keys in self._due.items():
            queue = self._regions[name].entries.tasks
            for key in keys:
                task = Task(TaskKind.ENRICH, key)
                waits = queue is not None and task in queue
                known = waits or self._is_settled((name, task))
                self._check(Invariant.TASK_KEPT, name, "end", task, "is not in the queue, and not settled", holds=known)
                if waits and self._is_idle(name):
                    self._check(Invariant.TASK_KEPT, name, "end", task, "waits, and no worker takes it", holds=False)

    def _is_settled(self, place: tuple[str, Task]) -> bool:
        return (place in self._marked and place in self._effects) or place in self._dead

    def _is_idle(self, region: str) -> bool:
        """Whether no worker of a region did anything for so long that every lease is over, although nothing keeps them from it."""
        place = self._regions[region]
        since = max(self._acted.get(region, 0.0), self._calm)
        patience = 2 * self._layout.lease + 10 * (self._layout.work + place.world.policy.service) + RETRY_AFTER
        return place.first.node is not None and place.first.node.level and self._now() - since > patience

    def _is_marked(self, region: str, task: Task) -> bool:
        queue = self._regions[region].entries.tasks
        return queue is not None and task in queue.marked

    def _first_written(self, region: str, claim: Claim, before: Entry | None) -> None:
        if before is None and claim.entry.region == region:
            self._due.setdefault(region, {})[claim.key] = None

    def _check(self, invariant: Invariant, region: str, event: str, task: Task, what: str, *, holds: bool) -> None:
        self._checks.require(
            invariant,
            holds,
            region,
            event,
            lambda: f"{_told(task)} {what}",
        )


def _told(task: Task) -> str:
    whose, what = task.place
    return f"the task {task.kind} of {whose}/{what[:12]}"


def _life(run: str) -> str:
    """The part of a run's name that all runs of a worker have until it crashes."""
    return run.rpartition(".")[0]
