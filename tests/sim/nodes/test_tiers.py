"""Stores of tiers in simulated time: what is found where, what an absent tier costs, and which mistakes are seen."""

from collections import Counter
from functools import partial

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, composite
from tests.sim.checkers.test_invariants import found
from tests.support.effort import few
from tests.support.model.world import FORGED, KEYRING, MALFORMED, pcs, submission
from tests.support.sim.drills import REGIONS, records, rehearse, verdicts
from tests.support.sim.tiered import (
    FLEETING,
    OUTAGE,
    early_move,
    forgetful_move,
    hasty_move,
    merge_into_hot,
    near_tiers_only,
    overtaking,
    silence_is_a_miss,
    tiered,
)

from flk.formal.library.protocols import tiering
from flk.formal.traces import Accepted, validate
from flk.formal.traces.relaxations import unlimited
from flk.impl.server.trace_reader import encoded
from flk.model.effects import Owe, Program
from flk.model.entries.entry import Claim, Entry, Key
from flk.model.entries.tiers import Tier
from flk.model.programs.tiering import claim as claim_in_tiers
from flk.model.protocol_events.observation import ObservedEffect, nodes_of
from flk.model.protocol_events.tiering import tiering_events
from flk.model.refusal import OutOfReach
from flk.sim.checkers.invariants import Invariant
from flk.sim.kernel.engine import Call, Simulator
from flk.sim.kernel.programs import MODEL, Programs
from flk.sim.nodes.tiers import KeyLines
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import (
    ClockSkew,
    ColdOutage,
    Disk,
    Fault,
    ObjectStoreOutage,
    ProcessCrash,
    RegionCrash,
    ShardCrash,
    SlowStore,
    StoreOutage,
)
from flk.sim.scenarios.layout import Layout, Tiers
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.validation import validation_errors
from flk.sim.simulate import simulate
from flk.spec.verdict import Verdict

PROTOCOL = unlimited(tiering.protocol)
OF_TIERS = {Invariant.TIER_KEPT, Invariant.TIER_MOVE, Invariant.TIER_ASKED}


@composite
def trouble(draw: DrawFn, identity: str, regions: tuple[str, ...]) -> Fault:
    """A fault that concerns a store."""
    span = st.floats(0.5, 25).map(Seconds)
    time = {"id": st.just(identity), "start": st.floats(0, 40).map(Seconds), "duration": span}
    there = st.sampled_from(regions)
    drawn: Fault = draw(
        st.one_of(
            st.builds(ColdOutage, there, **time),
            st.builds(ShardCrash, there, st.integers(0, 1), st.booleans(), **time),
            st.builds(SlowStore, there, st.floats(1, 20), **time),
            st.builds(StoreOutage, there, **time),
            st.builds(ObjectStoreOutage, **time),
            st.builds(ProcessCrash, there, **time),
            st.builds(RegionCrash, there, disk=st.sampled_from(Disk), **time),
        )
    )
    return drawn


@composite
def drills(draw: DrawFn) -> Scenario:
    """Any drill of a store with tiers; if it is alone, entries may outlive their window within the run."""
    regions = draw(st.sampled_from([REGIONS, ("eu",)]))
    faults = [draw(trouble(f"f{number}", regions)) for number in range(draw(st.integers(0, 4)))]
    tiers = Tiers(
        hot_term=Seconds(draw(st.floats(0.5, 8))),
        warm_term=Seconds(draw(st.floats(8, 16))),
        window=Seconds(draw(st.floats(20, 60)) if len(regions) == 1 else 1000.0),
        move_interval=Seconds(draw(st.floats(0.5, 5))),
    )
    scenario = tiered(*faults, tiers=tiers, regions=regions, rate=draw(st.sampled_from([3.0, 12.0])))
    return msgspec.structs.replace(
        scenario,
        layout=msgspec.structs.replace(scenario.layout, replicas=draw(st.integers(1, 2)), takeover=Seconds(0.7)),
    )


MIXED = [
    item
    for epoch in range(300)
    for item in (submission(pcs(epoch=epoch)), *([submission(pcs(epoch=epoch, r=0.6, budget=0.37))] * (epoch % 3 == 0)))
]


@pytest.mark.slow
@given(drills(), st.integers(0, 1000))
@settings(max_examples=few(12), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_fault_of_a_store_breaks_an_invariant(scenario: Scenario, seed: int) -> None:
    """Whatever happens to shards, tiers and nodes: no invariant is violated, and each node's trace is a path of the protocol."""
    if any(validation_errors(scenario)):
        return
    seen: list[ObservedEffect] = []
    run = simulate(scenario, [FORGED, MALFORMED, *MIXED], KEYRING, seed=seed, observer=seen.append)
    assert not [row.examples for row in run.results if row.verdict is Verdict.VIOLATED]
    for node in nodes_of(seen):
        events = list(tiering_events(node, lambda: seen))
        if events:  # a node whose disk is lost before it did anything has no trace, as in `followed`
            verdict = validate(PROTOCOL, encoded(iter(events)), node)
            assert isinstance(verdict, Accepted), verdict


@pytest.mark.slow
def test_a_calm_run_uses_every_tier() -> None:
    """Entries go down as they age, what is asked for again is found in each tier, and everything is delivered at the first try."""
    run = rehearse(tiered(), records(2000))
    assert run.verdict is Verdict.HOLDS
    assert run.measures.statuses == {200: run.measures.counts.offered}
    assert {row.invariant for row in run.results} >= OF_TIERS
    unasked = {row.invariant for row in run.results if not row.checks}
    # The run is too short for the one, nobody has to wait, and no clock is off.
    assert unasked == {Invariant.READY, Invariant.JITTER, Invariant.DOUBTED}
    for store in run.measures.stores.values():
        searches = store.searches
        assert set(searches) == {*Tier, "new"}
        assert searches[Tier.HOT].p50 < searches[Tier.WARM].p50 < searches[Tier.COLD].p50 <= searches["new"].p95
        assert store.demoted > store.promoted > 0
        assert store.expired == store.refused_near == 0


@pytest.mark.slow
def test_without_the_cold_tier_hot_and_warm_keys_are_served() -> None:
    """Cold keys get 503 while it is away and are served when it is back; others, and the other regions, never notice."""
    run, calm = (rehearse(tiered(*faults, shards=1), records(2000)) for faults in ((OUTAGE,), ()))
    assert run.verdict is Verdict.HOLDS
    stores = run.measures.stores
    assert stores["eu"].searches["away"].size == run.measures.statuses[503] > 20
    assert stores["eu"].refused_near == 0
    assert max(stores["eu"].deferred.level) > 20
    assert stores["eu"].deferred.level[-1] == 0
    assert stores["us"].searches.keys() == calm.measures.stores["us"].searches.keys()
    assert run.measures.counts.acknowledged == run.measures.counts.offered
    assert not [moment for moment in run.timeline if "503 until the log" in moment.what]
    during = (run.measures.attempts.sent > OUTAGE.start) & (run.measures.attempts.over < OUTAGE.end)
    statuses = Counter(run.measures.attempts.status[during].tolist())
    assert statuses[200] > 50
    assert statuses[503] > 20


@pytest.mark.slow
def test_what_is_hot_is_on_shards() -> None:
    """While the only shard is down, nothing new is inserted: its region answers 503 until it is back."""
    down = ShardCrash("eu", 0, id="down", start=Seconds(10), duration=Seconds(6))
    run = rehearse(tiered(down, shards=1), records(2000))
    assert not verdicts(run)
    assert run.measures.statuses[503] > 20
    assert run.measures.counts.acknowledged == run.measures.counts.offered


@pytest.mark.slow
def test_what_is_owed_is_not_shipped() -> None:
    """While claims are owed nothing of the region is sealed, so the others do not get it either (WAL-6)."""
    run = rehearse(tiered(OUTAGE), records(2000))
    (lag,) = [row for row in run.measures.lags if (row.source, row.target) == ("eu", "us")]
    other = [row for row in run.measures.lags if (row.source, row.target) == ("us", "ap")]
    assert lag.summary.most > OUTAGE.duration / 2
    assert all(row.summary.most < lag.summary.most for row in other)


@pytest.mark.slow
def test_recovery_waits_for_the_cold_tier() -> None:
    """A node that crashed while it owed claims serves only when its log is applied to the last frame."""
    crash = ProcessCrash("eu", id="crash", start=Seconds(28), duration=Seconds(2))
    run = rehearse(tiered(OUTAGE, crash), records(2000))
    assert not verdicts(run)
    recovered = [moment.at for moment in run.timeline if moment.where == "eu" and "recovered" in moment.what]
    assert recovered
    assert min(at for at in recovered if at > crash.start) >= OUTAGE.end
    assert run.measures.counts.acknowledged == run.measures.counts.offered


def test_past_the_window_a_key_is_new_again() -> None:
    """In one region, with a window shorter than the run: entries expire, and their repetition is judged anew."""
    run = rehearse(tiered(tiers=FLEETING, regions=("eu",)), records(2000))
    assert not verdicts(run)
    store = run.measures.stores["eu"]
    assert store.expired > 100
    assert store.searches["new"].size > run.measures.counts.offered - run.measures.counts.repeated
    assert not run.entries["eu"]


def test_what_a_clock_ahead_has_forgotten_is_not_lost() -> None:
    """The clock is ahead for a moment, in which windows end: entries go, and are not missed when the time is right again."""
    ahead = ClockSkew("eu", id="ahead", start=Seconds(20), duration=Seconds(6), offset=Seconds(20))
    run = rehearse(tiered(ahead, tiers=FLEETING, regions=("eu",), until=24, duration=30), records(2000))
    assert not verdicts(run)
    assert run.measures.stores["eu"].expired > 100


def test_several_regions_need_a_window_that_outlasts_the_run() -> None:
    """They forget at moments of their own, and would differ: the scenario is refused."""
    assert [mistake.field for mistake in validation_errors(tiered(tiers=FLEETING))] == ["layout.tiers.window"]


@pytest.mark.slow
def test_a_run_repeats_and_a_fault_elsewhere_moves_nothing() -> None:
    """The same seed gives the same digest; what eu goes through in an outage of its own leaves the searches of us as they were."""
    once, again, other = (rehearse(tiered(*f, rate=4), records(400)) for f in ((OUTAGE,), (OUTAGE,), ()))
    assert once.digest == again.digest != other.digest
    assert once.measures.attempts.sent[:40].tolist() == other.measures.attempts.sent[:40].tolist()


@given(
    st.lists(st.tuples(st.floats(0, 5), st.sets(st.sampled_from("abcd"), min_size=1), st.floats(0.1, 2)), max_size=20)
)
def test_who_is_about_the_same_key_comes_one_after_another(visits: list[tuple[float, set[str], float]]) -> None:
    """Whoever shares a key never overlaps, and begins in the order of coming; whoever shares none need not wait."""
    simulator, lines = Simulator(), KeyLines()
    spans: dict[int, tuple[float, float]] = {}

    def come(number: int, names: set[str], seconds: float) -> None:
        def begin(leave: Call) -> None:
            spans[number] = simulator.now, simulator.now + seconds
            simulator.after(seconds, leave)

        lines.enter([Key("default", name) for name in sorted(names)], begin)

    ordered = sorted(visits, key=lambda visit: visit[0])
    for number, (at, names, seconds) in enumerate(ordered):
        simulator.after(at, partial(come, number, names, seconds))
    simulator.run_until(1000, 10**6, lambda: None)
    assert len(spans) == len(visits)
    for number, (at, names, _) in enumerate(ordered):
        ahead = [spans[other][1] for other in range(number) if ordered[other][1] & names]
        assert spans[number][0] == pytest.approx(max([at, *ahead]))


# Mistakes.

MISTAKES: dict[str, tuple[Programs, Invariant, str]] = {
    "a hot tier that forgets": (MODEL._replace(move=forgetful_move), Invariant.TIER_KEPT, "Delete"),
    "a move that deletes first": (MODEL._replace(move=hasty_move), Invariant.TIER_MOVE, "Delete"),
    "a window that ends early": (MODEL._replace(move=early_move), Invariant.TIER_KEPT, "Delete"),
    "silence taken for a miss": (MODEL._replace(claim=silence_is_a_miss), Invariant.TIER_ASKED, "Store"),
    "the cold tier left out": (MODEL._replace(claim=near_tiers_only), Invariant.TIER_ASKED, "Store"),
    "a merge that looks nowhere": (MODEL._replace(merge=merge_into_hot), Invariant.TIER_ASKED, "Merge"),
}


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_seen(mistake: str) -> None:
    """Each invariant of tiers is violated by the mistake that it is about."""
    programs, invariant, event = MISTAKES[mistake]
    row = found(rehearse(tiered(OUTAGE), records(2000), programs=programs), invariant)
    assert row.examples[0].event == event


@pytest.mark.slow
def test_a_claim_that_overtakes_a_deferred_one_is_seen() -> None:
    """The order of a key's claims is broken by one that does not wait for those that are deferred (DUP-6)."""

    def careless(new: Claim) -> Program[Entry]:
        try:
            return (yield from overtaking(new))
        except OutOfReach:
            yield from Owe(new)
            raise

    row = found(rehearse(tiered(OUTAGE), records(2000), programs=MODEL._replace(claim=careless)), Invariant.LOG_ORDER)
    assert "which is deferred" in row.examples[0].sentence
    honest = rehearse(tiered(OUTAGE), records(2000), programs=MODEL._replace(claim=claim_in_tiers))
    assert not verdicts(honest)


def test_without_tiers_nothing_of_them_is_asked_or_measured() -> None:
    """What a scenario does not ask for does not appear in its results."""
    run = rehearse(msgspec.structs.replace(tiered(rate=3), layout=Layout()), records(100))
    assert not OF_TIERS & {row.invariant for row in run.results}
    assert not run.measures.stores
