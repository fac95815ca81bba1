"""Delivering what an outbox holds: several submissions in flight, each by the model's program `deliver`."""

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from queue import Empty, SimpleQueue
from random import random
from threading import TIMEOUT_MAX, Event, local
from types import TracebackType
from typing import Any, NamedTuple, Self

from flk.impl.agent import WORKERS
from flk.impl.agent.outbox import Outbox
from flk.impl.agent.service import Connection, Service
from flk.model.effects import Draw, Effect, Post, Sleep
from flk.model.flow.outbox import Queued
from flk.model.flow.submission import Response, Submission
from flk.model.programs.outbox import POLICY, Delivery, begin_source, deliver, end_source, queue
from flk.model.runtime import run
from flk.spec.constants import Outbox as Policy
from flk.spec.errors import UnusableInput
from flk.spec.verdict import Verdict

MAX_HELD = 4096  # submissions in memory that wait for a worker; computing more of them waits until there is room


class Settled(NamedTuple):
    """How one delivery ended, after how many posts, and the last answer (None if none came)."""

    item: Queued
    delivery: Delivery
    posts: int
    response: Response | None


@dataclass
class Tally:
    """Counts of the submissions of a run by how they ended. `queued` includes those that waited from earlier runs."""

    queued: int = 0
    acknowledged: Counter[int] = field(default_factory=Counter)  # by status
    dead: int = 0
    retries: int = 0
    damage: list[str] = field(default_factory=list)  # of the outbox: what was queued there is lost
    unfinished: dict[str, int] = field(default_factory=dict)  # sources that were not queued to their ends, and how far

    def add(self, event: Queued | Settled) -> None:
        """Count one event of `deliver_all`."""
        if isinstance(event, Queued):
            self.queued += 1
            return
        self.retries += max(0, event.posts - 1)
        self.dead += event.delivery is Delivery.DEAD
        if event.delivery is Delivery.ACKNOWLEDGED and event.response is not None:
            self.acknowledged[event.response.status] += 1

    @property
    def pending(self) -> int:
        """How many still wait in the outbox."""
        return self.queued - self.acknowledged.total() - self.dead

    @property
    def verdict(self) -> Verdict:
        """HOLDS if all are acknowledged, VIOLATED if one is refused or lost, UNDECIDED if one waits or was never queued."""
        if self.dead or self.damage:
            return Verdict.VIOLATED
        return Verdict.UNDECIDED if self.pending or self.unfinished else Verdict.HOLDS


def deliver_all(
    outbox: Outbox,
    service: Service,
    submissions: Iterable[Submission] = (),
    workers: int = WORKERS,
    policy: Policy = POLICY,
    sleep: Callable[[float], object] | None = None,
) -> Generator[Queued | Settled, None, None]:
    """Queue the submissions and deliver them, after those that were pending already; each event as it happens.

    When as many deliveries in a row as there are workers brought no answer that settles them, the service counts as out of reach:
    the rest is queued and left pending. Closing the iterator stops at once; what is not settled stays pending. `sleep` waits so
    many seconds, None: until the iterator is closed at most.
    """
    with _Workers(outbox, service, workers, policy, sleep) as running:
        for item in chain(outbox.pending, (run(queue(submission), outbox.perform) for submission in submissions)):
            yield item
            running.hand(item)
            yield from running.settled(wait=running.held >= MAX_HELD)
        while running.held:
            yield from running.settled(wait=True)


def from_source(
    source: str, submissions: Iterable[Submission], outbox: Outbox, tally: Tally
) -> Generator[Submission, None, None]:
    """The submissions, between notes in the outbox that the source begins and ends: one that does not end was cut short (OUT-7)."""
    run(begin_source(source), outbox.perform)
    queued = 0
    tally.unfinished[source] = queued
    try:
        for submission in submissions:
            yield submission
            queued += 1
            tally.unfinished[source] = queued
    except UnusableInput:  # the giver is told at once
        run(end_source(source), outbox.perform)
        raise
    run(end_source(source), outbox.perform)
    del tally.unfinished[source]


class Interrupted(Exception):
    """The run is over. A submission that was being delivered stays queued."""


class _Worker:
    """Delivers one submission at a time over a connection of its own."""

    def __init__(
        self,
        outbox: Outbox,
        connection: Connection,
        stop: Event,
        policy: Policy,
        sleep: Callable[[float], object] | None,
    ) -> None:
        self.connection = connection
        self._sleep = sleep or stop.wait
        self._outbox = outbox
        self._stop = stop
        self._policy = policy
        self._posts = 0
        self._response: Response | None = None

    def deliver(self, item: Queued) -> Settled:
        self._posts, self._response = 0, None
        try:
            delivery = run(deliver(item, self._policy), self._perform)
        except Interrupted:
            delivery = Delivery.POSTPONED
        return Settled(item, delivery, self._posts, self._response)

    def _perform(self, effect: Effect[object]) -> Any:
        if isinstance(effect, Post):
            return self._post(effect.submission)
        if isinstance(effect, Sleep):
            self._sleep(min(effect.seconds, TIMEOUT_MAX))
            return None
        return random() if isinstance(effect, Draw) else self._outbox.perform(effect)

    def _post(self, submission: Submission) -> Response | None:
        if self._stop.is_set():
            raise Interrupted
        self._posts += 1
        self._response = self.connection.post(submission)
        return self._response


class _Workers:
    """The workers of one run, the submissions they hold, and how many failures in a row end the run."""

    def __init__(
        self,
        outbox: Outbox,
        service: Service,
        workers: int,
        policy: Policy,
        sleep: Callable[[float], object] | None,
    ) -> None:
        self.held = 0
        self._sleep = sleep
        self._outbox = outbox
        self._service = service
        self._policy = policy
        self._stop = Event()
        self._connections: list[Connection] = []
        self._own = local()
        self._done: SimpleQueue[Future[Settled]] = SimpleQueue()
        self._failures_left = self._workers = workers
        self._pool = ThreadPoolExecutor(workers, "delivery", self._begin)

    def hand(self, item: Queued) -> None:
        """Have the item delivered by the next worker who is free."""
        self.held += 1
        self._pool.submit(self._deliver, item).add_done_callback(self._done.put)

    def settled(self, *, wait: bool) -> Iterator[Settled]:
        """The deliveries that have ended; with `wait`, at least one. Raises what broke a worker."""
        try:
            while True:
                done = self._done.get(block=wait)
                wait = False
                self.held -= 1
                yield self._judged(done.result())
        except Empty:
            return

    def _judged(self, settled: Settled) -> Settled:
        self._failures_left = self._failures_left - 1 if settled.delivery is Delivery.POSTPONED else self._workers
        if not self._failures_left:
            self._stop.set()
        return settled

    def _begin(self) -> None:
        connection = self._service.connection(self._policy.timeout_seconds)
        self._connections.append(connection)
        self._own.worker = _Worker(self._outbox, connection, self._stop, self._policy, self._sleep)

    def _deliver(self, item: Queued) -> Settled:
        worker: _Worker = self._own.worker
        return worker.deliver(item)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for connection in self._connections:
            connection.end()
        self._pool.shutdown(cancel_futures=True)
        for connection in self._connections:
            connection.close()
