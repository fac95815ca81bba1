"""What is left of an agent whose process dies, and what it does when it is there again."""

from tests.support.sim.drills import drill, prepared

from flk.model.flow.outbox import QUEUED
from flk.model.flow.submission import Submission
from flk.model.log.frames import OVERHEAD
from flk.sim.clients.agents import Agent
from flk.sim.clients.arrivals import Arrival
from flk.sim.clients.items import Item
from flk.sim.run_loop import RunLoop
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import AgentCrash

SMALL = Submission("t", b"")


def agent_of(loop: RunLoop) -> Agent:
    """An agent that has just been started."""
    return Agent(0, "agent.eu.1", "eu", loop.regions, loop.world)


def item(number: int = 0) -> Item:
    """Something to deliver."""
    return Item(number, Arrival(0.0, str(number), 0, 0, fresh=True), SMALL)


def crash(name: str) -> AgentCrash:
    """A crash of every agent."""
    return AgentCrash(id=name, start=Seconds(0), duration=Seconds(1))


def test_of_what_was_being_written_any_first_part_may_be_there() -> None:
    """From nothing to the whole write: each crash cuts it somewhere, the last byte included."""
    loop, found = prepared(drill()), set()
    for number in range(1000):
        agent = agent_of(loop)
        agent.give(item())
        agent.crash(crash(f"crash {number}"))
        found.add(sum(map(len, agent.outbox())))
    written = OVERHEAD + len(QUEUED) + len(SMALL.payload())
    nothing = min(found)
    assert found == set(range(nothing, nothing + written + 1))
