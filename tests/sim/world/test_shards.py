"""The shards of a store: which serves what, in which order, and what their absence costs."""

from functools import partial

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.model.world import pcs
from tests.support.sim.drills import drill, records, rehearse, verdicts

from flk.model.entries.entry import Key
from flk.model.entries.ring import Ring
from flk.sim.kernel.engine import Simulator, Station
from flk.sim.outcome import Run
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import Fault, ShardCrash, SlowStore
from flk.sim.scenarios.layout import Layout
from flk.sim.scenarios.scenario import Scenario
from flk.sim.world.shards import Lines, Shards
from flk.spec.verdict import Verdict

keys = st.builds(Key, st.sampled_from(["default", "other"]), st.text("0123456789abcdef", min_size=8, max_size=8))
visits = st.lists(st.tuples(st.floats(0, 5), st.floats(0, 2)), max_size=30)


def shards(layout: Layout) -> tuple[Simulator, Shards]:
    """The shards of one region."""
    simulator = Simulator()
    return simulator, Shards(layout, simulator.after)


def crash(
    start: float, duration: float, *, fault: str = "gone", shard: int = 0, everything: bool = False
) -> ShardCrash:
    """A shard of eu without a replica, or without any."""
    return ShardCrash("eu", shard, everything, id=fault, start=Seconds(start), duration=Seconds(duration))


def sharded(*faults: Fault, layout: Layout, rate: float = 20.0) -> Scenario:
    """Regions with stores of several servers, all under load."""
    return msgspec.structs.replace(drill(*faults, rate=rate), layout=layout)


@given(visits)
def test_one_shard_serves_as_one_station_does(visits: list[tuple[float, float]]) -> None:
    """With one server the order and the moments are those of a single line."""
    served: dict[str, list[tuple[int, float]]] = {"lines": [], "station": []}
    simulator, store = shards(Layout())
    lines, station = Lines(store, simulator.after), Station(simulator.after)
    for number, (at, seconds) in enumerate(visits):

        def enter(number: int = number, seconds: float = seconds) -> None:
            lines.visit({store.first: seconds}, lambda _: served["lines"].append((number, simulator.now)))
            station.enter(seconds, lambda: served["station"].append((number, simulator.now)))

        simulator.after(at, enter)
    simulator.run_until(1000, 10**6, lambda: None)
    assert served["lines"] == served["station"]
    assert len(served["lines"]) == len(visits)


@given(st.lists(keys, min_size=1), st.integers(1, 6))
def test_keys_are_on_the_shard_that_the_ring_names(found: list[Key], number: int) -> None:
    """Wherever it is asked, the owner of a key follows from the names of the shards alone (RNG-1)."""
    _, store = shards(Layout(shards=number))
    ring = Ring(f"shard-{n}" for n in range(number))
    assert [store.owner(key) for key in found] == [ring.owner(f"{key.tenant}/{key.pcs_id}") for key in found]


@given(st.dictionaries(st.sampled_from([f"shard-{n}" for n in range(4)]), st.floats(0.1, 9), min_size=1))
def test_parts_are_served_side_by_side(parts: dict[str, float]) -> None:
    """What several shards share is done when the slowest is, and no earlier."""
    simulator, store = shards(Layout(shards=4))
    done: list[float] = []
    Lines(store, simulator.after).visit(parts, lambda _: done.append(simulator.now))
    simulator.run_until(100, 10**6, lambda: None)
    assert done == [max(parts.values())]


@pytest.mark.parametrize(
    ("replicas", "faults", "silent"),
    [
        (1, [crash(10, 20)], [(10, 30)]),
        (2, [crash(10, 20)], [(10, 12)]),
        (2, [crash(10, 1)], [(10, 11)]),
        (3, [crash(10, 20, everything=True)], [(10, 30)]),
        (2, [crash(10, 20), crash(15, 5, fault="both")], [(10, 12), (15, 20)]),
        (3, [crash(10, 20), crash(11, 15, fault="two")], [(10, 13)]),
        (2, [crash(10, 20, shard=1)], []),
    ],
)
def test_a_shard_is_silent_until_a_replica_takes_over(
    replicas: int, faults: list[ShardCrash], silent: list[tuple[float, float]]
) -> None:
    """Without its acting replica it answers again after the takeover, or when that is back; without any, when one is back."""
    simulator, store = shards(Layout(shards=2, replicas=replicas, takeover=Seconds(2)))
    for fault in faults:
        simulator.after(fault.start, partial(store.lose, fault))
        simulator.after(fault.end, partial(store.regain, fault))
    seen: list[float] = []

    def look() -> None:
        if not store.by_name["shard-0"].answers:
            seen.append(simulator.now)

    for tenth in range(400):
        simulator.after(tenth / 10 + 0.05, look)
    simulator.run_until(40, 10**6, lambda: None)
    expected = [tenth / 10 + 0.05 for tenth in range(400) if any(a <= tenth / 10 + 0.05 < b for a, b in silent)]
    assert seen == expected


def test_a_part_that_is_not_served_refuses_the_whole() -> None:
    """Who visits a silent shard and others is told which one, after all have had their time."""
    simulator, store = shards(Layout(shards=3))
    store.lose(crash(0, 9, shard=2))
    told: list[tuple[str, float]] = []
    parts = {"shard-0": 3.0, "shard-2": 1.0}
    Lines(store, simulator.after).visit(parts, lambda silent: told.append((silent, simulator.now)))
    simulator.run_until(100, 10**6, lambda: None)
    assert told == [("shard-2", 3.0)]


def test_slow_stores_multiply_and_are_quick_again() -> None:
    """Two faults at once make it as slow as their product; when both are over nothing is left of them."""
    _, store = shards(Layout())
    slow = [
        SlowStore("eu", factor, id=f"slow-{factor}", start=Seconds(0), duration=Seconds(1)) for factor in (3.0, 0.7)
    ]
    for fault in slow:
        store.slow(fault)
    assert store.factor == pytest.approx(2.1)
    for fault in slow:
        store.quicken(fault)
    assert store.factor == 1.0


def errors(run: Run) -> float:
    """The share of attempts that were answered with 5xx."""
    statuses = run.measures.statuses
    return sum(number for status, number in statuses.items() if status >= 500) / sum(statuses.values())


@pytest.mark.slow
def test_a_shard_that_loses_a_replica_costs_a_moment() -> None:
    """With a replica left, errors stay within one in a hundred and latency within half a second, and nothing is lost."""
    run = rehearse(sharded(crash(20, 30), layout=Layout(shards=4, replicas=2)), records(2000))
    assert not verdicts(run)
    assert 0 < errors(run) <= 0.01
    assert run.measures.latency["acknowledged"].p95 <= 0.5
    assert run.measures.counts.acknowledged == run.measures.counts.offered
    assert run.measures.counts.lost == 0
    found = run.measures.stores["eu"].shards
    assert found["shard-0"].silent > 0
    assert [found[f"shard-{n}"].silent for n in (1, 2, 3)] == [0, 0, 0]
    assert sum(shard.errors for shard in found.values()) == run.measures.statuses[503]


@pytest.mark.slow
def test_a_shard_that_loses_all_replicas_costs_the_time_of_the_fault() -> None:
    """Its region answers 503 to all meanwhile, since the log comes first (ORD-4), and catches up afterwards."""
    run = rehearse(sharded(crash(20, 10, everything=True), layout=Layout(shards=4, replicas=2)), records(2000))
    brief = rehearse(sharded(crash(20, 10), layout=Layout(shards=4, replicas=2)), records(2000))
    assert not verdicts(run)
    assert errors(run) > 5 * errors(brief) > 0
    assert run.measures.counts.acknowledged == run.measures.counts.offered


@pytest.mark.slow
def test_replicas_that_nothing_happens_to_change_nothing() -> None:
    """The random numbers of a run do not depend on how many copies a shard has."""
    runs = [rehearse(sharded(layout=Layout(shards=3, replicas=n), rate=5)) for n in (1, 3)]
    assert runs[0].entries == runs[1].entries
    assert runs[0].events == runs[1].events


@pytest.mark.slow
def test_shards_take_load_off_each_other() -> None:
    """At a rate that one server cannot serve, four can."""
    slow = msgspec.structs.replace(drill().policy, service=Seconds(0.12))
    one, four = (
        rehearse(msgspec.structs.replace(sharded(layout=Layout(shards=n)), policy=slow), records(2000)) for n in (1, 4)
    )
    assert four.measures.latency["acknowledged"].p95 < one.measures.latency["acknowledged"].p95 / 2
    assert four.verdict is Verdict.HOLDS
    assert set(four.measures.stores["eu"].shards) == {f"shard-{n}" for n in range(4)}
    assert not one.measures.stores


@pytest.mark.slow
def test_a_slow_store_is_slow_and_no_more() -> None:
    """Latency rises with the factor, and everything is delivered."""
    slow = SlowStore("eu", 20.0, id="slow", start=Seconds(10), duration=Seconds(40))
    plain, slowed = (rehearse(sharded(*faults, layout=Layout()), records(2000)) for faults in ((), (slow,)))
    assert slowed.measures.latency["200"].p95 > 1.3 * plain.measures.latency["200"].p95
    assert slowed.measures.statuses == plain.measures.statuses
    assert not verdicts(slowed)


def test_claims_keep_their_order_key_by_key() -> None:
    """Shards overtake each other, so what is held is the order of each key; of one server, the order of all (DUP-6)."""
    one, other = (Key("default", pcs(epoch=n).pcs_id) for n in (1, 2))
    _, several = shards(Layout(shards=2))
    _, single = shards(Layout())
    assert several.order(one) != several.order(other)
    assert single.order(one) == single.order(other)
