"""Faults of links: what is duplicated, overtaken, or waits for bandwidth."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.effort import few
from tests.support.sim.drills import QUICK, REGIONS, drill, records, rehearse, verdicts
from tests.support.sim.strategies import directions, sides

from flk.model.effects import Fetch, PutObject
from flk.model.entries.entry import Key
from flk.model.flow.submission import Response, Submission
from flk.sim.kernel.engine import Simulator
from flk.sim.kernel.processor import Pace
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import Bandwidth, Duplication, Fault, Latency, LinkFault, Loss, Partition, Reorder
from flk.sim.scenarios.topology import Network, Path
from flk.sim.world.message_sizes import ENTRY, size_of
from flk.sim.world.network import ENVELOPE, Net
from flk.spec.constants import CONSTANTS
from flk.spec.verdict import Verdict

Timed = dict[str, Any]
MOST = CONSTANTS.scenario.max_number  # what no rate is above
WIRE = ("eu", "us")
WHOLE: Timed = {"sides": (("eu",), ("us",)), "start": Seconds(0), "duration": Seconds(10)}
EVERYWHERE = (("clients",), REGIONS)
MESSAGES = 2000


class Post:
    """A net on which every message's arrivals are written down, by its name."""

    def __init__(self, network: Network, seed: int = 1) -> None:
        self.simulator = Simulator()
        self.net = Net(self.simulator, network, ("eu", "us"), seed)
        self.arrived: list[tuple[str, float]] = []

    def at(self, moment: float, act: Callable[[], object]) -> None:
        """Do something at a moment."""
        self.simulator.after(moment, lambda: (act(), None)[1])

    def send_all(self, names: str) -> None:
        """Send messages of one letter now."""
        for name in names:
            self.send(name)

    def send(self, name: str, size: int = 0) -> None:
        """Send a message now."""
        self.net.send(*WIRE, name, lambda: self.arrived.append((name, self.simulator.now)), content=bytes(size))

    def begin(self, fault: LinkFault) -> None:
        """Let a fault take hold now."""
        for wire in self.net.wires(fault):
            wire.begin(fault)

    def end(self, fault: LinkFault) -> None:
        """Let a fault go now."""
        for wire in self.net.wires(fault):
            wire.end(fault)

    def run(self) -> list[tuple[str, float]]:
        """All arrivals, in order, to the microsecond."""
        self.simulator.run_until(10.0**6, 10**6, lambda: None)
        return [(name, round(moment, 6)) for name, moment in self.arrived]


def posted(network: Network, *faults: LinkFault, seed: int = 1) -> list[tuple[str, float]]:
    """The arrivals of many messages, sent at 0."""
    post = Post(network, seed)
    for fault in faults:
        post.begin(fault)
    for number in range(MESSAGES):
        post.send(str(number))
    return post.run()


def test_duplication_sends_a_share_of_the_messages_twice() -> None:
    """A share arrives twice, each copy with a delay of its own, on top of what the path itself repeats."""
    network = Network(default=Path(delay=Seconds(1), jitter=Seconds(1), duplication=0.5))
    twice = Duplication(id="twice", share=0.5, **WHOLE)
    found = posted(network, twice)
    assert len(found) / MESSAGES == pytest.approx(1.75, abs=0.05)
    first = dict(reversed(found))
    assert any(moment != first[name] for name, moment in found)
    assert set(found) >= set(posted(network))


def test_reordering_holds_a_share_of_the_messages_back() -> None:
    """A share comes later by the time given, the others as before; two such faults add up, each with draws of its own."""
    network = Network(default=Path(delay=Seconds(1)))
    one, other = (Reorder(id=name, share=0.25, by=Seconds(by), **WHOLE) for name, by in (("a", 2), ("b", 5)))
    found = posted(network, one, other)
    shares = {moment: sum(at == moment for _, at in found) / MESSAGES for moment in (1, 3, 6, 8)}
    assert shares == pytest.approx({1: 9 / 16, 3: 3 / 16, 6: 3 / 16, 8: 1 / 16}, abs=0.04)
    alone = {name for name, moment in posted(network, one) if moment == 3}
    assert alone == {name for name, moment in found if moment in {3, 8}}


def test_a_narrow_wire_carries_one_message_after_another() -> None:
    """Each takes its bytes' time and then the delay; the other direction is another wire."""
    post = Post(Network(default=Path(delay=Seconds(1), bandwidth=100)))
    for name, size in (("a", 44), ("b", 144), ("c", 0)):
        post.send(name, size)
    assert post.run() == [("a", 4.0), ("b", 8.0), ("c", 8 + ENVELOPE / 100)]


@given(st.lists(st.tuples(st.floats(0, 60), st.integers(0, 5000)), min_size=1, max_size=30), st.floats(100, 10**5))
def test_a_narrow_wire_is_a_queue(messages: Sequence[tuple[float, int]], rate: float) -> None:
    """A message leaves when its bytes have been carried since it came and since the one before it left (Lindley)."""
    post = Post(Network(default=Path(delay=Seconds(0), bandwidth=rate)))
    coming = sorted(messages)
    for number, (moment, size) in enumerate(coming):
        post.at(moment, partial(post.send, str(number), size))
    left = 0.0
    expected: list[float] = []
    for moment, size in coming:
        left = max(left, moment) + (ENVELOPE + size) / rate
        expected.append(left)
    found = post.run()
    assert [name for name, _ in found] == [str(number) for number in range(len(coming))]
    assert [moment for _, moment in found] == pytest.approx(expected, abs=1e-5)


def test_a_backlog_goes_on_at_the_rate_of_the_moment() -> None:
    """A limit that comes in the middle of a message slows it down; once it is lifted what waits flows off, in order."""
    narrow = Bandwidth(id="narrow", rate=ENVELOPE / 10, **WHOLE)
    post = Post(Network(default=Path(delay=Seconds(0), bandwidth=ENVELOPE)))
    post.at(0, partial(post.send_all, "abc"))
    post.at(0.5, lambda: post.begin(narrow))
    post.at(10.5, lambda: post.end(narrow))
    assert post.run() == [("a", 5.5), ("b", 11), ("c", 12)]
    free = Post(Network(default=Path(delay=Seconds(0))))
    free.begin(narrow)
    free.at(0, partial(free.send_all, "abc"))
    free.at(15, lambda: free.end(narrow))
    free.at(15, lambda: free.send("d"))
    assert free.run() == [("a", 10), ("b", 15), ("c", 15), ("d", 15)]


def test_what_waits_for_bandwidth_met_the_wire_when_it_was_sent() -> None:
    """A partition that begins later does not touch it, nor does a longer delay."""
    post = Post(Network(default=Path(delay=Seconds(1), bandwidth=ENVELOPE)))
    post.at(0, partial(post.send_all, "ab"))
    post.at(0.5, lambda: post.begin(Partition(id="cut", **WHOLE)))
    post.at(0.5, lambda: post.begin(Latency(id="slow", extra=Seconds(9), **WHOLE)))
    post.at(0.6, lambda: post.send("c"))
    assert post.run() == [("a", 2), ("b", 3)]


def test_work_stands_still_at_no_pace() -> None:
    """At rate 0 nothing is done; what was done before stays done, and any number of works go on side by side."""
    simulator = Simulator()
    pace = Pace(simulator)
    done: list[tuple[str, float]] = []
    for name, amount in (("a", 1.0), ("b", 3.0)):
        pace.after(amount, lambda name=name: done.append((name, simulator.now)))  # type: ignore[misc]
    for moment, rate in ((2.0, 0.0), (7.0, 0.5), (7.5, 0.5)):
        simulator.after(moment, partial(pace.change, rate))
    simulator.run_until(100.0, 10**6, lambda: None)
    assert done == [("a", 1.0), ("b", 9.0)]
    assert not pace.busy


def test_sizes_are_those_of_what_is_carried() -> None:
    """A body, a segment, a list of names, keys and entries count; what is small does not."""
    assert size_of(Submission("default", b"12345")) == size_of(Response(200, b"12345")) == 5
    assert size_of(PutObject("name", b"12345")) == 9
    assert size_of(("ab", "cde")) == size_of(b"12345") == 5
    assert size_of(Fetch("eu", (Key("t", "ab"), Key("t", "cd")))) == 6
    assert size_of((None, next(iter(rehearse(drill(until=5)).entries["eu"].values())))) == ENTRY
    assert size_of(None) == size_of(object()) == 0


def test_a_narrow_link_makes_agents_wait() -> None:
    """With a kilobyte a second between agents and regions, answers take as long as their bytes and the queue before them."""
    narrow = Bandwidth(id="narrow", rate=1000, sides=EVERYWHERE, start=Seconds(10), duration=Seconds(40))
    run, calm = rehearse(drill(narrow)), rehearse(drill())
    assert not verdicts(run)
    assert run.measures.latency["acknowledged"].p50 > calm.measures.latency["acknowledged"].p50 + 0.4
    assert run.measures.counts.acknowledged == run.measures.counts.offered


def test_a_narrow_link_to_the_object_store_delays_segments() -> None:
    """Segments of some kilobytes at a few hundred bytes a second: the lag grows, and everything arrives at last."""
    narrow = Bandwidth(id="narrow", rate=700, sides=(REGIONS, ("objects",)), start=Seconds(10), duration=Seconds(60))
    run, calm = rehearse(drill(narrow)), rehearse(drill())
    assert not verdicts(run)
    worst = [max(lag.summary.most for lag in each.measures.lags) for each in (run, calm)]
    assert worst[0] > worst[1] + 10


def test_what_comes_twice_is_answered_alike_and_stored_once() -> None:
    """Every message twice, and half of them late: the same outcomes as in a calm run, and no invariant minds."""
    twice = Duplication(id="twice", share=1.0, sides=EVERYWHERE, start=Seconds(0), duration=Seconds(90))
    late = Reorder(id="late", share=0.5, by=Seconds(3), sides=EVERYWHERE, start=Seconds(0), duration=Seconds(90))
    run, calm = rehearse(drill(twice, late)), rehearse(drill())
    assert not verdicts(run)
    assert {key: entry.digest for key, entry in run.entries["eu"].items()} == {
        key: entry.digest for key, entry in calm.entries["eu"].items()
    }
    assert run.measures.counts.acknowledged == run.measures.counts.offered


HARMLESS: tuple[Fault, ...] = tuple(
    msgspec.structs.replace(fault, **{fault.severity: min(fault.harmless, MOST)})
    for fault in (
        Duplication(id="x", share=0.5, sides=EVERYWHERE, start=Seconds(10), duration=Seconds(20)),
        Reorder(id="x", share=0.5, sides=EVERYWHERE, start=Seconds(10), duration=Seconds(20)),
        Bandwidth(id="x", rate=100, sides=EVERYWHERE, start=Seconds(10), duration=Seconds(20)),
    )
)


@pytest.mark.parametrize("fault", HARMLESS, ids=lambda fault: fault.kind)
def test_a_harmless_fault_does_nothing(fault: Fault) -> None:
    """With its severity at `harmless` the run is the same as without it, to the last attempt."""
    assert rehearse(drill(fault)).deliveries == rehearse(drill()).deliveries
    assert rehearse(drill(fault)).entries == rehearse(drill()).entries


def test_a_fault_moves_no_luck_but_its_own() -> None:
    """On another pair of places everything is as it would be without the fault."""
    fault = Reorder(id="far", share=0.5, sides=(("us",), ("ap",)), start=Seconds(0), duration=Seconds(90))
    lossy = msgspec.structs.replace(QUICK, default=Path(delay=Seconds(0.02), jitter=Seconds(0.05), loss=0.1))
    with_, without = (rehearse(drill(*faults, network=lossy)) for faults in ((fault,), ()))
    assert with_.deliveries == without.deliveries
    kept = Loss(id="kept", share=0.3, sides=EVERYWHERE, start=Seconds(0), duration=Seconds(90))
    gone = [
        posted(Network(default=Path(loss=0.2)), msgspec.structs.replace(kept, **WHOLE), *more)
        for more in [(), (Duplication(id="more", share=0.5, **WHOLE),)]
    ]
    assert {name for name, _ in gone[0]} == {name for name, _ in gone[1]}


@st.composite
def schedules(draw: st.DrawFn) -> tuple[Fault, ...]:
    """Some faults of links, anywhere in the first hundred seconds."""
    faults: list[Fault] = []
    for index in range(draw(st.integers(1, 4))):
        start = draw(st.floats(0, 60))
        timed: Timed = {
            "id": f"f{index}",
            "start": Seconds(start),
            "duration": Seconds(draw(st.floats(0.1, 40))),
            "sides": draw(sides()),
            "direction": draw(directions),
        }
        share = draw(st.floats(0, 1))
        rate = draw(st.floats(50, 10**5))
        kinds: list[Fault] = [
            Duplication(share=share, **timed),
            Reorder(share=share, by=Seconds(draw(st.floats(0.01, 10))), **timed),
            Bandwidth(rate=rate, **timed),
            Loss(share=share, **timed),
        ]
        faults.append(draw(st.sampled_from(kinds)))
    return tuple(faults)


@given(schedules(), st.integers(0, 1000), st.none() | st.floats(2000, 10**5))
@settings(max_examples=few(20), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_fault_of_a_link_breaks_an_invariant(faults: tuple[Fault, ...], seed: int, bandwidth: float | None) -> None:
    """Whatever wires do to messages, and whenever: no invariant is violated."""
    network = Network(default=Path(delay=Seconds(0.04), jitter=Seconds(0.02), bandwidth=bandwidth))
    run = rehearse(drill(*faults, network=network, duration=300), records(100), seed=seed)
    assert not [row.examples for row in run.results if row.verdict is Verdict.VIOLATED]
    assert all(one <= other for one, other in pairwise(moment.at for moment in run.timeline))
