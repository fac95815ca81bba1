"""A real audit worker: it performs the program `work` on a queue, and fills that from the log (AUD-1 to AUD-9)."""

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from flk.impl.queues.attempts import Attempts
from flk.impl.queues.metrics import WorkerMetrics
from flk.impl.queues.queue import LEASE_SECONDS, NOWHERE, Backlog, Queue
from flk.model.auditing.plan import Position
from flk.model.effects import Acknowledge, Attempt, Bury, Effect, MarkProcessed, PutObject, TakeTask
from flk.model.effects.queueing import Enqueue, Queued
from flk.model.entries.tasks import Lease, Task
from flk.model.programs.audit import Handled, work
from flk.model.programs.enqueue import enqueue
from flk.model.refusal import Unavailable
from flk.model.runtime import run
from flk.model.transparency.checkpoints import Checkpoint
from flk.spec.constants import CONSTANTS
from flk.spec.errors import UnusableInput

POLICY = CONSTANTS.audit
PASS_TASKS = 1000
"""After so many a pass is over, so that new leaves are enqueued and what is going on is told."""
REFUSALS = 3
"""After so many in a row a pass is over: what tasks need is away, and each refused task is leased for nothing."""


class Worked(NamedTuple):
    """What a pass came to: leaves that are in the queue, tasks that were brought to an end and how, what there is to do, and why
    some of it was refused; empty if nothing was.
    """

    behind: int
    done: int
    already: int
    dead: int
    backlog: Backlog
    waits: str = ""

    @property
    def is_over(self) -> bool:
        """Whether there is nothing to do for now."""
        return not (self.backlog.waiting or self.waits)


class Worker:
    """Works on the tasks of a log. `pause` waits for so many seconds."""

    def __init__(
        self,
        queue: Queue,
        attempts: Attempts,
        metrics: WorkerMetrics,
        anchor_leaves: int = POLICY.anchor_leaves,
        lease_seconds: float = LEASE_SECONDS,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._queue = queue
        self._attempts = attempts
        self._metrics = metrics
        self._anchor_leaves = anchor_leaves
        self._renew_seconds = lease_seconds / 3
        self._pause = pause
        self._renewed = 0.0
        self._failed = (0, "")  # the last attempt at the task in hand, and why it failed
        self._known: tuple[Position, Checkpoint] | None = None
        self._performers: dict[type[Effect[Any]], Callable[[Any], Any]] = {
            TakeTask: lambda _: self._take(),
            Attempt: lambda effect: self._attempt(effect.task, effect.number),
            MarkProcessed: lambda effect: queue.mark(effect.task),
            Bury: lambda effect: queue.bury(effect.task, *self._failed),
            Acknowledge: lambda effect: queue.acknowledge(effect.task),
        }

    def passes(self, every: float | None) -> Iterator[Worked]:
        """Pass after pass: until there is nothing to do, or with `every` for ever, with so many seconds to wait then.

        Raises BadLog, BadNote, UnusableInput.
        """
        while True:
            yield (worked := self._pass())
            if not worked.is_over and not worked.waits:
                continue
            if every is None:
                return
            self._pause(every)

    def fill(self) -> Position:
        """Enqueue the tasks of new leaves; where the queue is then. Raises BadLog, BadNote, Unavailable, UnusableInput."""
        position = self._queue.position()
        if missing := sorted(set(position.kinds) - self._attempts.kinds):
            raise UnusableInput(
                f"{self._queue}: it has tasks to {' and to '.join(missing)}, which this worker does not do; give it the options of"
                " those that filled it, or another queue"
            )
        checkpoint, note = self._attempts.latest()
        program = enqueue("", checkpoint, note, self._attempts.kinds, self._anchor_leaves)
        filled = self._attempts.run(
            program,
            {
                Queued: lambda _: self._queue.position(),
                Enqueue: lambda effect: self._queue.enqueue(effect.before, effect.after, effect.tasks),
                PutObject: lambda effect: self._attempts.put(effect.name, effect.content),
            },
        )
        self._known = filled, checkpoint
        return self._known[0]

    def work(self) -> Handled | None:
        """Bring one task to its end; None if none waits. Raises Unavailable, with the task in the queue."""
        self._failed = (0, "")
        handled = run(work(), lambda effect: self._performers[type(effect)](effect))
        if handled is not None:
            self._metrics.ended(handled)
        return handled

    def _pass(self) -> Worked:
        ended = dict.fromkeys(Handled, 0)
        waits, behind = "", 0
        try:
            behind = self.fill().behind
        except Unavailable as away:
            waits = away.detail
        refused = 0
        for _ in range(PASS_TASKS):
            try:
                handled = self.work()
            except Unavailable as away:
                waits, refused = away.detail, refused + 1
                if refused == REFUSALS:
                    break
                continue
            if handled is None:
                break
            refused = 0
            ended[handled] += 1
        backlog, told = self._look()
        done, already, dead = (ended[how] for how in (Handled.DONE, Handled.ALREADY, Handled.DEAD))
        return Worked(behind, done, already, dead, backlog, waits or told)

    def _look(self) -> tuple[Backlog, str]:
        """What there is to do, which is told whoever scrapes; and why that is not known."""
        try:
            backlog = self._queue.backlog()
        except Unavailable as away:
            return Backlog(0, 0, 0.0, 0), away.detail
        position, checkpoint = self._known or (NOWHERE, None)
        self._metrics.saw(backlog, 0 if checkpoint is None else checkpoint.size - position.behind)
        return backlog, ""

    def _take(self) -> Lease | None:
        self._renewed = time.monotonic()
        return self._queue.take()

    def _attempt(self, task: Task, number: int) -> bool:
        """Attempt a task, after a pause if it failed before. Its lease is renewed as long as something goes on."""
        self._pause(POLICY.pause_seconds * (number - 1))

        def progress() -> None:
            if time.monotonic() - self._renewed > self._renew_seconds:
                self._queue.renew(task)
                self._renewed = time.monotonic()

        progress()
        try:
            why = self._attempts.attempt(task, progress)
        except Unavailable:
            self._metrics.attempted(task, "refused")
            raise
        self._metrics.attempted(task, "failed" if why else "succeeded")
        self._failed = number, why
        return not why
