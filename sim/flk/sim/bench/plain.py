"""The baseline: a scenario of several regions as a plain SimPy program, written by hand in SimPy's own idiom.

A process for each request, a `Resource` for the store, `request | timeout` for patience; three stages: commit at a node, ship to
the object store, apply elsewhere. The topology, the rates, the delays and the policy are those of the scenario, and the arrivals
are given. There are no faults, no invariants, no trace and no measures but the latency of each delivery. What a record is stands
in `bookkeeping`: nothing but its number, or the model's functions.
"""

from collections.abc import Callable, Generator, Sequence
from functools import partial
from random import Random
from typing import Generic, NamedTuple, TypeAlias

from simpy import Environment, Event, Resource

from flk.sim.bench.bookkeeping import B, Bookkeeping, C, S
from flk.sim.clients.arrivals import Arrival
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.topology import OBJECTS, Path, clients_of, directed
from flk.sim.scenarios.workload import agent_homes

Process: TypeAlias = Generator[Event, object, None]


class Outcome(NamedTuple):
    """What a run of the baseline amounts to: requests acknowledged, entries in each region, events, latencies."""

    acknowledged: int
    entries: dict[str, int]
    events: int
    latencies: list[float]


class Counted(Environment):
    """An environment that can tell how many events there have been: SimPy numbers what it schedules, and keeps what is not due."""

    @property
    def events(self) -> int:
        """How many there have been; asked once, at the end."""
        return next(self._eid) - len(self._queue)


class Disk:
    """Group commit: what is written during one synchronisation shares the next."""

    def __init__(self, env: Environment, seconds: Callable[[], float]) -> None:
        self.env = env
        self.seconds = seconds
        self.waiting: list[Event] = []
        self.busy = False

    def write(self) -> Event:
        """Happens when the write is durable."""
        written = self.env.event()
        self.waiting.append(written)
        if not self.busy:
            self.busy = True
            self.env.process(self.synchronise())
        return written

    def synchronise(self) -> Process:
        """Go on until nothing waits."""
        while self.waiting:
            batch, self.waiting = self.waiting, []
            yield self.env.timeout(self.seconds())
            for written in batch:
                written.succeed()
        self.busy = False


class Plain(Generic[S, C, B]):
    """The program: its clock, its random numbers, the links, the object store, the regions and the agents."""

    def __init__(self, scenario: Scenario, bookkeeping: Callable[[str], Bookkeeping[S, C, B]], seed: int) -> None:
        self.env = Counted()
        self.random = Random(seed)
        self.policy = scenario.policy
        self.default = scenario.network.default
        self.links: dict[tuple[str, str], Path] = {}
        for link in scenario.network.links:
            self.links |= dict.fromkeys(directed(link.between[:1], link.between[1:], link.direction), link)
        self.objects: dict[str, B] = {}
        self.latencies: list[float] = []
        self.regions = {name: Region(self, name, bookkeeping(name)) for name in scenario.regions}
        self.agents = [Agent(self, home) for home in agent_homes(scenario.workload.agents)]

    def travel(self, sender: str, receiver: str) -> Event:
        """Happens when a message arrives; never, if it is lost."""
        path = self.links.get((sender, receiver), self.default)
        if path.loss and self.random.random() < path.loss:
            return self.env.event()
        return self.env.timeout(path.delay + (self.random.expovariate(1 / path.jitter) if path.jitter else 0.0))

    def feed(self, coming: Sequence[Arrival], submissions: Sequence[S]) -> Process:
        """Give the agents their work."""
        for arrival in coming:
            yield self.env.timeout(arrival.at - self.env.now)
            self.env.process(self.agents[arrival.agent].deliver(submissions[arrival.submission]))


class Region(Generic[S, C, B]):
    """A node with its log and its store, its rounds of shipping, of replaying, and of comparing itself with others."""

    def __init__(self, world: Plain[S, C, B], name: str, bookkeeping: Bookkeeping[S, C, B]) -> None:
        policy = world.policy
        self.world = world
        self.env = world.env
        self.name = name
        self.bookkeeping = bookkeeping
        self.disk = Disk(world.env, lambda: policy.fsync * (1 + world.random.expovariate(1)) / 2)
        self.store = Resource(world.env)

    def start(self) -> None:
        """Begin the rounds, each at a moment of its own."""
        policy = self.world.policy
        self.env.process(self.every(policy.ship_interval, self.ship))
        for peer in self.world.regions.values():
            if peer is not self:
                self.env.process(self.every(policy.replay_interval, partial(self.replay, peer)))
                self.env.process(self.every(policy.divergence_interval, partial(self.compare, peer)))

    def every(self, interval: float, action: Callable[[], Process]) -> Process:
        """Act once in every interval."""
        yield self.env.timeout(interval * self.world.random.random())
        while True:
            self.env.process(action())
            yield self.env.timeout(interval)

    def serve(self, client: str, submission: S) -> Process:
        """A request: it travels, is logged, claims its key, and the answer travels back."""
        yield self.world.travel(client, self.name)
        yield self.disk.write()
        logged = self.bookkeeping.log(submission, self.env.now)
        with self.store.request() as turn:
            yield turn
            yield self.env.timeout(self.world.policy.service * self.world.random.expovariate(1))
        self.bookkeeping.claim(logged)
        yield self.world.travel(self.name, client)

    def health(self, client: str) -> Process:
        """A probe: there and back."""
        yield self.world.travel(client, self.name)
        yield self.world.travel(self.name, client)

    def visit(self, seconds: float) -> Process:
        """Use the store for so long."""
        with self.store.request() as turn:
            yield turn
            yield self.env.timeout(seconds)

    def ask_objects(self) -> Process:
        """A request to the object store, and its answer."""
        yield self.world.travel(self.name, OBJECTS)
        yield self.env.timeout(self.world.policy.object_service * self.world.random.expovariate(1))
        yield self.world.travel(OBJECTS, self.name)

    def patiently(self, request: Process) -> Process:
        """Repeat nothing, but do not wait for ever."""
        yield self.env.process(request) | self.env.timeout(self.world.policy.timeout)

    def ship(self) -> Process:
        """Seal the log and upload it."""
        yield self.env.timeout(self.world.policy.fsync)
        for name, content in self.bookkeeping.sealed():
            yield from self.visit(self.world.policy.service)
            yield from self.patiently(self.ask_objects())
            self.world.objects[name] = content
            yield from self.visit(self.world.policy.service)

    def replay(self, peer: "Region[S, C, B]") -> Process:
        """Apply what a peer has shipped since."""
        yield from self.visit(self.world.policy.service)
        yield from self.patiently(self.ask_objects())
        for name in self.bookkeeping.unseen(peer.name, self.world.objects):
            yield from self.patiently(self.ask_objects())
            claims = self.bookkeeping.read(peer.name, name, self.world.objects[name])
            yield from self.visit(self.world.policy.merge * len(claims))
            self.bookkeeping.merge(claims)
            yield from self.visit(self.world.policy.service)

    def compare(self, peer: "Region[S, C, B]") -> Process:
        """Count, then look at a sample, here and there."""
        for _ in range(2):
            yield from self.visit(self.world.policy.service)
            yield self.world.travel(self.name, peer.name)
            yield from peer.visit(self.world.policy.service)
            yield self.world.travel(peer.name, self.name)


class Agent(Generic[S, C, B]):
    """An agent with its outbox."""

    def __init__(self, world: Plain[S, C, B], home: str) -> None:
        self.world = world
        self.env = world.env
        self.place = clients_of(home)
        self.region = world.regions[home]
        self.disk = Disk(world.env, lambda: world.policy.agent_fsync)

    def deliver(self, submission: S) -> Process:
        """Queue, send until there is an answer, settle."""
        began = self.env.now
        yield self.disk.write()
        while True:
            request = self.env.process(self.region.serve(self.place, submission))
            yield request | self.env.timeout(self.world.policy.retry.timeout_seconds)
            if request.triggered:
                break
            yield self.env.timeout(self.world.policy.retry.base_delay_seconds)
        yield self.disk.write()
        self.world.latencies.append(self.env.now - began)

    def probe(self) -> Process:
        """Ask for the region's health, again and again."""
        failover = self.world.policy.failover
        yield self.env.timeout(failover.probe_interval_seconds * self.world.random.random())
        while True:
            began = self.env.now
            answer = self.env.process(self.region.health(self.place))
            yield answer | self.env.timeout(failover.probe_timeout_seconds)
            yield self.env.timeout(failover.probe_interval_seconds - (self.env.now - began))


def run(
    scenario: Scenario,
    coming: Sequence[Arrival],
    submissions: Sequence[S],
    bookkeeping: Callable[[str], Bookkeeping[S, C, B]],
    seed: int = 1,
) -> Outcome:
    """Run the program to the scenario's end."""
    world = Plain(scenario, bookkeeping, seed)
    env = world.env
    for region in world.regions.values():
        region.start()
    for agent in world.agents:
        env.process(agent.probe())
    env.process(world.feed(coming, submissions))
    env.run(until=scenario.duration)
    entries = {region.name: region.bookkeeping.stored for region in world.regions.values()}
    return Outcome(len(world.latencies), entries, env.events, world.latencies)
