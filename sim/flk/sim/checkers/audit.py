"""The invariants of the audit queue, checked at every change of a task, and at the end for every entry that a region logged."""

from collections.abc import Mapping

from flk.model.entries.entry import Claim, Entry, Key
from flk.model.entries.tasks import Task, TaskKind
from flk.sim.checkers.invariants import Checks, Invariant
from flk.sim.nodes.region import Region
from flk.sim.scenarios.faults import Disk
from flk.sim.world.events import Claimed, Crashed, Merged, TaskChange, TaskChanged
from flk.sim.world.observer import Observer


class AuditRules:
    """Checks what workers do with tasks. A store that is lost takes its queue with it: then the tasks begin anew."""

    def __init__(self, regions: Mapping[str, Region], checks: Checks) -> None:
        self._regions = regions
        self._checks = checks
        self._effects: dict[tuple[str, Task], int] = {}
        self._dead: set[tuple[str, Task]] = set()
        self._due: dict[str, dict[Key, None]] = {}

    def observe(self, observer: Observer) -> None:
        """Check every change of a task. The first write of an entry calls for one, also if recovery makes it."""
        observer.handle(Claimed, lambda event: self._first_written(event.region, event.claim, event.before))
        observer.handle(Merged, lambda event: self._first_written(event.region, event.claim, event.before))
        observer.handle(TaskChanged, self._check_change)
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
                self._check(
                    Invariant.TASK_MARK, region, change, task, "is marked without effect", holds=place in self._effects
                )
            case TaskChange.BURIED:
                self._dead.add(place)
            case TaskChange.ACKNOWLEDGED:
                done = place in self._effects or place in self._dead
                self._check(
                    Invariant.TASK_KEPT, region, change, task, "is gone without effect or dead letter", holds=done
                )

    def _crash(self, event: Crashed) -> None:
        """Dead letters lie with the queue; what took effect, did so elsewhere."""
        region = event.fault.region
        if event.fault.disk is Disk.LOST:
            self._dead = {place for place in self._dead if place[0] != region}
            self._due.pop(region, None)

    def finish(self) -> None:
        """The task of every first write is done or dead, or waits in the queue."""
        for name, keys in self._due.items():
            queue = self._regions[name].entries.tasks
            for key in keys:
                task = Task(TaskKind.ENRICH, key)
                waits = queue is not None and task in queue
                known = waits or (name, task) in self._effects or (name, task) in self._dead
                self._check(Invariant.TASK_KEPT, name, "end", task, "is not in the queue, and not settled", holds=known)

    def _first_written(self, region: str, claim: Claim, before: Entry | None) -> None:
        if before is None and claim.entry.region == region:
            self._due.setdefault(region, {})[claim.key] = None

    def _check(self, invariant: Invariant, region: str, event: str, task: Task, what: str, *, holds: bool) -> None:
        self._checks.require(
            invariant,
            holds,
            region,
            event,
            lambda: f"the task {task.kind} of {task.key.tenant}/{task.key.pcs_id[:12]} {what}",
        )
