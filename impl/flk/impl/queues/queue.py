"""What an audit queue does, whatever keeps it: `flk.model.entries.tasks.TaskQueue` again, durably, for any number of processes.

Each step is atomic and durable once it returns. The queue itself holds to what a worker that is late could break: a task is let go
only if it is marked or a dead letter (AUD-1), and ends as one of both (AUD-7), whoever comes after whom.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from flk.model.auditing.plan import Position
from flk.model.entries.tasks import Lease, Task
from flk.spec.constants import CONSTANTS

LEASE_SECONDS = CONSTANTS.audit.lease_seconds
MAX_ERROR = CONSTANTS.node.max_detail_characters
NOWHERE = Position()


class Letter(NamedTuple):
    """A dead letter: a task, how often it was attempted, why the last attempt failed, and when that was, in seconds since 1970."""

    id: str
    attempts: int
    error: str
    at: float


class Backlog(NamedTuple):
    """How many tasks of a log wait and are leased, for how many seconds the oldest of them has been there, and dead letters."""

    waiting: int
    leased: int
    oldest: float
    dead: int


class Queue(ABC):
    """The queue of the tasks of a log, or with no log the dead letters of all. One caller at a time.

    Whatever asks it raises Unavailable if it does not answer; then the step was done, or not, and may be tried again.
    """

    def __init__(self, log: str, lease_seconds: float) -> None:
        self.log = log
        self._lease_seconds = lease_seconds

    @abstractmethod
    def position(self) -> Position:
        """How far the leaves of the log are in the queue."""

    @abstractmethod
    def enqueue(self, before: Position, after: Position, tasks: Sequence[Task]) -> bool:
        """Add those tasks that are new, in order, if the position is `before`, and let it be `after`; whether it was `before`.

        Marks that are older than they are kept are removed.
        """

    @abstractmethod
    def take(self) -> Lease | None:
        """Lease the oldest task that waits, or whose lease is over; None if there is none."""

    @abstractmethod
    def renew(self, task: Task) -> None:
        """Let the lease of a task begin now, if there is one."""

    @abstractmethod
    def mark(self, task: Task) -> None:
        """Mark a task that took effect. It is no dead letter then."""

    @abstractmethod
    def bury(self, task: Task, attempts: int, error: str) -> None:
        """Make a dead letter of a task, unless it is marked or was let go."""

    @abstractmethod
    def acknowledge(self, task: Task) -> None:
        """Let a task go, if it is marked or a dead letter."""

    @abstractmethod
    def backlog(self) -> Backlog:
        """How much there is to do."""

    @abstractmethod
    def letters(self, limit: int) -> tuple[Letter, ...]:
        """The oldest dead letters, at most so many."""

    @abstractmethod
    def letter(self, task: Task) -> Letter | None:
        """The dead letter of a task, if it is one."""

    @abstractmethod
    def retry(self, task: Task) -> bool:
        """Put the task of a dead letter back, to be attempted anew; whether it was one."""

    @abstractmethod
    def drop(self, task: Task, reason: str) -> bool:
        """Give a dead letter up, and keep it with the reason; whether it was one."""

    @abstractmethod
    def dropped(self, task: Task) -> tuple[Letter, str] | None:
        """The dead letter that was given up, and the reason, if a task is one."""

    @abstractmethod
    def marked(self, tasks: Sequence[Task]) -> int:
        """How many of these tasks are marked."""

    @abstractmethod
    def close(self) -> None:
        """Release what it holds."""


def written(position: Position) -> str:
    """A position as a queue keeps it: one text for each."""
    return msgspec.json.encode(position).decode()


def read(text: str) -> Position:
    """A position as it was written. Raises msgspec.DecodeError."""
    return msgspec.json.decode(text, type=Position)
