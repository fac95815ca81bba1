"""The clients of a drill: agents with real outboxes, which deliver by the model's programs, and move when a probe says so.

The rules are those of the simulator's agents, so that both can be compared: what is given is queued durably and sent at once, each
submission by itself; after a round of attempts without a final answer another follows; a region whose probe fails so many times in
a row is left for the next one, and home is gone back to as soon as it is healthy.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from random import Random
from threading import Event, Thread
from typing import Any, NamedTuple

import msgspec

from flk.impl.agent.outbox import Outbox
from flk.impl.drill.nodes import posted, ready
from flk.impl.drill.plan import Agent, Arrival, Plan
from flk.impl.server.breaker import CircuitBreaker
from flk.model.effects import Draw, Effect, Post, Sleep
from flk.model.flow.answers import ACKNOWLEDGED
from flk.model.flow.submission import Response
from flk.model.programs.outbox import Delivery, deliver, queue
from flk.model.refusal import Unavailable
from flk.model.runtime import run
from flk.spec.constants import CONSTANTS

MOST_AT_ONCE = 1024  # submissions on their way; each waits in a thread of its own
_FAILURE = 500  # from this status on an answer is none that was asked for


class Stated(msgspec.Struct, frozen=True):
    """What an acknowledgement states: the entry for its key."""

    pcs_id: str
    timestamp: str
    region: str
    digest: str


class Attempt(NamedTuple):
    """A post: of which arrival, by which agent, where to, from when to when, and the status of the answer (0: none)."""

    arrival: int
    agent: int
    region: str
    sent: float
    over: float
    status: int


class Acknowledgement(NamedTuple):
    """When a client was told by whom that which entry is stored."""

    at: float
    arrival: int
    asked: str
    tenant: str
    stated: Stated


class Move(NamedTuple):
    """An agent left a region for another."""

    at: float
    agent: int
    region: str
    to: str


class Beat(NamedTuple):
    """A heartbeat of an agent whose region was lost: where to, when, and whether it was told that it would be served."""

    agent: int
    region: str
    sent: float
    over: float
    served: bool


class Book:
    """What the clients saw, in the order in which it was over. Times are seconds of the drill."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.attempts: list[Attempt] = []
        self.acknowledged: list[Acknowledgement] = []
        self.moves: list[Move] = []
        self.beats: list[Beat] = []
        self.ended: dict[int, tuple[float, Delivery]] = {}


class Client:
    """One agent at work. `ports` are where it finds the regions from its place."""

    def __init__(
        self, number: int, agent: Agent, plan: Plan, ports: Mapping[str, int], directory: Path, book: Book, over: Event
    ) -> None:
        self.number = number
        self.region = agent.home
        self._agent = agent
        self._plan = plan
        self._ports = ports
        self._book = book
        self._over = over
        self._outbox = Outbox(directory / agent.name)
        self._random = Random(f"{plan.seed}/{agent.name}")
        self._failures = 0
        self._breakers = {
            region: CircuitBreaker(plan.breaker, region) if plan.breaker else None for region in plan.regions
        }
        self._threads = [Thread(target=self._probe, name=f"{agent.name} probe", daemon=True)]
        self._threads[0].start()

    def deliver(self, number: int, arrival: Arrival) -> None:
        """Queue what is given, and send it until it is settled or the drill is over."""

        def perform(effect: Effect[object]) -> Any:
            if self._over.is_set():
                raise _Over
            if isinstance(effect, Post):
                return self._post(number, effect)
            if isinstance(effect, Sleep):
                self._over.wait(effect.seconds)
                return None
            if isinstance(effect, Draw):
                return self._random.random()
            return self._outbox.perform(effect)

        with suppress(_Over):
            queued = run(queue(arrival.submission), perform)
            while (ended := run(deliver(queued, self._plan.retry), perform)) is Delivery.POSTPONED:
                self._over.wait(self._plan.retry.max_delay_seconds)
            self._book.ended[number] = (self._book.now(), ended)

    def lose(self) -> None:
        """The region in use was lost: ask every so often whether one would be served, until one is."""
        self._threads.append(Thread(target=self._beat, name=f"{self._agent.name} heartbeat", daemon=True))
        self._threads[-1].start()

    def close(self) -> None:
        """Wait for the threads, which end once the drill is over, and let go of the outbox."""
        for thread in self._threads:
            thread.join()
        self._outbox.close()

    def _post(self, number: int, effect: Post) -> Response | None:
        region, book = self.region, self._book
        breaker = self._breakers[region]
        sent = book.now()
        try:
            response = self._sent(region, effect) if breaker is None else breaker(lambda: self._sent(region, effect))
        except _Failed as failed:
            response = failed.response
        except Unavailable:
            response = None  # held back: to the program no answer
        book.attempts.append(Attempt(number, self.number, region, sent, book.now(), response.status if response else 0))
        if response is not None and response.status in ACKNOWLEDGED:
            with suppress(msgspec.DecodeError):
                stated = msgspec.json.decode(response.body, type=Stated)
                book.acknowledged.append(Acknowledgement(book.now(), number, region, effect.submission.tenant, stated))
        return response

    def _sent(self, region: str, effect: Post) -> Response | None:
        """The answer. With a breaker, one that says that the region fails counts as none there."""
        response = posted(self._ports[region], effect.submission, self._plan.retry.timeout_seconds)
        if self._breakers[region] is not None and (response is None or response.status >= _FAILURE):
            raise _Failed(region, response)
        return response

    def _probe(self) -> None:
        """Ask for the health of the region in use, and of the home region while away from it."""
        policy = self._plan.failover
        self._over.wait(policy.probe_interval_seconds * self._random.random())
        while not self._over.is_set():
            began = self._book.now()
            for region in dict.fromkeys((self.region, self._agent.home)):
                self._judge(region, healthy=ready(self._ports[region], policy.probe_timeout_seconds))
            self._over.wait(max(0.0, policy.probe_interval_seconds - (self._book.now() - began)))

    def _judge(self, region: str, *, healthy: bool) -> None:
        if region == self.region:
            self._failures = 0 if healthy else self._failures + 1
            if self._failures >= self._plan.failover.probe_failures:
                names = self._plan.regions
                self._move(names[(names.index(region) + 1) % len(names)])
        elif healthy and region == self._agent.home:
            self._move(region)

    def _move(self, to: str) -> None:
        if to != self.region:
            self._book.moves.append(Move(self._book.now(), self.number, self.region, to))
            self.region, self._failures = to, 0

    def _beat(self) -> None:
        served = False
        while not served and not self._over.is_set():
            region, sent = self.region, self._book.now()
            served = ready(self._ports[region], CONSTANTS.heartbeat.timeout_seconds)
            self._book.beats.append(Beat(self.number, region, sent, self._book.now(), served))
            self._over.wait(
                0.0 if served else max(0.0, CONSTANTS.heartbeat.interval_seconds - (self._book.now() - sent))
            )


class _Failed(Unavailable):
    """A region did not answer, or said that it fails: a circuit breaker counts it."""

    def __init__(self, region: str, response: Response | None) -> None:
        super().__init__("ORD-4", f"{region} fails")
        self.response = response


class _Over(Exception):
    """The drill is over; what was not settled stays in the outbox."""


class Clients:
    """All agents of a drill."""

    def __init__(self, plan: Plan, ports: Callable[[str, str], int], directory: Path, now: Callable[[], float]) -> None:
        """`ports` says where a place finds a region."""
        self.book = Book(now)
        self._over = Event()
        self._pool = ThreadPoolExecutor(MOST_AT_ONCE, "delivery")
        self._given: list[Future[None]] = []
        self.agents = [
            Client(
                number,
                agent,
                plan,
                {region: ports(agent.place, region) for region in plan.regions},
                directory,
                self.book,
                self._over,
            )
            for number, agent in enumerate(plan.agents)
        ]

    def give(self, number: int, arrival: Arrival) -> None:
        """Hand a submission to its agent."""
        self._given.append(self._pool.submit(self.agents[arrival.agent].deliver, number, arrival))

    def users(self, region: str) -> list[int]:
        """Which agents use a region now."""
        return [agent.number for agent in self.agents if agent.region == region]

    def lose(self, region: str) -> list[int]:
        """A region was lost: those who use it, who send heartbeats from now on."""
        users = self.users(region)
        for number in users:
            self.agents[number].lose()
        return users

    def close(self) -> None:
        """End every delivery; what is not settled stays in the outboxes."""
        self._over.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
        for agent in self.agents:
            agent.close()

    def check(self) -> None:
        """Raise what broke a delivery, after `close`: a defect of the drill."""
        for given in self._given:
            if not given.cancelled():
                given.result()
