"""The process of an agent: it queues what it is given, delivers it at least once, and moves when a health probe says that its
region is gone.

With a circuit breaker an agent holds back from a region that fails; in a retry storm it holds back from nothing.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, TypeAlias

from flk.model.effects import Append, Draw, Effect, Inspect, Post, Program, ReadSegment, Salvage, Sleep, Truncate
from flk.model.flow.outbox import Contents, Queued
from flk.model.flow.submission import Response
from flk.model.log.frames import Frame
from flk.model.log.hlc import Timestamp, tick
from flk.model.memory.memory import MemoryNode
from flk.model.memory.parts import Disk, Entries, Objects
from flk.model.programs.outbox import Delivery
from flk.sim.clients.items import Item
from flk.sim.kernel.engine import Call, Deadlines, GroupCommit, Wait
from flk.sim.kernel.random_streams import RandomStream
from flk.sim.kernel.runtime import Activity, Host
from flk.sim.nodes.breakers import Breakers
from flk.sim.nodes.parts import RunningNode
from flk.sim.nodes.region import Place, Region, World
from flk.sim.nodes.rpc import Route, call
from flk.sim.scenarios.topology import clients_of
from flk.sim.world.events import NO_ANSWER, AgentMoved, Attempt, Heard, HeldBack, Sent

# Named once: an inner function's annotations are evaluated at every call.
Reply: TypeAlias = Callable[[Response], None]
Answer: TypeAlias = Response | None

_FAILURE = 500  # from this status on an answer is none that was asked for
AT_ONCE = 0.001
"""Seconds that even an agent which does not pause needs between two attempts."""


class Errand(Activity):
    """A program that an agent runs for one item."""

    __slots__ = ("item",)

    def __init__(self, name: str, program: Program[object], ended: Callable[[Any], None], item: Item) -> None:
        self.name = name  # as its parent does, without the call: an agent has two errands for each item
        self.program = program
        self.ended = ended
        self.step = self.number = 0
        self.item = item


class Survivor(Protocol):
    """What of an agent survives its process: see `clients.agents`."""

    number: int
    name: str
    home: str
    regions: dict[str, Region]
    world: World
    starts: int
    storms: int
    lag: float

    @property
    def disk(self) -> Disk:
        """Where the outbox lies."""
        ...

    def wall(self) -> float:
        """What the agent takes for the time."""
        ...

    def note_queued(self, item: Item, identity: Timestamp) -> None:
        """What was given is durable."""
        ...

    def opened(self, process: "AgentProcess", found: Contents) -> None:
        """The outbox is read."""
        ...


class AgentProcess(Host):
    """An agent from its start to its crash. It is `ready` to queue once it has read its outbox."""

    def __init__(self, agent: Survivor) -> None:
        world = agent.world
        memory = MemoryNode(agent.disk, Entries(), Objects(), agent.wall)
        super().__init__(agent.name, world.simulator, world.trace, memory)
        agent.starts += 1
        self.ready = agent.starts == 1
        self.region = agent.home
        self._agent = agent
        self._place = clients_of(agent.home)
        self._regions = agent.regions
        self._world = world
        self._random = RandomStream(world.seed, f"agent/{agent.name}")
        self._failures = 0
        self._pauses: dict[Wait[None], None] = {}
        policy = world.policy
        self._retry = policy.retry
        self._breakers = Breakers(policy.breaker, world)
        self._answers = Deadlines[Response | None](world.simulator, policy.retry.timeout_seconds, None)
        self._health = Deadlines[bool](world.simulator, policy.failover.probe_timeout_seconds, late=False)
        self._disk = GroupCommit[Activity, Effect[object]](self.simulator.after, self._fsync, self.complete)
        self.schedulers = {
            Append: self._disk.write,
            Post: self._post,
            Sleep: lambda activity, effect: self._pause(effect.seconds, lambda: self.complete(activity, effect)),
            **dict.fromkeys((Inspect, ReadSegment, Truncate, Salvage), self._use_disk),
        }
        self.handlers = {
            Append: self._appended,
            Draw: lambda activity, _: self._random.uniform(f"{activity.name}.{activity.step}"),
        }
        interval = policy.failover.probe_interval_seconds
        self.every(interval, interval * self._random.uniform("phase"), self._probe)

    def open(self) -> None:
        """Read the outbox, as after every start but the first, when there is none."""

        def ended(found: Contents) -> None:
            self.ready = True
            self._agent.opened(self, found)

        self.start(Activity(f"open {self._agent.starts}", self._world.programs.open_outbox(), ended))

    def queue(self, item: Item) -> None:
        """Make a submission durable, then deliver it."""
        program = self._world.programs.queue(item.submission)
        self.start(Errand(f"queue {item.arrival.name}", program, lambda queued: self.deliver(item, queued), item))

    def deliver(self, item: Item, queued: Queued) -> None:
        """Begin a round of attempts, and another after it if need be."""

        def ended(delivery: Delivery) -> None:
            item.delivery = delivery
            if delivery is Delivery.POSTPONED:
                self._pause(self._retry.max_delay_seconds, lambda: self.deliver(item, queued))
            else:
                item.over = self.simulator.now

        item.rounds += 1
        name = f"deliver {item.arrival.name}.{item.rounds}"
        self.start(Errand(name, self._world.programs.deliver(queued, self._retry), ended, item))

    def wait_no_more(self) -> None:
        """End every pause."""
        for pause in list(self._pauses):
            self.simulator.after(AT_ONCE, pause.end, None)

    def crash(self) -> tuple[list[Item], list[Frame]]:
        """Stop in the middle of whatever it does. The frames that were being written, and for which items."""
        self.alive = False
        items, frames, clock = [], [], self.memory.clock
        for errand, append in self._disk.batch:
            if isinstance(errand, Errand) and isinstance(append, Append):
                clock = tick(clock, self._agent.wall())
                items.append(errand.item)
                frames.append(Frame(clock, append.payload))
        return items, frames

    def _fsync(self) -> float:
        return self._world.policy.agent_fsync + self._agent.lag

    def _use_disk(self, activity: Activity, effect: Effect[object]) -> None:
        """Read a segment, or mend one."""
        self.after(self._fsync(), self.complete, activity, effect)

    def _appended(self, activity: Activity, effect: Append) -> Timestamp:
        identity = self.memory.perform(effect)
        if isinstance(activity, Errand):
            self._agent.note_queued(activity.item, identity)
        return identity

    def _pause(self, seconds: float, then: Call) -> None:
        """Wait so long before another attempt, unless a retry storm holds or begins."""

        def over(_: None) -> None:
            del self._pauses[pause]
            if self.alive:
                then()

        pause = Wait(over)
        self._pauses[pause] = None
        self.simulator.after(AT_ONCE if self._agent.storms else seconds, pause.end, None)

    def _post(self, errand: Errand, effect: Post) -> None:
        """Send, in the time that it takes a slow agent."""
        if self._agent.lag:
            self.after(self._agent.lag, self._send, errand, effect)
        else:
            self._send(errand, effect)

    def _send(self, errand: Errand, effect: Post) -> None:
        item, region, sent = errand.item, self.region, self.simulator.now
        generation = self._breakers.ask(region)
        held = generation is None and not self._agent.storms
        self._world.observer.on(Sent(self._agent.number, item.number, item.rounds, effect.submission, held))
        if held:
            self._hold_back(errand, effect, region)
            return
        item.attempts += 1
        request = f"{self.name}-{item.arrival.name}.{item.attempts}"
        place = self._node(region, item.number + item.attempts - 1)
        draws = self._world.streams.draws(item.arrival.name) if item.attempts == 1 else None

        def answered(response: Answer) -> None:
            if not self.alive:
                return
            item.response, item.region = response, region
            status = response.status if response else NO_ANSWER
            if generation is not None:
                self._breakers.settle(region, generation, answered=NO_ANSWER < status < _FAILURE)
            number, now = self._agent.number, self.simulator.now
            self._world.observer.on(Attempt(number, item.number, region, sent, now, status, item.intent))
            self._hear(errand, effect, response)

        wait = self._answers.begin(answered)

        def serve(node: RunningNode, reply: Reply) -> None:
            node.serve(f"ingest {request}", effect.submission, reply, draws)

        front = self._regions[region].gateways.front(request)
        call(self._world.net, Route(self._place, place, request), serve, wait, draws, front)

    def _node(self, region: str, number: int) -> Place:
        """The node that an agent asks, as a balancer would have it: records go round, and so do probes, and each further attempt
        goes to the next.
        """
        return self._regions[region].in_turn(self._agent.number + number)

    def _hold_back(self, errand: Errand, effect: Post, region: str) -> None:
        """Send nothing, which to the program is no answer."""
        self._world.observer.on(HeldBack(self.name, region))
        self._hear(errand, effect, None)

    def _hear(self, errand: Errand, effect: Post, response: Answer) -> None:
        """Read an answer, in the time that it takes a slow agent."""
        self._world.observer.on(Heard(self._agent.number, errand.item.number, response))
        self.trace.effect(self.simulator.now, self.name, errand.name, effect, response)
        if self._agent.lag:
            self.after(self._agent.lag, self.resume, errand, response)
        else:
            self.resume(errand, response)

    def _probe(self, number: int) -> None:
        """Ask for the health of the region in use, and of the home region while away from it."""
        for region in dict.fromkeys((self.region, self._agent.home)):
            wait = self._health.begin(partial(self._judge, region))
            again = f" {self._agent.starts}" if self._agent.starts > 1 else ""
            route = Route(self._place, self._node(region, number), f"{self.name} probe{again} {number}")
            call(self._world.net, route, lambda node, reply: reply(node.ready), wait)

    def _judge(self, region: str, healthy: bool) -> None:  # noqa: FBT001 - the answer of a probe
        """Leave the region in use after so many failures in a row; go home as soon as home is healthy."""
        if not self.alive:
            return
        if region == self.region:
            self._failures = 0 if healthy else self._failures + 1
            if self._failures >= self._world.policy.failover.probe_failures:
                names = list(self._regions)
                self._move(names[(names.index(region) + 1) % len(names)])
        elif healthy and region == self._agent.home:
            self._move(self._agent.home)

    def _move(self, to: str) -> None:
        if to == self.region:  # there is no other
            return
        self._world.observer.on(AgentMoved(self.name, self.region, to))
        self.trace.event(self.simulator.now, self.name, "probe", f"move to {to}")
        self.region = to
        self._failures = 0
