"""The vector tier: the same moments as the message tier for every request and every control event, or a refusal with its reason."""

import subprocess
import sys
from collections import deque
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import Phase, event, given, settings
from hypothesis import strategies as st
from tests.impl.command.test_run_command import flk
from tests.support.effort import few
from tests.support.model.world import KEYRING
from tests.support.sim.drills import QUICK, REGIONS, drill, records

from flk.sim.kernel.random_streams import RandomStream, exponential
from flk.sim.run_loop import Progress
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import (
    Bandwidth,
    Burst,
    ClockJump,
    ClockSkew,
    DiskStall,
    Duplication,
    Fault,
    Forgery,
    Latency,
    Loss,
    ObjectLoss,
    ObjectStoreOutage,
    ObjectStoreThrottle,
    Partition,
    RegionCrash,
    Reorder,
    SlowDisk,
    SlowStore,
    StoreOutage,
)
from flk.sim.scenarios.hypotheses import Sometimes
from flk.sim.scenarios.layout import Layout
from flk.sim.scenarios.policy import Policy
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.script import Ship
from flk.sim.scenarios.topology import Link, Network
from flk.sim.scenarios.topology import Path as Way
from flk.sim.scenarios.workload import Turn
from flk.sim.vector import bench, columns, jitted, streams
from flk.sim.vector.bookkeeping import Bookkeeping
from flk.sim.vector.compare import compare
from flk.sim.vector.kernels import Kernels, chosen
from flk.sim.vector.native import Native
from flk.sim.vector.plan import Column, NotExact, reasons
from flk.sim.vector.request_arrays import Segment
from flk.sim.vector.run import VectorRun, run
from flk.spec.constants import CONSTANTS
from flk.spec.toolchain import compiler
from flk.spec.verdict import Verdict

S = Seconds
TOLERANCE = 1e-9  # seconds
POLICY = Policy(ship_interval=S(5), replay_interval=S(5), divergence_interval=S(10), agent_fsync=S(0))
CLIENTS, OBJECTS = (("clients.eu",), ("eu",)), (("eu",), ("us", "objects"))
SUBMISSIONS = records(3000)
WORLD = Network(
    default=Way(delay=S(0.02), jitter=S(0.01)),
    links=(
        Link(between=("clients.us", "us"), delay=S(0.004), jitter=S(0)),
        Link(between=("eu", "objects"), delay=S(0.09), jitter=S(0.03), loss=0.02, duplication=0.1),
    ),
)
TIMES: dict[str, Any] = {"start": S(12), "duration": S(9)}
PRIMITIVES: tuple[Fault, ...] = (
    Burst(id="rush", factor=6, **TIMES),
    Burst(id="lull", factor=0.2, **TIMES),
    SlowDisk(id="slow-disk", region="eu", factor=20, **TIMES),
    DiskStall(id="stall", region="us", **TIMES),
    SlowStore(id="slow-store", region="eu", factor=8, **TIMES),
    Latency(id="far", sides=CLIENTS, extra=S(0.7), **TIMES),
    Partition(id="cut", sides=OBJECTS, **TIMES),
    Loss(id="lossy", sides=OBJECTS, share=0.5, **TIMES),
    Reorder(id="overtaken", sides=OBJECTS, share=0.5, by=S(2), **TIMES),
    Duplication(id="twice", sides=OBJECTS, share=0.5, **TIMES),
    ObjectStoreOutage(id="objects-out", **TIMES),
    ObjectStoreThrottle(id="throttled", rate=0.5, **TIMES),
    ObjectLoss(id="lost", region="eu", share=0.5, **TIMES),
    ClockSkew(id="skewed", region="eu", offset=S(40), **TIMES),
    ClockJump(id="jumped", region="us", offset=S(5), **TIMES),
)


def plain(
    *faults: Fault, rate: float = 40, policy: Policy = POLICY, network: Network = WORLD, quiet: float = 1
) -> Scenario:
    """Three regions whose first requests come after their nodes have recovered."""
    found = drill(*faults, rate=rate, policy=policy, network=network, duration=50, until=30)
    curve = (Turn(S(0), 0.0), Turn(S(quiet), 0.0), Turn(S(quiet + 0.001), 1.0))
    return msgspec.structs.replace(found, workload=msgspec.structs.replace(found.workload, curve=curve))


def altered(scenario: Scenario, **changes: object) -> Scenario:
    """The scenario, but for some fields."""
    return msgspec.structs.replace(scenario, **changes)


@pytest.mark.slow
@pytest.mark.sampled
@pytest.mark.parametrize("fault", PRIMITIVES, ids=lambda fault: fault.id)
def test_the_tiers_agree_on_each_primitive(fault: Fault) -> None:
    """A thousand requests under one fault: every moment of every request, every control event and the lags are the same."""
    found = compare(plain(fault), SUBMISSIONS, KEYRING, 1)
    assert found.moments > 2000
    assert found.most <= TOLERANCE


@pytest.mark.slow
def test_the_tiers_agree_on_everything_at_once() -> None:
    """So they do under all the faults together, while the store is nearly saturated."""
    policy = msgspec.structs.replace(POLICY, service=S(0.02), merge=S(0.005))
    found = compare(plain(*PRIMITIVES, policy=policy), SUBMISSIONS, KEYRING, 2)
    assert found.moments > 3000
    assert found.most <= TOLERANCE


@pytest.mark.slow
def test_the_tiers_agree_on_the_scenario_of_the_bench() -> None:
    """Fifty faults, at a rate at which a synchronisation covers many frames."""
    found = compare(bench.scenario(4000), records(5000), KEYRING, 3)
    assert found.moments > 9000
    assert found.most <= TOLERANCE


def test_the_tiers_agree_when_records_run_out() -> None:
    """With few records, nobody is given anything after the last of them, in everyday traffic or in a burst."""
    found = compare(plain(PRIMITIVES[0]), SUBMISSIONS[:150], KEYRING, 4)
    assert 450 <= found.moments < 1500
    assert found.most <= TOLERANCE


def test_a_difference_is_seen() -> None:
    """Another seed lies far apart: the comparison is not blind."""
    assert compare(plain(), SUBMISSIONS, KEYRING, 1).most <= TOLERANCE
    mine, theirs = (run(plain(), seed, records=3000) for seed in (1, 2))
    assert mine.digest != theirs.digest


spans = st.floats(0.1, 15).map(Seconds)
regions = st.sampled_from(REGIONS)
far = st.sampled_from([(("eu",), ("objects",)), (("us", "ap"), ("objects",)), (("eu",), ("us", "ap"))])
near = regions.map(lambda region: ((f"clients.{region}",), (region,)))
delays = st.floats(0.001, 0.05).map(Seconds)


@st.composite
def exact_faults(draw: st.DrawFn, identity: str) -> Fault:
    """A fault that the vector tier follows."""
    times = {"id": identity, "start": Seconds(draw(st.floats(1, 30))), "duration": draw(spans)}
    given_ = {name: st.just(value) for name, value in times.items()}
    kinds: list[st.SearchStrategy[Fault]] = [
        st.builds(Burst, factor=st.floats(0.1, 5), **given_),
        st.builds(SlowDisk, region=regions, factor=st.floats(0.2, 30), **given_),
        st.builds(DiskStall, region=regions, **given_),
        st.builds(SlowStore, region=regions, factor=st.floats(0.2, 10), **given_),
        st.builds(Latency, sides=near | far, extra=st.floats(0, 0.9).map(Seconds), **given_),
        st.builds(Partition, sides=far, **given_),
        st.builds(Loss, sides=far, share=st.floats(0, 1), **given_),
        st.builds(ObjectStoreOutage, **given_),
        st.builds(ObjectStoreThrottle, rate=st.floats(0.05, 5), **given_),
    ]
    return draw(st.one_of(kinds))


@st.composite
def exact_scenarios(draw: st.DrawFn) -> Scenario:
    """A scenario of the class, if its requests stay within it."""
    faults = [draw(exact_faults(f"f{number}")) for number in range(draw(st.integers(0, 5)))]
    policy = Policy(
        ship_interval=draw(st.floats(1, 10).map(Seconds)),
        replay_interval=draw(st.floats(1, 10).map(Seconds)),
        divergence_interval=draw(st.floats(2, 20).map(Seconds)),
        fsync=draw(st.floats(0, 0.1).map(Seconds)),
        agent_fsync=S(0),
        service=draw(st.floats(0, 0.05).map(Seconds)),
        merge=draw(st.floats(1e-6, 0.02).map(Seconds)),
    )
    network = Network(default=Way(delay=draw(delays), jitter=draw(delays), loss=0, duplication=0))
    return plain(*faults, rate=draw(st.floats(1, 12)), policy=policy, network=network, quiet=3)


@pytest.mark.slow
@settings(
    max_examples=few(20), deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate)
)  # to shrink takes minutes
@given(exact_scenarios(), st.integers(0, 2**32))
def test_the_tiers_agree_on_whatever_is_not_refused(scenario: Scenario, seed: int) -> None:
    """Any scenario of the class, any seed: the same moments, unless the vector tier says why not."""
    try:
        found = compare(scenario, SUBMISSIONS, KEYRING, seed)
    except NotExact as refusal:
        event(f"refused: {str(refusal).rpartition('; ')[2]}")
    else:
        assert found.most <= TOLERANCE
        event("compared")


# Refusals.

PLAIN = plain()
IN_THE_WAY: dict[str, Scenario] = {
    "policy.agent_fsync": plain(policy=msgspec.structs.replace(POLICY, agent_fsync=S(0.004))),
    "policy.merge": plain(policy=msgspec.structs.replace(POLICY, merge=S(0))),
    "policy.pressure": plain(policy=msgspec.structs.replace(POLICY, pressure=CONSTANTS.pressure)),
    "policy.breaker": plain(policy=msgspec.structs.replace(POLICY, breaker=CONSTANTS.breaker)),
    "leave out layout": altered(PLAIN, layout=Layout(shards=2)),
    "workload.recorded": altered(PLAIN, workload=msgspec.structs.replace(PLAIN.workload, recorded="log.csv")),
    "workload.tenants": altered(PLAIN, workload=msgspec.structs.replace(PLAIN.workload, tenants={"a": 1.0, "b": 1.0})),
    "leave out script": altered(PLAIN, script=(Ship(at=S(1), region="eu"),)),
    "leave out design": altered(PLAIN, design="local-arrival"),
    "leave out hypotheses": altered(PLAIN, hypotheses=(Sometimes(mark="duplicate"),)),
    "out of network": plain(network=Network(default=Way(bandwidth=1e6))),
    "may be lost": plain(Partition(id="cut", sides=CLIENTS, **TIMES)),
    "may be repeated": plain(Duplication(id="twice", sides=CLIENTS, share=0.1, **TIMES)),
    "may be held back": plain(Reorder(id="late", sides=CLIENTS, share=0.1, **TIMES)),
    "'crash' (region_crash)": plain(RegionCrash(id="crash", region="eu", **TIMES)),
    "'down' (store_outage)": plain(StoreOutage(id="down", region="eu", **TIMES)),
    "'forged' (forgery)": plain(Forgery(id="forged", share=0.1, **TIMES)),
    "'thin' (bandwidth)": plain(Bandwidth(id="thin", sides=OBJECTS, rate=1e6, **TIMES)),
}


@pytest.mark.parametrize("why", IN_THE_WAY)
def test_what_cannot_be_exact_is_refused_with_the_reason(why: str) -> None:
    """Each thing that the tier cannot follow is named, alone, before anything runs."""
    said = set(reasons(IN_THE_WAY[why]))
    assert any(why in reason for reason in said)
    assert all(why in reason or "sent again" in reason for reason in said)
    with pytest.raises(NotExact, match="needs the message tier"):
        run(IN_THE_WAY[why])


FULL = msgspec.structs.replace(POLICY, max_in_flight=3, service=S(0.1))
SMALL = msgspec.structs.replace(POLICY, segment_bytes=50_000)
LATE = DiskStall(id="stall", start=S(5), duration=S(35), region="us")
UNSEEN = Latency(id="far", start=S(5), duration=S(40), sides=CLIENTS, extra=S(3))
NEVER = msgspec.structs.replace(POLICY, retry=msgspec.structs.replace(POLICY.retry, timeout_seconds=5))
SCREENED: dict[str, Scenario] = {
    "before its node has recovered": plain(quiet=0.01),
    "turn a request away": plain(policy=FULL),
    "may be full with": plain(policy=SMALL),
    "would have sent the request again": plain(LATE),
    "took .* would have sent": plain(DiskStall(id="stall", start=S(20), duration=S(30), region="us"), policy=NEVER),
    "leaves eu": plain(
        UNSEEN,
        policy=msgspec.structs.replace(POLICY, failover=msgspec.structs.replace(POLICY.failover, probe_failures=1)),
    ),
}


@pytest.mark.parametrize("why", SCREENED)
def test_every_request_is_screened(why: str) -> None:
    """What only shows while requests go through is refused as soon as one of them meets it."""
    assert not list(reasons(SCREENED[why]))
    with pytest.raises(NotExact, match=why):
        run(SCREENED[why])


# The kernels against plain code.


class Slow:
    """One request after another through a group commit and a line, by hand."""

    def __init__(self, arrived: list[float], services: list[float], synchronisations: list[float]) -> None:
        self.logged: list[float] = []
        self.claimed: list[float] = []
        waiting = deque(zip(arrived, services, strict=True))
        seconds = iter(synchronisations)
        disk, store = 0.0, 0.0
        while waiting:
            begun = max(disk, waiting[0][0])
            batch = []
            while waiting and waiting[0][0] <= begun:
                batch.append(waiting.popleft())
            disk = begun + next(seconds)
            for _, service in batch:
                store = max(store, disk) + service
                self.logged.append(disk)
                self.claimed.append(store)


moments = st.lists(st.floats(0, 3), min_size=1, max_size=60).map(sorted)


@cache
def compiled(language: str) -> Kernels:
    """The kernels in C or for Numba."""
    if language == "Numba":
        return jitted
    found = compiler()
    assert found is not None
    return Native(found)


in_both = pytest.mark.parametrize("language", ["C", "Numba"])


@pytest.mark.slow
@in_both
@settings(deadline=None)  # Numba may compile
@given(moments, st.integers(0, 2**32), st.lists(st.floats(0, 6), max_size=5))
def test_the_kernel_does_what_plain_code_does(
    language: str, arrived: list[float], seed: int, stops: list[float]
) -> None:
    """However often it stops on the way, it logs and claims every request when the plain code does."""
    rng = np.random.default_rng(seed)
    size = len(arrived)
    services, draws, answers = rng.standard_exponential((3, size))
    rows = np.array([arrived, np.subtract(arrived, 0.01), services, answers, np.arange(size)])
    state, done, _ = driven(compiled(language), rows, draws, sorted([*stops, np.inf]))
    slow = Slow(arrived, (0.1 * services).tolist(), (0.2 * (1 + draws) / 2).tolist())
    assert np.array_equal(done[columns.DONE_NAME], np.arange(size))
    assert np.allclose(done[columns.DONE_LOGGED], slow.logged, rtol=0, atol=1e-12)
    assert np.allclose(done[columns.DONE_CLAIMED], slow.claimed, rtol=0, atol=1e-12)
    assert np.allclose(done[columns.DONE_OVER], np.array(slow.claimed) + 0.03 + 0.02 * answers, rtol=0, atol=1e-12)
    assert state["undurable"] == state["unordered"] == state["unclaimed"] == 0
    assert state["logged"] == state["segment"] == size


def driven(
    kernels: Kernels, rows: Column, draws: Column, stops: list[float], *, moving: bool = True
) -> tuple[np.void, Column, columns.Integers]:
    """A state advanced from stop to stop, what is known of its requests in the end, and how many latencies are in each bin. If not
    `moving`, nothing takes time but the way to the node.
    """
    states = np.zeros(1, dtype=columns.STATE)
    state = states[0]
    state["pace"], state["known"] = 1.0, rows.shape[1]
    state["fsync"], state["service"] = (0.2, 0.1) if moving else (0.0, 0.0)
    state["full"] = state["pending"] = np.inf
    done, counts = np.empty((columns.COLUMNS, rows.shape[1])), np.zeros(1000, dtype=np.int64)
    turns, delays = np.array([-np.inf, np.inf]), np.array([0.03 if moving else 0.0])
    latencies = np.zeros(columns.BINS, dtype=np.int64)
    for stop in stops:
        kernels.advance(
            states,
            stop,
            900.0,
            rows,
            draws,
            turns,
            delays,
            0.02,
            np.full(99, -np.inf),
            latencies,
            counts,
            counts.copy(),
            done,
        )
    assert latencies.sum() == counts.sum() == state["answered"]
    return state, done, latencies


@in_both
def test_the_kernel_counts_what_breaks_an_invariant(language: str) -> None:
    """A service that goes back in time breaks the order of claims; an answer that does is given before its claim."""
    rows = np.array([[1.0, 1.1, 1.2], [0.9, 1.0, 1.1], [1.0, -8.0, 1.0], [1.0, 1.0, -9.0], [0.0, 1.0, 2.0]])
    state, _, _ = driven(compiled(language), rows, np.ones(3), [np.inf])
    assert state["unordered"] == 1
    assert state["unclaimed"] == 2


Outcome = list[np.ndarray[Any, Any]]


def worked(kernels: Kernels, seed: int) -> Outcome:
    """What the kernels make of random requests: dealt to regions, put in order, and advanced under changing conditions."""
    rng = np.random.default_rng(seed)
    count, regions, room = int(rng.integers(1, 400)), int(rng.integers(1, 4)), 500
    corners = int(rng.integers(2, 9))
    known, values = np.cumsum(rng.exponential(size=(2, corners)), axis=1) - [[5.0], [0.0]]
    moments = np.sort(rng.uniform(known[0], known[-1], count))
    kernels.interpolate(moments, known, values)
    turns = np.pad(
        np.sort(rng.uniform(0, 5, (regions, 3))), ((0, 0), (1, 1)), constant_values=((0, 0), (-np.inf, np.inf))
    )
    delays, jitters = rng.exponential(size=(regions, 4)), rng.exponential(size=regions)
    dealt, sizes = np.zeros((regions, columns.COLUMNS, room)), rng.integers(0, 9, regions)
    agent, kept, homes = rng.random(count), rng.random(count) < 0.9, rng.integers(0, regions, 7)
    request, service, answer = rng.exponential(size=(3, count))
    kernels.deal(
        moments,
        agent,
        request,
        service,
        answer,
        kept,
        2.0**40,
        homes,
        turns,
        delays,
        jitters,
        dealt,
        sizes,
    )
    found: Outcome = [moments, dealt, sizes]
    for region in range(regions):
        rows = np.zeros((columns.COLUMNS, int(rng.integers(sizes[region], room))))
        kernels.gather(np.argsort(dealt[region, columns.ARRIVED, : sizes[region]]), dealt[region], rows)
        found += [rows, *_advanced(kernels, rng, rows, int(sizes[region]), turns[region], delays[region])]
    return found


def _advanced(
    kernels: Kernels, rng: np.random.Generator, rows: Column, size: int, turns: Column, delays: Column
) -> Outcome:
    states = np.zeros(1, dtype=columns.STATE)
    state, end = states[0], float(rng.uniform(0, 60))
    state["known"], state["full"], state["pending"] = size, np.inf, np.inf
    claims, latencies = np.full(int(rng.integers(1, 20)), -np.inf), np.zeros(columns.BINS, dtype=np.int64)
    answers, claimed = np.zeros((2, 61), dtype=np.int64)
    done = np.zeros((columns.COLUMNS, rng.choice([0, rows.shape[1]])))
    statuses = []
    for stop in [*np.sort(rng.uniform(0, 60, 6)), np.inf]:
        state["draws"], state["held"], state["pace"] = 0, rng.random() < 0.1, rng.choice([0.0, 0.3, 1.0])
        state["fsync"], state["service"] = rng.exponential(0.1, 2)
        drawn, jitter = rng.exponential(size=int(rng.integers(0, 40))), float(rng.exponential())
        statuses.append(
            kernels.advance(
                states, stop, end, rows, drawn, turns, delays, jitter, claims, latencies, answers, claimed, done
            )
        )
    return [states, claims, latencies, answers, claimed, done, np.array(statuses)]


@pytest.mark.slow
@settings(deadline=None)
@given(st.integers(0, 2**32))
def test_the_kernels_agree_to_the_last_bit(seed: int) -> None:
    """Whatever is done in C is done alike by Numba: every column, every count, every field of the state."""
    mine, theirs = (worked(compiled(language), seed) for language in ("C", "Numba"))
    assert [one.tobytes() for one in mine] == [one.tobytes() for one in theirs]


def test_without_a_compiler_numba_does_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run whose kernels are Numba's has the moments of one whose kernels are in C."""
    scenario = plain(*PRIMITIVES)
    mine = run(scenario, keep=True)
    chosen.cache_clear()
    monkeypatch.setattr("flk.sim.vector.kernels.compiler", lambda: None)
    try:
        assert chosen() is jitted
        theirs = run(scenario, keep=True)
    finally:
        chosen.cache_clear()
    assert theirs.digest == mine.digest
    assert theirs.latency == mine.latency
    for region in REGIONS:
        assert np.array_equal(theirs.requests[region].answered, mine.requests[region].answered)


def test_the_bookkeeping_sees_gaps_and_haste() -> None:
    """A segment shipped before the one before it, merged before it is shipped, or sealed with claims open, is a violation."""
    bookkeeping = Bookkeeping(("eu", "us"))
    bookkeeping.seal("eu", "eu.000001/1", Segment(3, 1.0, 1.0), 2.0, 1.5)
    bookkeeping.seal("eu", "eu.000001/2", Segment(3, 2.0, 2.0), 3.0, 3.5)
    bookkeeping.upload("eu.000001/2", 4.0)
    bookkeeping.apply("eu.000001/1", "us", 5.0)
    assert [(row.checks, row.violations) for row in bookkeeping.checked()] == [(2, 1), (1, 1), (1, 1)]


@in_both
def test_exponential_numbers_are_those_of_the_message_tier(language: str) -> None:
    """To the last bit, on every processor."""
    drawn = RandomStream(1, "exponentials").column(5000)
    found = drawn.copy()
    compiled(language).exponentials(found)
    assert found.tolist() == [exponential(number) for number in drawn.tolist()]


@in_both
@settings(deadline=None)  # Numba may compile
@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=50).map(sorted),
    st.lists(st.integers(0, 10**9), min_size=1, max_size=9, unique=True),
)
def test_interpolation_is_that_of_numpy(language: str, asked: list[float], corners: list[int]) -> None:
    """To the last bit, between corners that are a nanosecond apart or more."""
    known = np.array([-1.0, *(corner / 1e9 for corner in sorted(corners)), 2.0])
    values: Column = np.square(np.arange(known.size, dtype=np.float64))
    found = np.array(asked)
    compiled(language).interpolate(found, known, values)
    assert np.array_equal(found, np.interp(asked, known, values))


@in_both
@settings(deadline=None)  # Numba may compile
@given(st.floats(1e-9, 1e4))
def test_bins_are_narrow(language: str, seconds: float) -> None:
    """The middle of a latency's bin is within half a percent of it, above the least."""
    rows = np.array([[0.0], [-seconds], [0.0], [0.0], [0.0]])
    _, _, latencies = driven(compiled(language), rows, np.zeros(1), [np.inf], moving=False)
    middle = columns.bin_middle(int(np.argmax(latencies)))
    assert abs(middle - seconds) <= 0.005 * seconds or seconds < columns.LEAST or seconds > 2000


# Blocks, memory, results.


def test_the_size_of_blocks_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams drawn in blocks of eight give the run that they give in one."""
    scenario = plain(*PRIMITIVES)
    whole = run(scenario, keep=True)
    monkeypatch.setattr(streams, "BLOCK", 8)
    pieces = run(scenario, keep=True)
    assert pieces.digest == whole.digest
    for region in REGIONS:
        assert pieces.requests[region].names == whole.requests[region].names
        assert np.allclose(pieces.requests[region].answered, whole.requests[region].answered, rtol=0, atol=1e-11)


def test_what_is_measured_is_what_happened() -> None:
    """Latency, goodput, lag and exposure are those of the requests, worked out again one by one."""
    scenario = plain(PRIMITIVES[0], PRIMITIVES[6], network=QUICK)
    found = run(scenario, keep=True)
    over = np.concatenate([row.answered for row in found.requests.values()])
    latency = over - np.concatenate([row.sent for row in found.requests.values()])
    assert found.answered == found.logged == found.offered == over.size
    assert found.latency.most == latency.max()
    assert abs(found.latency.mean - latency.mean()) < TOLERANCE
    assert abs(found.latency.p95 - np.quantile(latency, 0.95)) < 0.01 * found.latency.p95
    assert np.array_equal(found.goodput, np.bincount(over.astype(int), minlength=51))
    assert max(lag.seconds.max() for lag in found.lags) > 8
    assert [one.region for one in found.exposures] == list(REGIONS)
    eu = found.exposures[0]
    assert 8 < eu.seconds.max() < 21
    assert eu.records.max() > 50
    assert eu.records.min() == eu.records[-1] == 0
    assert found.verdict is Verdict.HOLDS
    assert {row.name: row.checks for row in found.checks}["claims-in-log-order"] == over.size


def test_progress_is_told() -> None:
    """While it goes and at the end: the moment, and how many requests are logged."""
    seen: list[Progress] = []
    found = run(plain(), on_progress=seen.append)
    assert (seen[-1].now, seen[-1].events) == (50, found.events)
    assert 0 < seen[-1].attempts <= found.logged


def test_requests_may_be_limited() -> None:
    """Of everyday traffic so many come; bursts come on top."""
    assert run(PLAIN, requests=100).offered == 100
    assert run(plain(PRIMITIVES[0]), requests=100).offered > 150


LARGE = """
large = {"llvmlite", "matplotlib", "networkx", "numba", "pyarrow", "scipy"} & sys.modules.keys()
"""
MEMORY = f"""
import sys
from flk.sim.vector.bench import bench
figures = bench(int(sys.argv[1]))
{LARGE}
print(figures.bytes, *large)
"""
COMMAND = f"""
import sys
from flk.impl.command import main
try:
    main()
finally:
    {LARGE.strip()}
    print(*large, file=sys.stderr)
"""


def printed(script: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """What a script prints in a process of its own."""
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True)


def taken(requests: int) -> tuple[int, list[str]]:
    """The most memory that a process holds for so many requests, and the large libraries that it has loaded."""
    size, *large = printed(MEMORY, str(requests)).stdout.split()
    return int(size), large


@pytest.mark.slow
def test_memory_does_not_grow_with_the_requests() -> None:
    """Five million requests take the room of half a million, Python and all libraries included: a hundred megabytes."""
    few, _ = taken(500_000)
    many, large = taken(5_000_000)
    assert not large
    assert many < few + 10_000_000
    assert many < 100_000_000


# The command.


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scenario file of the class."""
    monkeypatch.setattr(sys, "argv", ["flk"])
    scenario = plain(PRIMITIVES[0])
    path = tmp_path / "plain.toml"
    path.write_text(
        altered(scenario, workload=msgspec.structs.replace(scenario.workload, records="synthetic:300")).to_toml()
    )
    return path


def test_the_command_prints_json(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The outcome as plain values, of the scenario's own records or of as many requests as one likes."""
    assert flk("run", str(file), "--tier", "vector", "--json") == 0
    told = msgspec.json.decode(capsys.readouterr().out)
    assert told["tier"] == "vector"
    assert told["verdict"] == "holds"
    assert 300 < told["counts"]["offered"] == told["counts"]["acknowledged"] < 500
    assert flk("run", str(file), "--tier", "vector", "--requests", "1000", "--json") == 0
    assert msgspec.json.decode(capsys.readouterr().out)["counts"]["offered"] > 1000


@pytest.mark.slow
def test_the_command_loads_nothing_large(file: Path) -> None:
    """Libraries for figures, statistics and compilers stay where they are, or they would take more room than the run."""
    told = printed(COMMAND, "run", str(file), "--tier", "vector", "--requests", "1000", "--quiet")
    assert told.stdout.strip().endswith("holds")
    assert not told.stderr.strip()


def test_the_command_prints_for_people(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Verdict, counts, invariants, objectives."""
    assert flk("run", str(file), "--tier", "vector") == 0
    told = capsys.readouterr().out
    assert all(
        word in told for word in ("plain" if "plain" in told else "drill", "✓ holds", "claims-in-log-order", "met")
    )


def test_the_command_refuses(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A scenario outside the class, and options that do not go together, exit with 2 and the mend."""
    assert flk("run", "three-regions", "--tier", "vector") == 2
    assert "needs the message tier" in capsys.readouterr().err
    assert flk("run", str(file), "--requests", "5") == 2
    assert "--tier vector" in capsys.readouterr().err
    assert flk("run", str(file), "--tier", "vector", "--html", "page.html") == 2
    assert "leave out --tier vector" in capsys.readouterr().err


def test_a_missed_objective_shows() -> None:
    """A run whose latency misses the target is violated, though every invariant holds."""
    scenario = plain()
    hard = altered(scenario, slo=msgspec.structs.replace(scenario.slo, latency_p95=S(0.001)))
    found: VectorRun = run(hard)
    assert found.verdict is Verdict.VIOLATED
    assert not any(row.violations for row in found.checks)
