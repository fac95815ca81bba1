"""A region's audit queue and the archive where its tasks take effect, watched: each change is an event."""

from collections.abc import Callable

from flk.model.entries.tasks import Archive, Lease, Task, TaskQueue
from flk.sim.world.events import TaskChange, TaskChanged
from flk.sim.world.observer import Observer


class WatchedTasks(TaskQueue):
    """A queue of which every change is an event. It calls `offered` when there is one more task for a worker to take."""

    def __init__(
        self,
        region: str,
        now: Callable[[], float],
        lease: float,
        observer: Observer,
        offered: Callable[[], None],
    ) -> None:
        super().__init__(region, now, lease)
        self._name = region
        self._observer = observer
        self._offered = offered

    def enqueue(self, task: Task) -> bool:
        """A task enters; let a worker know."""
        entered = super().enqueue(task)
        if entered:
            self._emit(TaskChange.ENQUEUED, task)
            self._offered()
        return entered

    def take(self) -> Lease | None:
        """Lease a task."""
        lease = super().take()
        if lease is not None:
            self._emit(TaskChange.TAKEN, lease.task)
        return lease

    def mark(self, task: Task) -> None:
        """Mark a task."""
        super().mark(task)
        self._emit(TaskChange.MARKED, task)

    def dead_letter(self, task: Task) -> None:
        """Write a dead letter."""
        super().dead_letter(task)
        self._emit(TaskChange.BURIED, task)

    def acknowledge(self, task: Task) -> None:
        """Let a task go."""
        there = task in self
        super().acknowledge(task)
        if there:
            self._emit(TaskChange.ACKNOWLEDGED, task)

    def _emit(self, change: TaskChange, task: Task) -> None:
        self._observer.on(TaskChanged(self._name, change, task))


class WatchedArchive(Archive):
    """An archive of which every record that is added is an event."""

    def __init__(self, region: str, observer: Observer) -> None:
        super().__init__()
        self._region = region
        self._observer = observer

    def write(self, task: Task) -> None:
        """Write a record."""
        before = len(self.records)
        super().write(task)
        for added in self.records[before:]:
            self._observer.on(TaskChanged(self._region, TaskChange.EFFECTED, added))
