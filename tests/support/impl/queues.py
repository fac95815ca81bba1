"""Audit queues of every kind, and one in memory that is written from what `Queue` says and knows no lease's end."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from tests.support.impl import store_servers
from tests.support.impl.store_servers import StoreServer

from flk.impl.queues.opening import open_queue
from flk.impl.queues.queue import Backlog, Queue
from flk.model.auditing.plan import Position
from flk.model.entries.tasks import Lease, Span, Task, TaskKind

LOG = "example.com/log"
SERVERS: dict[str, Callable[[], StoreServer]] = {
    "postgres": store_servers.postgres,
    "redis": store_servers.redis,
    "cluster": store_servers.redis_cluster,
}
KINDS = ("sqlite", *SERVERS)
_NUMBERS = count()


def task(number: int, kind: TaskKind = TaskKind.ENRICH, log: str = LOG) -> Task:
    """The task about a leaf."""
    return Task(kind, Span(log, number, number + 1))


def tasks(begin: int, end: int) -> list[Task]:
    """The tasks about these leaves."""
    return [task(number) for number in range(begin, end)]


class QueuePlace:
    """Where queues of one kind are opened, empty at first."""

    def __init__(self, kind: str, directory: Path) -> None:
        self.kind = kind
        self.server = SERVERS[kind]() if kind in SERVERS else None
        number = next(_NUMBERS)
        self.url = str(directory / f"queue{number}") if self.server is None else self.server.url(f"queue{number}")

    @contextmanager
    def open(self, lease_seconds: float = 3600.0, log: str = LOG) -> Iterator[Queue]:
        """The queue as one process has it."""
        queue = open_queue(self.url, log, lease_seconds)
        try:
            yield queue
        finally:
            queue.close()


class Reference:
    """The queue of a log as `Queue` has it, with leases that do not end."""

    def __init__(self) -> None:
        self.position = Position()
        self.held: dict[Task, bool] = {}  # in order; whether it is leased
        self.marks: set[Task] = set()
        self.dead: dict[Task, tuple[int, str]] = {}
        self.dropped: dict[Task, str] = {}

    def enqueue(self, before: Position, after: Position, new: Sequence[Task]) -> bool:
        """As `Queue` has it."""
        if before != self.position:
            return False
        self.position = after
        for each in new:
            if each not in self.marks and each not in self.dead and each not in self.dropped:
                self.held.setdefault(each, False)
        return True

    def take(self) -> Lease | None:
        """As `Queue` has it."""
        for each, leased in self.held.items():
            if not leased:
                self.held[each] = True
                return Lease(each, each in self.marks)
        return None

    def mark(self, each: Task) -> None:
        """As `Queue` has it."""
        self.marks.add(each)
        self.dead.pop(each, None)

    def bury(self, each: Task, attempts: int, error: str) -> None:
        """As `Queue` has it."""
        if each in self.held and each not in self.marks:
            self.dead[each] = (attempts, error)

    def acknowledge(self, each: Task) -> None:
        """As `Queue` has it."""
        if each in self.marks or each in self.dead:
            self.held.pop(each, None)

    def retry(self, each: Task) -> bool:
        """As `Queue` has it."""
        if each not in self.dead:
            return False
        del self.dead[each]
        self.held.setdefault(each, False)
        return True

    def drop(self, each: Task, reason: str) -> bool:
        """As `Queue` has it."""
        if each not in self.dead:
            return False
        del self.dead[each]
        self.held.pop(each, None)
        self.dropped.setdefault(each, reason)
        return True

    def backlog(self) -> tuple[int, int, int]:
        """Tasks that wait, that are leased, and dead letters."""
        leased = sum(self.held.values())
        return len(self.held) - leased, leased, len(self.dead)


def counted(backlog: Backlog) -> tuple[int, int, int]:
    """A backlog without ages."""
    return backlog.waiting, backlog.leased, backlog.dead


def letters(queue: Queue) -> dict[Task, tuple[int, str]]:
    """The dead letters of a queue."""
    return {Task.parse(each.id): (each.attempts, each.error) for each in queue.letters(1000)}
