"""Several nodes to a region: a log each, one store, and whatever goes wrong with some of them (HLC-7, DUP-10)."""

from collections import Counter
from functools import partial
from io import BytesIO
from itertools import takewhile
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.model.world import KEY, KEYRING
from tests.support.sim.drills import drill, prepared, records, rehearse, verdicts

from flk.model.effects import INBOX
from flk.sim.checkers.invariants import OF_NODES, Invariant
from flk.sim.clients.records import Records
from flk.sim.experiments.hunt import SearchSpace, Trial, run_trial
from flk.sim.experiments.run_inputs import synthetic_inputs
from flk.sim.experiments.worlds import RECORDS, Worlds
from flk.sim.nodes.connection import Stream
from flk.sim.outcome import Run
from flk.sim.run_loop import RunLoop, contents_of
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import (
    ClockSkew,
    Direction,
    Disk,
    Equivocation,
    Fault,
    FsyncFailure,
    Latency,
    Loss,
    MachineFault,
    Partition,
    ProcessCrash,
    RegionCrash,
    StoreOutage,
    TornWrite,
)
from flk.sim.scenarios.layout import Audit, Layout, Migration, Tiers
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.script import Ship
from flk.sim.scenarios.validation import validation_errors
from flk.sim.simulate import MessageTier, simulate
from flk.sim.world.events import Claimed


def region_of_three(*faults: Fault, **changes: Any) -> Scenario:
    """The drill of these tests with three nodes to each region."""
    return msgspec.structs.replace(drill(*faults, **changes), layout=Layout(nodes=3))


def when(start: float, duration: float = 20.0) -> dict[str, Any]:
    """A fault at a moment."""
    return {"id": f"f{start:g}", "start": Seconds(start), "duration": Seconds(duration)}


def checked(run: Run) -> Counter[str]:
    """How often each invariant was checked."""
    return Counter({row.invariant: row.checks for row in run.results})


def play(loop: RunLoop) -> RunLoop:
    """The run, when it is over."""
    made = Records(loop.scenario, records(200), KEYRING, KEY, loop.seed)
    loop.play(MessageTier(loop, made, 200), contents_of(records(200)))
    return loop


def played(scenario: Scenario) -> RunLoop:
    """A run that is over, with all its parts."""
    return play(prepared(scenario))


def test_nodes_have_logs_of_their_own_and_one_store() -> None:
    """Each of three nodes logs a third of what its region gets, under a number of its own; what one stored all see."""
    loop = played(region_of_three())
    for region in loop.regions.values():
        logs = [place.disk.log(INBOX) for place in region.places]
        assert logs == [f"{region.name}.{number:06d}" for number in (1, 2, 3)]
        frames = [sum(map(len, map(place.disk.read, place.disk.names(INBOX)))) for place in region.places]
        assert min(frames) > 0.15 * sum(frames)
        assert len({id(place.entries.entries) for place in region.places} | {id(region.entries.entries)}) == 1
        marks = [place.entries.marks["shipped"] for place in region.places]
        assert [mark.partition("/")[0] for mark in marks] == logs


def test_records_go_round_and_a_further_attempt_goes_to_the_next_node() -> None:
    """The first attempts are spread over the nodes, and what one node does not answer is asked of the next."""
    lines = BytesIO()
    fault = ProcessCrash(region="eu", node=1, **when(5, 60))
    run = simulate(region_of_three(fault), records(200), KEYRING, trace=lines)
    assert not verdicts(run)
    asked: Counter[str] = Counter()
    for line in lines.getvalue().splitlines():
        found = msgspec.json.decode(line)
        if found["effect"] == "Append" and found["node"].startswith("eu."):
            asked[found["node"]] += 1
    assert set(asked) == {"eu.1", "eu.2", "eu.3"}
    assert asked["eu.2"] > asked["eu.1"] > 0
    assert all(delivered.settled for delivered in run.deliveries)


@pytest.mark.parametrize("place", [1, 2, 3])
def test_a_region_serves_while_one_of_its_nodes_is_down(place: int) -> None:
    """No agent leaves, since the others answer; what the node had logged is stored when it is back."""
    run = rehearse(region_of_three(ProcessCrash(region="eu", node=place, **when(10, 30))))
    assert not verdicts(run)
    assert not run.measures.recoveries
    assert all(delivered.settled for delivered in run.deliveries)


FAULTS: dict[str, tuple[Fault, ...]] = {
    "power of one node": (RegionCrash(region="eu", node=2, **when(10)),),
    "disk of one node": (RegionCrash(region="eu", node=2, disk=Disk.LOST, **when(13)),),
    "disks of two nodes": (
        RegionCrash(region="eu", node=2, disk=Disk.LOST, **when(13)),
        RegionCrash(region="eu", node=3, disk=Disk.LOST, **when(14)),
    ),
    "the whole region": (RegionCrash(region="eu", **when(10)),),
    "the whole region and its store": (RegionCrash(region="eu", disk=Disk.LOST, **when(10)),),
    "torn write": (TornWrite(region="us", node=1, **when(10)),),
    "failing disk": (FsyncFailure(region="us", node=3, share=0.5, **when(10)),),
    "store away": (StoreOutage(region="eu", **when(10)),),
    "cut from the store": (Partition(sides=(("eu.2",), ("store.eu",)), **when(10)),),
    "no answers from the store": (
        Partition(sides=(("eu.2",), ("store.eu",)), direction=Direction.BACKWARD, **when(10)),
    ),
    "slow and lossy to the store": (
        Latency(sides=(("eu.1",), ("store.eu",)), extra=Seconds(2), **when(10)),
        Loss(sides=(("eu.3",), ("store.eu",)), share=0.2, **when(12)),
    ),
    "clocks apart": (
        ClockSkew(region="eu", node=1, offset=Seconds(30), **when(0, 40)),
        ClockSkew(region="eu", node=3, offset=Seconds(-30), **when(0.5, 40)),
        Equivocation(share=0.3, **when(5, 30)),
    ),
    "cut regions": (Partition(sides=(("eu",), ("us", "ap", "objects")), **when(10)),),
}


@pytest.mark.slow
@pytest.mark.sampled
@pytest.mark.parametrize("name", FAULTS)
def test_the_invariants_hold_whatever_happens_to_some_of_the_nodes(name: str) -> None:
    """A node, its disk, its clock or its way to the store: nothing acknowledged is lost, and the regions come to agree."""
    run = simulate(region_of_three(*FAULTS[name], rate=6.0), records(200), KEYRING, signer=KEY)
    assert not verdicts(run)
    assert all(checked(run)[invariant] > 0 for invariant in (*OF_NODES, Invariant.CONVERGENCE, Invariant.NEVER_LOST))
    common = set.intersection(*map(set, run.entries.values()))
    alone = {region: set(entries) - common for region, entries in run.entries.items()}
    assert bool(alone.pop("eu")) == name.startswith("disk")  # what was stored, and in no log any more
    assert not any(alone.values())


def test_the_disk_of_one_node_does_not_take_the_store_with_it() -> None:
    """Its next log has the next free number, and the region's store has what it had."""
    loop = played(region_of_three(RegionCrash(region="eu", node=2, disk=Disk.LOST, **when(10))))
    eu = loop.regions["eu"]
    assert [place.disk.identity for place in eu.places] == [1, 4, 3]
    assert loop.observers.recorder.losses == []
    assert loop.observers.recorder.gone == set()


def test_a_node_that_cannot_ask_the_store_logs_nothing() -> None:
    """Cut off from the store before it stamps, it refuses with 503 and its log does not grow (HLC-7)."""
    lines = BytesIO()
    cut = Partition(sides=(("eu.2",), ("store.eu",)), **when(10, 30))
    run = simulate(region_of_three(cut), records(200), KEYRING, trace=lines)
    assert not verdicts(run)
    appends = [
        found["result"]
        for found in map(msgspec.json.decode, lines.getvalue().splitlines())
        if found["node"] == "eu.2" and found["effect"] == "Append" and 11 < found["t"] < 39
    ]
    assert appends
    assert all(result.startswith("503") for result in appends)


@pytest.mark.parametrize("part", [{"tiers": Tiers()}, {"migration": Migration(Seconds(5))}, {"audit": Audit()}])
def test_what_several_nodes_cannot_have_is_refused(part: dict[str, Any]) -> None:
    """A store that nodes share has no tiers, no migration and no audit queue here."""
    scenario = msgspec.structs.replace(drill(), layout=Layout(nodes=2, **part))
    assert [error.field for error in validation_errors(scenario)] == ["layout.nodes"]


def test_a_script_and_a_node_that_is_not_there_are_refused() -> None:
    """A script does not say which node; a fault of node 4 of three has no place, nor one of node 1 where there is but one."""
    scripted = msgspec.structs.replace(region_of_three(), script=(Ship(at=Seconds(1), region="eu"),))
    assert [error.field for error in validation_errors(scripted)] == ["layout.nodes"]
    fourth = ProcessCrash(region="eu", node=4, **when(10))
    assert [error.field for error in validation_errors(region_of_three(fourth))] == ["faults[0].node"]
    first = ProcessCrash(region="eu", node=1, **when(10))
    assert [error.field for error in validation_errors(drill(first))] == ["faults[0].node"]
    both = ProcessCrash(region="eu", node=1, **when(10)), RegionCrash(region="eu", node=2, **when(11))
    assert not list(validation_errors(region_of_three(*both)))
    whole = ProcessCrash(region="eu", **when(10)), RegionCrash(region="eu", node=2, **when(11))
    assert [error.field for error in validation_errors(region_of_three(*whole))] == ["faults[1].start"]


def test_one_node_is_what_a_region_had_before() -> None:
    """Where nothing is said of nodes nothing is asked of them, and the scenario has the name that it had."""
    one = msgspec.structs.replace(drill(), layout=Layout(nodes=1))
    assert one == drill()
    assert one.hash == drill().hash != region_of_three().hash
    assert not {row.invariant for row in rehearse(one).results} & OF_NODES


def test_what_a_dead_node_had_sent_is_stored_all_the_same() -> None:
    """A claim that is on its way when its node dies arrives, and takes place."""
    far = Latency(sides=(("eu.2",), ("store.eu",)), direction=Direction.FORWARD, extra=Seconds(1), **when(5))
    loop = prepared(region_of_three(far, ProcessCrash(region="eu", node=2, **when(9)), rate=8.0))
    claimed: list[float] = []
    loop.world.observer.handle(
        Claimed, lambda event: claimed.append(loop.simulator.now) if event.node == "eu.2" else None
    )
    play(loop)
    assert [at for at in claimed if 9 < at < 11]


@given(st.lists(st.integers(0, 7)))
def test_a_connection_keeps_the_order_and_ends_at_what_is_lost(arrivals: list[int]) -> None:
    """Whatever arrives when, and however often: the store takes up each request once, in order, and none behind a lost one."""
    stream, taken = Stream(), list[int]()
    for number in arrivals:
        stream.arrive(number, partial(taken.append, number))
    there = set(arrivals)
    assert taken == list(takewhile(there.__contains__, range(8)))


@pytest.mark.sampled
def test_a_claim_that_reached_the_store_is_stored_though_its_node_never_hears_of_it() -> None:
    """The answers of the store are lost: clients are told 503, the entries are there, and recovery finds them as they are."""
    way = ("eu.2",), ("store.eu",)
    far = Latency(sides=way, direction=Direction.FORWARD, extra=Seconds(1), **when(5, 20))
    deaf = Partition(sides=way, direction=Direction.BACKWARD, **when(9, 16))
    lines = BytesIO()
    run = simulate(region_of_three(far, deaf, rate=8.0), records(200), KEYRING, trace=lines)
    assert not verdicts(run)
    found = [msgspec.json.decode(line) for line in lines.getvalue().splitlines()]
    unanswered = [
        one for one in found if one["node"] == "eu.2" and one["effect"] == "Store" and one["result"][:3] == "503"
    ]
    assert unanswered
    assert any(one["node"] == "eu.2" and one["program"].startswith("recover 1.") and one["t"] > 20 for one in found)


@pytest.mark.parametrize("seed", [265])  # a mark of a dead node arrived after its disk was lost
def test_a_world_that_accused_a_correct_node(seed: int) -> None:
    """Hunts draw worlds of several nodes, with faults of single ones; what was a false alarm stays mended."""
    space = SearchSpace(synthetic_inputs(RECORDS), worlds=Worlds(3))
    scenario = space.scenario(seed)
    assert scenario.layout.nodes == 3
    assert any(isinstance(fault, MachineFault) and fault.node is not None for fault in scenario.faults)
    assert run_trial(space, Trial(seed)).violated == ()
