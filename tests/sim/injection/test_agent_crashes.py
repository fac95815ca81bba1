"""What is left of an agent whose process dies, and what it does when it is there again."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.support.sim.drills import BRISK, drill, prepared, records

from flk.model.flow.outbox import QUEUED
from flk.model.flow.submission import Submission
from flk.model.log.frames import OVERHEAD, scan
from flk.model.programs.outbox import Delivery
from flk.sim.clients.agents import Agent
from flk.sim.clients.arrivals import Arrival
from flk.sim.clients.items import Item
from flk.sim.nodes import background
from flk.sim.nodes.region import ORIGIN
from flk.sim.run_loop import RunLoop
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import AgentCrash, RetryStorm, SlowAgent
from flk.sim.world.events import AgentHurried, AgentMoved, AgentSlowed, Given, Heard, Sent

SMALL = Submission("t", b"")
WRITE = 0.004
"""Seconds that an agent's disk takes for a write."""
WHEN: dict[str, Any] = {"start": Seconds(0), "duration": Seconds(1)}


def agent_of(loop: RunLoop, name: str = "agent.eu.1") -> Agent:
    """An agent that has just been started."""
    return Agent(0, name, "eu", loop.regions, loop.world)


def item(number: int = 0, submission: Submission = SMALL) -> Item:
    """Something to deliver."""
    return Item(number, Arrival(0.0, str(number), 0, 0, fresh=True), submission)


def bodies(number: int) -> list[Item]:
    """Items that differ by their bodies."""
    return [item(each, Submission("t", str(each).encode())) for each in range(number)]


def crash(name: str, **options: Any) -> AgentCrash:
    """A crash of agents, of all unless a share is given."""
    return AgentCrash(id=name, **WHEN, **options)


def go_on(loop: RunLoop, seconds: float) -> None:
    """Let happen what is due within so many seconds."""
    loop.simulator.run_until(loop.simulator.now + seconds, 10**6, lambda: None)


def until(loop: RunLoop, happened: Callable[[], bool]) -> None:
    """Let happen what is due until something has happened, which takes less than a hundred seconds."""
    for _ in range(10_000):
        if happened():
            return
        go_on(loop, 0.01)
    raise AssertionError("it does not happen")


def queued(agent: Agent) -> list[bytes]:
    """The bodies of the submissions that are in an agent's outbox."""
    frames = [frame.payload for segment in agent.outbox() for frame in scan(segment).frames]
    head = len(QUEUED) + len(SMALL.payload())
    return [payload[head:] for payload in frames if payload.startswith(QUEUED)]


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


@pytest.mark.parametrize("segment_bytes", [1, BRISK.segment_bytes], ids=["a segment for each frame", "one segment"])
def test_what_an_agent_is_given_is_queued_once(segment_bytes: int) -> None:
    """Wherever a crash cuts a write of several, what is whole is not queued again, and all else is: also what was given since. A
    part of a frame is the last that is on the disk.
    """
    policy = msgspec.structs.replace(BRISK, segment_bytes=segment_bytes)
    loop, found = prepared(drill(policy=policy)), set()
    for number in range(300):
        agent, fault = agent_of(loop), crash(f"crash {number}")
        first, *others, late, later, last = bodies(7)
        agent.give(first)
        go_on(loop, WRITE / 2)
        for each in others:
            agent.give(each)  # in one write, when the first is over
        go_on(loop, WRITE)
        agent.crash(fault)
        found.add(len(queued(agent)))
        *before, end = map(scan, agent.outbox())
        assert not any(segment.torn for segment in before)
        assert end.torn < OVERHEAD + len(QUEUED) + len(first.submission.payload())
        assert (len(before) > 0) == (segment_bytes == 1)
        agent.give(late)
        agent.give(later)
        agent.restart(fault)
        agent.give(last)  # while the outbox is read
        go_on(loop, 20 * WRITE)
        assert sorted(queued(agent)) == [str(each).encode() for each in range(7)]
        agent.crash(fault)
    assert found == {1, 2, 3, 4}


@pytest.mark.parametrize(
    ("submission", "delivery"), [(records(1)[0], Delivery.ACKNOWLEDGED), (SMALL, Delivery.DEAD)], ids=["good", "bad"]
)
def test_whenever_a_process_dies_what_it_was_given_is_settled(submission: Submission, delivery: Delivery) -> None:
    """Agents with slow disks that die at some time in the first seconds, such as in the middle of noting what was answered."""
    loop = prepared(drill())
    for place in loop.places.values():
        background.start(place)
    go_on(loop, 5.0)
    settled: list[tuple[Item, float]] = []
    for number in range(60):
        agent, fault = agent_of(loop, f"agent.eu.{number}"), crash(f"crash {number}")
        agent.shift_lag(1, SlowAgent(id="slow", extra=Seconds(0.1), **WHEN))
        for each in (item(number, submission) for _ in range(5)):
            agent.give(each)
            settled.append((each, loop.simulator.now))
        at = number * 0.02
        loop.simulator.after(at, agent.crash, fault)
        loop.simulator.after(at + 1.0, agent.restart, fault)
    go_on(loop, 40.0)
    assert {each.delivery for each, _ in settled} == {delivery}
    assert all(given < each.over < given + 10.0 for each, given in settled)


def test_to_read_the_outbox_again_settles_nothing() -> None:
    """What waits goes on waiting while there is no node, and what was settled before keeps its end and its time (OUT-6)."""
    loop = prepared(drill())
    agent, given = agent_of(loop), [item(number, record) for number, record in enumerate(records(3))]
    for each in given:
        agent.give(each)
    go_on(loop, 1.0)
    agent.crash(crash("early"))
    agent.restart(crash("early"))
    go_on(loop, 1.0)
    assert [each.delivery for each in given] == [None] * 3
    for place in loop.places.values():
        background.start(place)
    until(loop, lambda: all(each.delivery for each in given))
    settled = [(each.delivery, each.over) for each in given]
    assert {delivery for delivery, _ in settled} == {Delivery.ACKNOWLEDGED}
    agent.crash(crash("late"))
    agent.restart(crash("late"))
    go_on(loop, 1.0)
    assert [(each.delivery, each.over) for each in given] == settled


def test_the_first_crash_is_the_one_that_ends() -> None:
    """A process that is dead does not die again, and it is started at the end of the fault that killed it, once."""
    agent = agent_of(prepared(drill()))
    first, second = crash("first", offset=Seconds(-3600)), crash("second")
    agent.restart(first)
    assert agent.starts == 1
    agent.crash(first)
    agent.crash(second)
    agent.restart(second)
    assert agent.starts == 1
    agent.restart(first)
    agent.restart(first)
    assert agent.starts == 2


def test_the_clock_of_an_agent_is_right_until_a_crash() -> None:
    """From then on it is off by what the fault says."""
    loop = prepared(drill())
    agent = agent_of(loop)
    go_on(loop, 2.0)
    assert agent.wall() == ORIGIN + 2.0
    agent.crash(crash("crash", offset=Seconds(-3600)))
    assert agent.wall() == ORIGIN + 2.0 - 3600


def test_an_agent_that_dies_is_at_home_again() -> None:
    """Which region it uses is in memory: one that had moved away moves back by dying, and one that is at home does not move."""
    loop = prepared(drill())
    moves: list[AgentMoved] = []
    loop.world.observer.handle(AgentMoved, moves.append)
    agent = agent_of(loop)
    agent.crash(crash("early"))
    assert agent.region == "eu"
    assert not moves
    agent.restart(crash("early"))
    until(loop, lambda: agent.region != "eu")  # there is no node anywhere
    away = agent.region
    agent.crash(crash("late"))
    assert moves[-1] == AgentMoved(agent.name, away, "eu")
    assert agent.region == "eu"


def test_which_agents_are_hit_is_drawn_for_each_fault() -> None:
    """Two faults of one kind and share take different agents, and one of none takes none."""
    loop = prepared(drill())
    taken: dict[str, set[str]] = {}
    for name in ("one", "another"):
        for share in (0.0, 0.5):
            agents = [agent_of(loop, f"agent.eu.{number}") for number in range(30)]
            for agent in agents:
                agent.shift_lag(1, SlowAgent(id=name, extra=Seconds(2), share=share, **WHEN))
                agent.shift_storms(1, RetryStorm(id=name, share=share, **WHEN))
                agent.crash(crash(name, share=share))
            taken[f"slow {name} {share}"] = {agent.name for agent in agents if agent.lag}
            taken[f"storm {name} {share}"] = {agent.name for agent in agents if agent.storms}
            again = [agent for agent in agents if _restarted(agent, crash(name))]
            taken[f"crash {name} {share}"] = {agent.name for agent in again}
    sets = [found for name, found in taken.items() if name.endswith("0.5")]
    assert len({frozenset(found) for found in sets}) == 6
    assert all(5 < len(found) < 25 for found in sets)
    assert not any(found for name, found in taken.items() if name.endswith("0.0"))


def _restarted(agent: Agent, fault: AgentCrash) -> bool:
    before = agent.starts
    agent.restart(fault)
    return agent.starts > before


def test_faults_of_one_kind_add_up() -> None:
    """An agent is as slow as all its faults make it, and in a hurry until the last storm is over; whoever observes it is told."""
    loop = prepared(drill())
    told: list[tuple[int, object]] = []
    loop.world.observer.handle(AgentSlowed, lambda event: told.append((event.agent, event.lag)))
    loop.world.observer.handle(AgentHurried, lambda event: told.append((event.agent, event.hurries)))
    agent = agent_of(loop)
    assert (agent.lag, agent.storms) == (0.0, 0)
    slow, slower = (SlowAgent(id=str(extra), extra=Seconds(extra), **WHEN) for extra in (0.5, 0.25))
    storm = RetryStorm(id="storm", **WHEN)
    for by, fault in ((1, slow), (1, slower), (-1, slow), (-1, slower)):
        agent.shift_lag(by, fault)
    for by in (1, 1, -1, -1):
        agent.shift_storms(by, storm)
    assert told == [(0, lag) for lag in (0.5, 0.75, 0.25, 0.0)] + [
        (0, hurries) for hurries in (True, True, True, False)
    ]


def test_a_storm_ends_the_pauses_of_who_lives() -> None:
    """What an agent waits for before another attempt it waits for no more; one that is dead has nothing to wait for."""
    loop = prepared(drill())
    agent, dead = agent_of(loop), agent_of(loop, "agent.eu.2")
    dead.crash(crash("crash"))
    heard, sent = list[Heard](), list[Sent]()
    loop.world.observer.handle(Heard, heard.append)
    loop.world.observer.handle(Sent, sent.append)
    agent.give(item())
    until(loop, lambda: len(heard) == 3)  # nobody answers
    for each in (agent, dead):
        each.shift_storms(1, RetryStorm(id="storm", **WHEN))
    assert len(sent) == 3
    go_on(loop, 0.01)
    assert len(sent) == 4


def test_whoever_observes_an_agent_is_told_what_it_is_given() -> None:
    """By its number, with the item's."""
    loop = prepared(drill())
    given: list[Given] = []
    loop.world.observer.handle(Given, given.append)
    agent_of(loop).give(item(3))
    assert given == [Given(0, 3, SMALL)]
