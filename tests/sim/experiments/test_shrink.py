"""Shrinking: what is left is needed, on made-up predicates and on real runs."""

from collections.abc import Callable, Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.sim.drills import drill
from tests.support.sim.target import IGNORED_STORE_ERROR

from flk.sim.experiments.hunt import SearchSpace, hunt
from flk.sim.experiments.minimise import ddmin, lessen
from flk.sim.experiments.rows import violated
from flk.sim.experiments.run_inputs import RunInputs, Task, execute, synthetic_inputs
from flk.sim.experiments.shrink import Search, shrink, simpler
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import (
    Bandwidth,
    Direction,
    Disk,
    Fault,
    Latency,
    Loss,
    ObjectStoreOutage,
    Partition,
    RegionCrash,
    SlowStore,
    StoreOutage,
)
from flk.sim.scenarios.files import find
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.script import Ship, Submit
from flk.sim.scenarios.validation import validation_errors
from flk.spec.constants import CONSTANTS
from flk.spec.errors import UnusableInput


@given(st.integers(0, 24), st.data())
def test_ddmin_leaves_a_part_of_which_nothing_can_go(size: int, data: st.DataObject) -> None:
    """Whatever the predicate, monotone or not: the part holds, and without any one element it does not."""
    elements = tuple(range(size))
    needed = [data.draw(st.frozensets(st.sampled_from(elements), max_size=4)) for _ in range(2)] if size else []
    hidden = data.draw(st.frozensets(st.sampled_from(elements), max_size=2)) if size else frozenset[int]()
    asked: list[tuple[int, ...]] = []

    def holds(part: tuple[int, ...]) -> bool:
        asked.append(part)
        found = any(need <= set(part) for need in needed) and not (hidden and hidden <= set(part))
        return found or len(part) == size

    kept = ddmin(elements, holds)
    assert holds(kept)
    assert not any(holds(tuple(e for e in kept if e != gone)) for gone in kept)
    assert list(kept) == sorted(kept)
    once = asked[: -1 - len(kept)]
    assert len(once) == len(set(once))


def test_ddmin_finds_few_among_many_in_few_questions() -> None:
    """Three faults of two hundred, in as many questions as is known of the algorithm."""
    asked = 0

    def holds(part: Sequence[int]) -> bool:
        nonlocal asked
        asked += 1
        return {3, 77, 154} <= set(part)

    assert ddmin(range(200), holds) == (3, 77, 154)
    assert asked <= 120


@given(st.floats(0.01, 1e6), st.floats(0, 1), st.booleans())
def test_a_number_is_lessened_to_where_it_matters(value: float, share: float, upwards: bool) -> None:
    """With a threshold between harmless and the value, what is left holds, and lies within a tenth of the threshold."""
    harmless = 2 * value + 1 if upwards else 0.0
    threshold = harmless + (value - harmless) * share

    def holds(number: float) -> bool:
        return number <= threshold if upwards else number >= threshold

    found = lessen(value, harmless, holds)
    assert holds(found) or found == value
    rounding = 0.01 * max(value, harmless)  # to three digits
    assert abs(found - threshold) <= max(0.012, 0.12 * abs(found - harmless)) + rounding


def test_a_number_whose_harmless_value_is_infinite_is_doubled() -> None:
    """As a bandwidth is: as long as it still fails."""
    assert lessen(100.0, float("inf"), lambda rate: rate < 1000) == 800.0


def test_a_number_is_not_doubled_beyond_what_a_scenario_may_have() -> None:
    """A rate that fails however high it is asks about no scenario that would be refused."""
    most = CONSTANTS.scenario.max_number
    assert most / 2 < lessen(most / 1000, float("inf"), lambda rate: rate <= most or pytest.fail("refused")) <= most


def faults(*kept: Fault) -> tuple[Fault, ...]:
    """Some faults among many others."""
    sides = (("eu", "us"), ("ap", "objects"))
    noise: list[Fault] = [
        Latency(id=f"n{n}", start=Seconds(5 * n), duration=Seconds(4), sides=sides, extra=Seconds(1)) for n in range(9)
    ]
    return (*noise[:4], *kept, *noise[4:])


CUT = Partition(
    id="cut", start=Seconds(20), duration=Seconds(16), sides=(("eu", "clients.eu"), ("us", "ap", "objects"))
)
SLOW = SlowStore(id="slow", start=Seconds(30), duration=Seconds(20), region="us", factor=100.0)
NARROW = Bandwidth(id="narrow", start=Seconds(30), duration=Seconds(20), sides=(("eu",), ("us",)), rate=100.0)


def by_id(scenario: Scenario) -> dict[str, Fault]:
    """The faults of a scenario by their ids."""
    return {fault.id: fault for fault in scenario.faults}


def needs_all(scenario: Scenario) -> bool:
    """A made-up bug: eu cut off from the objects for two seconds, us thirty times as slow, and a wire below 900 bytes/s."""
    found = by_id(scenario)
    cut, slow, narrow = found.get("cut"), found.get("slow"), found.get("narrow")
    return (
        isinstance(cut, Partition)
        and "eu" in cut.sides[0]
        and "objects" in cut.sides[1]
        and cut.duration >= 2
        and cut.direction is not Direction.BACKWARD
        and isinstance(slow, SlowStore)
        and slow.factor >= 30
        and isinstance(narrow, Bandwidth)
        and narrow.rate < 900
    )


def test_a_schedule_is_shrunk_to_what_the_bug_needs() -> None:
    """Of twelve faults three are left, of few places, one direction, weak and short; not one of them can go."""
    search = Search(drill(*faults(CUT, SLOW, NARROW)), needs_all)
    least = search.least_of_all()
    found = by_id(least)
    assert found.keys() == {"cut", "slow", "narrow"}
    cut, slow, narrow = found["cut"], found["slow"], found["narrow"]
    assert isinstance(cut, Partition)
    assert cut.sides == (("eu",), ("objects",))
    assert cut.direction is Direction.FORWARD
    assert 2 <= cut.duration < 2.5
    assert isinstance(slow, SlowStore)
    assert 30 <= slow.factor < 42
    assert isinstance(narrow, Bandwidth)
    assert 450 <= narrow.rate < 900
    assert not any(validation_errors(least))
    for fault in least.faults:
        assert not needs_all(msgspec.structs.replace(least, faults=tuple(f for f in least.faults if f != fault)))
    assert search.replays < 250
    assert Search(least, needs_all).least_of_all() == least  # nothing more can be done
    assert Search(drill(*faults(CUT, SLOW, NARROW)), needs_all).least_of_all() == least


def test_a_limit_ends_the_search_early() -> None:
    """What was reached by then still fails."""
    search = Search(drill(*faults(CUT, SLOW, NARROW)), needs_all, limit=10)
    assert needs_all(search.least_of_all())
    assert search.replays == 10


@pytest.mark.parametrize(
    ("fails", "check"),
    [
        (lambda s: len(s.regions) >= 2, lambda s: len(s.regions) == 2 and sum(s.workload.agents.values()) > 0),
        (lambda s: s.duration >= 40, lambda s: 40 <= s.duration <= 45),
        (lambda s: (s.workload.until or 0) >= 10, lambda s: 10 <= s.workload.until <= 11.5),
        (lambda s: True, lambda s: s.workload.duplicates == 0 and not s.faults),
    ],
)
def test_the_run_itself_becomes_smaller(fails: Callable[[Scenario], bool], check: Callable[[Scenario], bool]) -> None:
    """Fewer regions, less time, fewer records, nothing that is not needed."""
    assert check(Search(drill(CUT), fails).least_of_all())


def test_acts_of_a_script_are_taken_away_too() -> None:
    """Only those are left that the bug needs."""
    acts = [Submit(at=Seconds(number), region="eu", record=number) for number in range(8)]
    script = (*acts, Ship(at=Seconds(9), region="eu"))
    scripted = msgspec.structs.replace(drill(), script=script)
    least = Search(scripted, lambda s: acts[3] in s.script and script[-1] in s.script).least_of_all()
    assert least.script == (acts[3], script[-1])


def test_forms_that_say_less() -> None:
    """A disk that is kept, one direction, one place less at a time; a fault that is simple has no simpler form."""
    at, long = Seconds(1), Seconds(1)
    burnt = RegionCrash(id="a", start=at, duration=long, region="eu", disk=Disk.LOST)
    assert [fault.disk for fault in simpler(burnt) if isinstance(fault, RegionCrash)] == [Disk.KEPT]
    cut = Partition(id="b", start=at, duration=long, sides=(("eu", "us"), ("ap",)))
    forms = [(f.sides, f.direction) for f in simpler(cut) if isinstance(f, Partition)]
    assert forms == [
        ((("us",), ("ap",)), Direction.BOTH),
        ((("eu",), ("ap",)), Direction.BOTH),
        (cut.sides, Direction.FORWARD),
        (cut.sides, Direction.BACKWARD),
    ]
    assert not list(simpler(ObjectStoreOutage(id="c", start=at, duration=long)))
    one_way = Loss(id="d", start=at, duration=long, sides=(("eu",), ("us",)), direction=Direction.FORWARD, share=0.5)
    assert not list(simpler(one_way))


@pytest.fixture(scope="module")
def counterexample() -> tuple[RunInputs, Scenario, int]:
    """A run in which a node answers although its store could not keep what it says. A migration needs no fault for that: its store
    refuses what goes on from one phase to the next.
    """
    inputs = synthetic_inputs(60, IGNORED_STORE_ERROR)
    space = SearchSpace(inputs, kinds=(StoreOutage, Partition, Latency, RegionCrash, Loss))
    seeds = [seed for seed in range(1, 100) if space.scenario(seed).layout.migration is None]
    found = hunt(space, seeds, workers=1).counterexample
    assert found is not None
    return inputs, space.scenario(found.seed), found.seed


@pytest.mark.slow
def test_a_real_run_is_shrunk_to_the_fault_that_matters(counterexample: tuple[RunInputs, Scenario, int]) -> None:
    """The store must fail, and nothing else need; the run is shorter, violates the same invariant, and has the stated digest."""
    inputs, scenario, seed = counterexample
    found = shrink(inputs, scenario, seed)
    assert any(isinstance(fault, StoreOutage) for fault in found.scenario.faults)
    assert len(found.scenario.faults) <= 2
    assert found.scenario.duration < scenario.duration
    assert len(found.scenario.regions) <= len(scenario.regions)
    run = execute(inputs, Task(found.scenario, seed))
    assert run.digest == found.digest
    assert found.invariant in violated(run)
    assert found.invariant == violated(execute(inputs, Task(scenario, seed)))[0]
    for fault in found.scenario.faults:
        without = tuple(other for other in found.scenario.faults if other != fault)
        rest = execute(inputs, Task(msgspec.structs.replace(found.scenario, faults=without), seed))
        assert found.invariant not in violated(rest)


@pytest.mark.slow
def test_shrinking_repeats(counterexample: tuple[RunInputs, Scenario, int]) -> None:
    """The same run is shrunk to the same, in as many replays, each reported once."""
    reported: list[int] = []
    one = shrink(*counterexample, on_replay=lambda number, _: reported.append(number))
    assert shrink(*counterexample) == one
    assert reported == list(range(2, one.replays + 1))


def test_a_run_without_a_violation_is_not_shrunk() -> None:
    """There is nothing to hold on to."""
    with pytest.raises(UnusableInput, match="nothing to shrink"):
        shrink(synthetic_inputs(20), drill(duration=30, until=5), 1)
    assert find("calm").faults == ()
