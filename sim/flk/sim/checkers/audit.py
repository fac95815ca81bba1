"""The invariants of the audit queue, checked at every change of a task, and at the end for every entry that a region logged."""

from collections.abc import Mapping, Sequence

from flk.model.entries.entry import Claim, Entry, Key
from flk.model.entries.tasks import Task, TaskKind
from flk.sim.checkers.invariants import Checks, Invariant
from flk.sim.nodes.region import Region
from flk.sim.scenarios.faults import Disk, Stop
from flk.sim.world.events import TaskChange, Watcher


class AuditRules(Watcher):
    """Checks what workers do with tasks. A store that is lost takes its queue with it: then the tasks begin anew."""

    def __init__(self, regions: Mapping[str, Region], checks: Checks) -> None:
        self._regions = regions
        self._checks = checks
        self._effects: dict[tuple[str, Task], int] = {}
        self._buried: set[tuple[str, Task]] = set()
        self._due: dict[str, dict[Key, None]] = {}

    def claimed(
        self, region: str, claim: Claim, before: Entry | None, stored: Entry, records: Sequence[object]
    ) -> None:
        """The first write of an entry calls for a task."""
        del stored, records
        self._first_written(region, claim, before)

    def merged(self, region: str, claim: Claim, before: Entry | None, after: Entry, records: Sequence[object]) -> None:
        """So does that of one which recovery finds in the region's own log."""
        del after, records
        self._first_written(region, claim, before)

    def task_changed(self, region: str, change: TaskChange, task: Task) -> None:
        """A task takes effect once; it is marked after that, and let go after that or as a dead letter."""
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
                self._buried.add(place)
            case TaskChange.ACKNOWLEDGED:
                settled = place in self._effects or place in self._buried
                self._check(
                    Invariant.TASK_KEPT, region, change, task, "is gone without effect or dead letter", holds=settled
                )

    def crashed(self, fault: Stop) -> None:
        """Dead letters lie with the queue; what took effect, did so elsewhere."""
        if fault.disk is Disk.LOST:
            self._buried = {place for place in self._buried if place[0] != fault.region}
            self._due.pop(fault.region, None)

    def finish(self) -> None:
        """The task of every first write is settled, or waits in the queue."""
        for name, keys in self._due.items():
            queue = self._regions[name].entries.tasks
            for key in keys:
                task = Task(TaskKind.ENRICH, key)
                waits = queue is not None and task in queue
                known = waits or (name, task) in self._effects or (name, task) in self._buried
                self._check(Invariant.TASK_KEPT, name, "end", task, "is not in the queue, and not settled", holds=known)

    def _first_written(self, region: str, claim: Claim, before: Entry | None) -> None:
        if before is None and claim.entry.region == region:
            self._due.setdefault(region, {})[claim.key] = None

    def _check(self, invariant: Invariant, region: str, event: str, task: Task, what: str, *, holds: bool) -> None:
        if not self._checks.holds(invariant, holds):
            sentence = f"the task {task.kind} of {task.key.tenant}/{task.key.pcs_id[:12]} {what}"
            self._checks.violated(invariant, region, event, sentence)
