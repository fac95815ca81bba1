"""A region's audit queue and the archive where its tasks take effect, watched: each change is told to who checks or measures."""

from collections.abc import Callable, Iterable

from flk.model.entries.tasks import Archive, Lease, Task, TaskQueue
from flk.sim.world.events import TaskChange, Watcher


class WatchedTasks(TaskQueue):
    """A queue that tells of every change, and calls `offered` when there is one more task for a worker to take."""

    def __init__(
        self,
        region: str,
        now: Callable[[], float],
        lease: float,
        watchers: Iterable[Watcher],
        offered: Callable[[], None],
    ) -> None:
        super().__init__(region, now, lease)
        self._name = region
        self._watchers = tuple(watchers)
        self._offered = offered

    def enqueue(self, task: Task) -> None:
        """A task enters; tell, and let a worker know."""
        super().enqueue(task)
        self._tell(TaskChange.ENQUEUED, task)
        self._offered()

    def take(self) -> Lease | None:
        """Lease a task, and tell."""
        lease = super().take()
        if lease is not None:
            self._tell(TaskChange.TAKEN, lease.task)
        return lease

    def mark(self, task: Task) -> None:
        """Mark a task, and tell."""
        super().mark(task)
        self._tell(TaskChange.MARKED, task)

    def dead_letter(self, task: Task) -> None:
        """Write a dead letter, and tell."""
        super().dead_letter(task)
        self._tell(TaskChange.BURIED, task)

    def acknowledge(self, task: Task) -> None:
        """Let a task go, and tell if it was there."""
        there = task in self
        super().acknowledge(task)
        if there:
            self._tell(TaskChange.ACKNOWLEDGED, task)

    def _tell(self, change: TaskChange, task: Task) -> None:
        for watcher in self._watchers:
            watcher.task_changed(self._name, change, task)


class WatchedArchive(Archive):
    """An archive that tells of every record that is added."""

    def __init__(self, region: str, watchers: Iterable[Watcher]) -> None:
        super().__init__()
        self._region = region
        self._watchers = tuple(watchers)

    def write(self, task: Task) -> None:
        """Write a record, and tell if one was added."""
        before = len(self.records)
        super().write(task)
        for added in self.records[before:]:
            for watcher in self._watchers:
                watcher.task_changed(self._region, TaskChange.EFFECTED, added)
