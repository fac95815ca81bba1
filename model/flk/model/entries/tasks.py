"""The audit queue of a region (AUD-*): the work that follows the first write of an entry, such as its enrichment.

The queue is a part of the store. The store that inserts an entry first puts its task into the queue in the same atomic step, so a
crash can come between the two nowhere: what recovery inserts anew has its task, and what was inserted before has it already.
"""

import re
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from flk.model.entries.entry import Claim, Key
from flk.spec.constants import CONSTANTS


class TaskKind(StrEnum):
    """What is to be done about an entry, or about leaves of an audit log (AUD-8)."""

    ENRICH = "enrich"
    """Write it, with what follows from it, to the archive that cannot be altered."""
    ATTEST = "attest"
    """Sign that it is in the log, with the proof."""
    ANCHOR = "anchor"
    """Have others say when the log had so many leaves."""
    REPORT = "report"
    """Count the outcomes of a day."""
    CLEAN_UP = "clean-up"
    """Remove what was written about leaves that are older than it is kept."""


class Span(NamedTuple):
    """Leaves of an audit log, from number `begin` to before `end`."""

    log: str
    begin: int
    end: int


class Task(NamedTuple):
    """One piece of work. Kind and key are its identity: whoever does it again has no further effect (AUD-2).

    >>> task = Task(TaskKind.REPORT, Span("example.com/log", 0, 256))
    >>> task.id
    'example.com/log/report/0-256'
    >>> Task.parse(task.id) == task
    True
    """

    kind: TaskKind
    key: Key | Span

    @property
    def id(self) -> str:
        """The name that no other task has, as `parse` reads it of a task about leaves."""
        whose, what = self.place
        return f"{whose}/{self.kind}/{what}"

    @property
    def place(self) -> tuple[str, str]:
        """Whose it is, and what of theirs: a tenant and the id of a record, or a log and numbers of leaves."""
        if isinstance(self.key, Span):
            return self.key.log, f"{self.key.begin}-{self.key.end}"
        return self.key.tenant, self.key.pcs_id

    @classmethod
    def parse(cls, text: str) -> "Task":
        """The task about leaves of that id. Raises ValueError for what is none."""
        found = _ID.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is no id of a task; it is like example.com/log/enrich/17-18")
        return cls(TaskKind(found["kind"]), Span(found["log"], int(found["begin"]), int(found["end"])))


_ID = re.compile(rf"(?P<log>[^\s+]+)/(?P<kind>{'|'.join(TaskKind)})/(?P<begin>[0-9]{{1,15}})-(?P<end>[0-9]{{1,15}})")


class Lease(NamedTuple):
    """A task in a worker's hands, and whether it is marked as processed already."""

    task: Task
    processed: bool


class _Place:
    """The place of a task in the queue: the number of its lease, 0 while it waits, and below 0 once it is acknowledged."""

    __slots__ = ("lease", "task")

    def __init__(self, task: Task) -> None:
        self.task = task
        self.lease = 0


_GONE = -1


class TaskQueue:
    """Tasks at least once (AUD-1). Whatever the backlog, each operation looks at one task, on average.

    `now` gives seconds that never go back, of a monotonic clock: if wall time is set back, a lease is over no later. A lease of
    `lease_seconds` that ends without an acknowledgement puts its task back at the front, for it is the oldest; its worker may
    still be at it, and two may then be at one task.
    """

    def __init__(
        self, region: str, now: Callable[[], float], lease_seconds: float = CONSTANTS.audit.lease_seconds
    ) -> None:
        self.marked: set[Task] = set()
        self.dead: set[Task] = set()
        self._region = region
        self._now = now
        self._lease_seconds = lease_seconds
        self._leases = 0
        # Lines hold places and not tasks: with a million tasks, each look-up of one would be a walk through memory.
        self._held: dict[Task, _Place] = {}
        self._waiting: deque[_Place] = deque()
        self._ends: deque[tuple[float, _Place, int]] = deque()  # of leases, which all last alike: in order

    def __len__(self) -> int:
        """How many tasks are not acknowledged."""
        return len(self._held)

    def __contains__(self, task: object) -> bool:
        """Whether a task is not acknowledged."""
        return task in self._held

    @property
    def offers(self) -> bool:
        """Whether there is a task to take."""
        if self._ends:
            self._offer_again(self._now())
        waiting = self._waiting
        while waiting and waiting[0].lease:  # acknowledged since, by a worker whose lease had ended
            waiting.popleft()
        return bool(waiting)

    @property
    def next_end(self) -> float | None:
        """When the first lease ends of a task that is not acknowledged, by the queue's clock; None if there is none."""
        ends = self._ends
        while ends and ends[0][1].lease != ends[0][2]:
            ends.popleft()
        return ends[0][0] if ends else None

    def follow(self, claim: Claim) -> None:
        """An entry was written for the first time. Its task enters the queue of the region that logged it, and no other."""
        if claim.entry.region == self._region:
            self.enqueue(Task(TaskKind.ENRICH, claim.key))

    def enqueue(self, task: Task) -> bool:
        """A task enters the queue, durably, if it is new; whether it was. What is marked or a dead letter is over, though a store
        that lost its entry may come to write that again.
        """
        if task in self._held or task in self.marked or task in self.dead:
            return False
        place = self._held[task] = _Place(task)
        self._waiting.append(place)
        return True

    def take(self) -> Lease | None:
        """Lease the oldest task that waits; None if none does."""
        if not self.offers:
            return None
        place = self._waiting.popleft()
        self._leases += 1
        place.lease = self._leases
        self._ends.append((self._now() + self._lease_seconds, place, self._leases))
        return Lease(place.task, bool(self.marked) and place.task in self.marked)

    def mark(self, task: Task) -> None:
        """A task took effect (AUD-3)."""
        self.marked.add(task)

    def dead_letter(self, task: Task) -> None:
        """A task becomes a dead letter (AUD-5)."""
        self.dead.add(task)

    def acknowledge(self, task: Task) -> None:
        """A task is done with, whoever did it, and is not offered again."""
        place = self._held.pop(task, None)
        if place is not None:
            place.lease = _GONE

    def _offer_again(self, now: float) -> None:
        """Put the tasks of leases that are over back in front, oldest first."""
        late = []
        while (end := self.next_end) is not None and end <= now:
            place = self._ends.popleft()[1]
            place.lease = 0
            late.append(place)
        self._waiting.extendleft(reversed(late))


def _never(task: Task, number: int) -> bool:
    """No attempt fails."""
    del task, number
    return False


class Archive:
    """Where tasks take effect, outside of the region. `fails` says which attempts fail, by task and number of the attempt."""

    def __init__(self, fails: Callable[[Task, int], bool] = _never) -> None:
        self.records: list[Task] = []
        self._keyed: set[Task] = set()
        self._fails = fails

    def attempt(self, task: Task, number: int) -> bool:
        """Write the task's record, unless it is there already; whether the attempt succeeded."""
        if self._fails(task, number):
            return False
        self.write(task)
        return True

    def write(self, task: Task) -> None:
        """Keyed by the task, so that any number of workers leaves one record (AUD-2)."""
        if task not in self._keyed:
            self._keyed.add(task)
            self.records.append(task)
