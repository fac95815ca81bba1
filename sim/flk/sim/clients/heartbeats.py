"""Synthetic heartbeats: while a region is lost, its agents ask whether they would be served, so that a recovery is seen without
traffic.

They are no part of the service, and nothing notices them: their messages take no bandwidth, a node answers them out of turn, and
nothing is drawn, written or traced for them that anybody else would see.
"""

from collections.abc import Mapping, Sequence

from flk.sim.clients.agents import Agent
from flk.sim.kernel.engine import Deadlines
from flk.sim.nodes.region import Region, World
from flk.sim.scenarios.faults import Stop
from flk.sim.scenarios.topology import clients_of
from flk.sim.world.events import Beat, Crashed
from flk.sim.world.observer import Observer
from flk.spec.constants import CONSTANTS

NAME = "probe heartbeat"
"""In the names of their messages, which are left out of figures as health probes are."""


class Heartbeats:
    """The heartbeats of all agents: each that uses a region when it is lost sends one every so often until one is answered."""

    def __init__(self, agents: Sequence[Agent], regions: Mapping[str, Region], world: World) -> None:
        self._agents = agents
        self._regions = regions
        self._world = world
        self._answers = Deadlines[bool](world.simulator, CONSTANTS.heartbeat.timeout_seconds, late=False)

    def observe(self, observer: Observer) -> None:
        """Begin when a region is lost."""
        observer.handle(Crashed, lambda event: self._begin(event.fault))

    def _begin(self, loss: Stop) -> None:
        for agent in self._agents if loss.node is None else ():
            if agent.region == loss.region:
                _Watch(agent, loss, self._regions, self._world, self._answers).beat(1)


class _Watch:
    """The heartbeats of one agent after one loss."""

    def __init__(
        self, agent: Agent, loss: Stop, regions: Mapping[str, Region], world: World, answers: Deadlines[bool]
    ) -> None:
        self._agent = agent
        self._name = f"{agent.name} {NAME} {loss.id}"
        self._place = clients_of(agent.home)
        self._regions = regions
        self._world = world
        self._answers = answers
        self._served = False

    def beat(self, number: int) -> None:
        """Send one to the region that the agent uses now, and another in a while, unless one was answered."""
        if self._served:
            return
        world, name, region, sent = self._world, f"{self._name}.{number}", self._agent.region, self._world.simulator.now

        def judge(served: bool) -> None:  # noqa: FBT001 - the answer of a heartbeat
            self._served = self._served or served
            world.observer.on(Beat(self._agent.number, region, sent, world.simulator.now, served))

        wait = self._answers.begin(judge)
        place = self._regions[region].in_turn(self._agent.number + number - 1)

        def reply(served: bool) -> None:  # noqa: FBT001
            world.net.send(place.name, self._place, name, wait.end, served, envelope=0)

        def arrived() -> None:
            if place.node is not None:
                place.node.beat(reply)

        world.net.send(self._place, place.name, name, arrived, envelope=0)
        world.simulator.after(CONSTANTS.heartbeat.interval_seconds, self.beat, number + 1)
