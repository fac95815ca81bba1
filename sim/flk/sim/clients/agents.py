"""Agents: they queue what they are given, deliver it at least once, and move when a health probe says that their region is gone.

With a circuit breaker an agent holds back from a region that fails; in a retry storm it holds back from nothing.
"""

from collections.abc import Callable
from functools import partial
from math import nan
from typing import Any, TypeAlias

from flk.model.effects import Append, Draw, Effect, Post, Program, Sleep
from flk.model.flow.submission import Response, Submission
from flk.model.log.frames import Frame
from flk.model.log.hlc import Timestamp
from flk.model.memory.memory import MemoryNode
from flk.model.memory.parts import Disk, Entries, Objects
from flk.model.programs.outbox import Delivery, Queued, deliver, queue
from flk.sim.clients.arrivals import Arrival
from flk.sim.kernel.engine import Call, Deadlines, GroupCommit, Wait
from flk.sim.kernel.random_streams import RandomStream
from flk.sim.kernel.runtime import Activity, Host
from flk.sim.nodes.breakers import Breakers
from flk.sim.nodes.parts import RunningNode
from flk.sim.nodes.region import ORIGIN, Region, World
from flk.sim.nodes.rpc import Route, call
from flk.sim.scenarios.faults import RetryStorm
from flk.sim.scenarios.topology import clients_of
from flk.sim.world.events import NO_ANSWER, AgentMoved, Attempt, HeldBack, Intent

# Named once: an inner function's annotations are evaluated at every call.
Reply: TypeAlias = Callable[[Response], None]
Answer: TypeAlias = Response | None


_FAILURE = 500  # from this status on an answer is none that was asked for
AT_ONCE = 0.001
"""Seconds that even an agent which does not pause needs between two attempts."""


class Item:
    """Something an agent was given to deliver, the last answer it got for it and from where, and how it ended (None: not yet)."""

    __slots__ = (
        "arrival",
        "attempts",
        "delivery",
        "intent",
        "number",
        "over",
        "region",
        "response",
        "rounds",
        "submission",
    )

    def __init__(self, number: int, arrival: Arrival, submission: Submission, intent: Intent = Intent.HONEST) -> None:
        self.number = number
        self.arrival = arrival
        self.submission = submission
        self.intent = intent
        self.rounds = 0
        self.attempts = 0
        self.response: Response | None = None
        self.region = ""
        self.delivery: Delivery | None = None
        self.over = nan


class Errand(Activity):
    """A program that an agent runs for one item."""

    __slots__ = ("item",)

    def __init__(self, name: str, program: Program[object], ended: Callable[[Any], None], item: Item) -> None:
        self.name = name  # as its parent does, without the call: an agent has two errands for each item
        self.program = program
        self.ended = ended
        self.step = self.number = 0
        self.item = item


class UnreadDisk(Disk):
    """The disk of an agent. Agents do not crash, so nothing reads it, and what is appended need not be framed: the time that it
    takes is the agent's business, its timestamp the node's.
    """

    def append(self, log: str, frame: Frame, clock: Timestamp) -> None:
        """A frame is durable."""


class Agent(Host):
    """One agent and its outbox, which lies on a disk of its own."""

    def __init__(self, number: int, name: str, home: str, regions: dict[str, Region], world: World) -> None:
        memory = MemoryNode(UnreadDisk(name), Entries(), Objects(), lambda: ORIGIN + world.simulator.now)
        super().__init__(name, world.simulator, world.trace, memory)
        self.number = number
        self.home = home
        self.region = home
        self._place = clients_of(home)
        self._regions = regions
        self._world = world
        self._random = RandomStream(world.seed, f"agent/{name}")
        self._failures = 0
        self._storms = 0
        self._pauses: dict[Wait[None], None] = {}
        policy = world.policy
        self._breakers = Breakers(policy.breaker, world)
        self._answers = Deadlines[Response | None](world.simulator, policy.retry.timeout_seconds, None)
        self._health = Deadlines[bool](world.simulator, policy.failover.probe_timeout_seconds, late=False)
        self._disk = GroupCommit[Activity, Effect[object]](
            self.simulator.after, lambda: policy.agent_fsync, self.complete
        )
        self.schedulers = {
            Append: self._disk.write,
            Post: self._post,
            Sleep: lambda activity, effect: self._pause(effect.seconds, lambda: self.complete(activity, effect)),
        }
        self.handlers = {Draw: lambda activity, _: self._random.uniform(f"{activity.name}.{activity.step}")}
        interval = policy.failover.probe_interval_seconds
        self.every(interval, interval * self._random.uniform("phase"), self._probe)

    def give(self, item: Item) -> None:
        """Take a submission: make it durable, then deliver it."""
        program = queue(item.submission)
        self.start(Errand(f"queue {item.arrival.name}", program, lambda queued: self._deliver(item, queued), item))

    def shift_storms(self, by: int, storm: RetryStorm) -> None:
        """Let a retry storm begin (1) or end (-1), if this agent is among those that it takes."""
        if RandomStream(self._world.seed, f"storm/{storm.id}").uniform(self.name) < storm.share:
            self._storms += by
            for pause in list(self._pauses) if self._storms else ():
                self.simulator.after(AT_ONCE, pause.end, None)

    def _pause(self, seconds: float, then: Call) -> None:
        """Wait so long before another attempt, unless a retry storm holds or begins."""

        def over(_: None) -> None:
            del self._pauses[pause]
            then()

        pause = Wait(over)
        self._pauses[pause] = None
        self.simulator.after(AT_ONCE if self._storms else seconds, pause.end, None)

    def _deliver(self, item: Item, queued: Queued) -> None:
        def ended(delivery: Delivery) -> None:
            item.delivery = delivery
            if delivery is Delivery.POSTPONED:
                self._pause(self._world.policy.retry.max_delay_seconds, lambda: self._deliver(item, queued))
            else:
                item.over = self.simulator.now

        item.rounds += 1
        name = f"deliver {item.arrival.name}.{item.rounds}"
        self.start(Errand(name, deliver(queued, self._world.policy.retry), ended, item))

    def _post(self, errand: Errand, effect: Post) -> None:
        item, region, sent = errand.item, self.region, self.simulator.now
        generation = self._breakers.ask(region)
        if generation is None and not self._storms:
            self._hold_back(errand, effect, region)
            return
        item.attempts += 1
        request = f"{self.name}-{item.arrival.name}.{item.attempts}"
        draws = self._world.streams.draws(item.arrival.name) if item.attempts == 1 else None

        def answered(response: Answer) -> None:
            item.response, item.region = response, region
            status = response.status if response else NO_ANSWER
            if generation is not None:
                self._breakers.settle(region, generation, answered=NO_ANSWER < status < _FAILURE)
            attempt = Attempt(self.number, item.number, region, sent, self.simulator.now, status, item.intent)
            self._world.observer.on(attempt)
            self.trace.effect(self.simulator.now, self.name, errand.name, effect, response)
            self.resume(errand, response)

        wait = self._answers.begin(answered)

        def serve(node: RunningNode, reply: Reply) -> None:
            node.serve(f"ingest {request}", effect.submission, reply, draws)

        call(self._world.net, self._regions, Route(self._place, region, request), serve, wait, draws)

    def _hold_back(self, errand: Errand, effect: Post, region: str) -> None:
        """Send nothing, which to the program is no answer."""
        self._world.observer.on(HeldBack(self.name, region))
        self.trace.effect(self.simulator.now, self.name, errand.name, effect, None)
        self.resume(errand, None)

    def _probe(self, number: int) -> None:
        """Ask for the health of the region in use, and of the home region while away from it."""
        for region in dict.fromkeys((self.region, self.home)):
            wait = self._health.begin(partial(self._judge, region))
            route = Route(self._place, region, f"{self.name} probe {number}")
            call(self._world.net, self._regions, route, lambda node, reply: reply(node.ready), wait)

    def _judge(self, region: str, healthy: bool) -> None:  # noqa: FBT001 - the answer of a probe
        """Leave the region in use after so many failures in a row; go home as soon as home is healthy."""
        if region == self.region:
            self._failures = 0 if healthy else self._failures + 1
            if self._failures >= self._world.policy.failover.probe_failures:
                names = list(self._regions)
                self._move(names[(names.index(region) + 1) % len(names)])
        elif healthy and region == self.home:
            self._move(self.home)

    def _move(self, to: str) -> None:
        if to == self.region:  # there is no other
            return
        self._world.observer.on(AgentMoved(self.name, self.region, to))
        self.trace.event(self.simulator.now, self.name, "probe", f"move to {to}")
        self.region = to
        self._failures = 0
