"""Measures against their definitions."""

from math import inf, isnan

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.sim.drills import BRISK, EASY, REGIONS, drill, records, rehearse

from flk.sim.checkers.backlog import Backlog
from flk.sim.checkers.convergence import Agreement
from flk.sim.checkers.invariants import Checks
from flk.sim.experiments.rows import row
from flk.sim.kernel.engine import Simulator
from flk.sim.measures.measures import Attempts, warmup
from flk.sim.measures.recorder import Recorder
from flk.sim.measures.recovery import RegionRecovery, recoveries
from flk.sim.measures.series import quantiles, staleness
from flk.sim.measures.slo import Objective
from flk.sim.measures.timeline import Move
from flk.sim.outcome import Run
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import Partition, RegionCrash
from flk.sim.scenarios.policy import Objectives
from flk.sim.world.events import Attempt
from flk.spec.verdict import Verdict

CUT = Partition(id="cut", start=Seconds(10), duration=Seconds(30), sides=(("eu",), ("objects",)))
CRASH = RegionCrash(id="crash", start=Seconds(30), duration=Seconds(40), region="us")


seconds = st.integers(0, 50).map(float) | st.floats(0, 50)  # whole ones meet the grid


@given(st.lists(st.tuples(seconds, seconds | st.just(inf)), max_size=20))
def test_staleness_is_the_age_of_the_oldest_missing_record(records: list[tuple[float, float]]) -> None:
    """At every moment: now minus when the first record was logged that was logged by then and is not applied."""
    logged = sorted(at for at, _ in records)
    applied = [at + delay for at, (_, delay) in zip(logged, records, strict=True)]
    grid = np.arange(0.0, 60.0, 1.5)
    found = staleness(np.array(logged), np.array(applied), grid)
    for now, age in zip(grid, found, strict=True):
        missing = [a for a, b in zip(logged, applied, strict=True) if a <= now < b]
        assert age == (now - min(missing) if missing else 0)


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=50))
def test_quantiles_are_in_order(sample: list[float]) -> None:
    """Median, p95, p99 and maximum rise, and the last is the greatest value."""
    found = quantiles(np.array(sample))
    assert min(sample) <= found.p50 <= found.p95 <= found.p99 <= found.most == max(sample)
    assert found.size == len(sample)


def test_an_empty_sample_has_no_quantiles() -> None:
    """Nothing measured is NaN, never a number."""
    found = quantiles(np.array([]))
    assert found.size == 0
    assert all(map(isnan, found[1:]))


def objective(run: Run, name: str) -> Objective:
    """A row of the SLO table."""
    return next(row for row in run.objectives if row.name == name)


def test_counts_add_up() -> None:
    """Everything offered is acknowledged, dead or undelivered, and every attempt has a status."""
    run = rehearse(drill(CUT, CRASH))
    measures = run.measures
    counts = measures.counts
    assert counts.offered == counts.acknowledged + counts.dead + counts.undelivered
    assert sum(measures.statuses.values()) == counts.attempts == measures.attempts.sent.size
    assert counts.attempts == counts.offered + counts.retries
    assert measures.goodput.sum() * 5 == pytest.approx(counts.acknowledged)
    assert measures.latency["acknowledged"].size == measures.statuses[200]
    assert {region: steps.level[-1] for region, steps in measures.entries.items()} == {
        region: len(entries) for region, entries in run.entries.items()
    }


def test_latency_is_what_the_network_and_the_queues_take() -> None:
    """Twice the delay and jitter, one synchronisation and one service: the median of an idle system lies near their sum."""
    found = rehearse(drill(rate=0.5, until=120)).measures.latency["acknowledged"]
    assert 0.04 < found.p50 < 0.08
    assert found.most < 0.3


def test_lag_is_bounded_by_the_rounds() -> None:
    """Without faults a record waits at most one shipping and one replay interval, and a little."""
    for lag in rehearse(drill()).measures.lags:
        assert 0 < lag.summary.most < BRISK.ship_interval + BRISK.replay_interval + 1


def test_divergence_follows_the_partition() -> None:
    """While a region is cut off the stores differ in ever more keys; when it has healed they come together."""
    steps = rehearse(drill(CUT)).measures.divergence
    before = steps.level[steps.at < 10].max()
    during = steps.level[(steps.at > 35) & (steps.at < 40)].max()
    assert during > 3 * before
    assert steps.level[-1] == 0
    assert np.all(np.diff(steps.at) >= 0)


def test_the_objectives_are_measured() -> None:
    """Each row states the target of the scenario and the measured value; the verdict follows from the two."""
    run = rehearse(drill(CRASH, slo=Objectives(rpo=Seconds(0.001), rto=Seconds(100), lag_p95=Seconds(1000))))
    measures = run.measures
    rpo, rto = objective(run, "RPO"), objective(run, "RTO")
    assert (rpo.measured, rpo.target) == (measures.losses[0].seconds, 0.001)
    assert (rto.measured, rto.target) == (measures.recoveries[0].rto, 100)
    assert rto.verdict is Verdict.HOLDS
    assert rpo.verdict is (Verdict.HOLDS if rpo.measured <= 0.001 else Verdict.VIOLATED)
    assert objective(run, "lag p95").measured == max(lag.summary.p95 for lag in measures.lags)
    assert objective(run, "latency p95").measured == measures.latency["acknowledged"].p95
    assert objective(run, "escalations").measured == 0


def test_without_a_region_loss_there_is_no_rpo() -> None:
    """RPO and RTO are asked only where a region is lost."""
    assert {row.name for row in rehearse(drill()).objectives} == {"lag p95", "latency p95", "escalations"}


@pytest.mark.parametrize(("measured", "label"), [(1.0, "met"), (1.0001, "missed"), (float("nan"), "undecided")])
def test_a_verdict_is_met_missed_or_undecided(measured: float, label: str) -> None:
    """The bound itself is met; what could not be measured is undecided."""
    assert Objective("x", "", "s", 1.0, measured).label == label


def test_rto_counts_the_last_agent() -> None:
    """RTO is the time at which the last agent of the lost region had an answer again, at or after it moved."""
    run = rehearse(drill(CRASH))
    found = run.measures.recoveries[0]
    assert found.region == "us"
    assert found.agents == 2
    late = [attempt for attempt in zip(*run.measures.attempts, strict=True) if attempt[0] > 30 and attempt[2] == 200]
    assert 30 + found.rto in [over for _, over, _ in late]


def test_the_phases_of_a_recovery() -> None:
    """Two agents lose their region at 100 s: the phases end with the later of the two, and are counted from one another."""
    simulator = Simulator()
    recorder = Recorder(REGIONS, simulator)
    agreement = Agreement(REGIONS, (), 60.0, Backlog((), 1.0, simulator), simulator, Checks(lambda: 0.0))
    crash = RegionCrash(id="crash", start=Seconds(100), duration=Seconds(60), region="us")
    recorder.moves += [
        Move(50, "c", "us", "ap"),
        Move(130, "a", "us", "ap"),
        Move(138, "b", "us", "ap"),
        Move(165, "a", "ap", "us"),
    ]
    recorder.attempts += [
        Attempt(0, 1, "us", 99, 101, 200),  # answered just before the end
        Attempt(0, 2, "us", 101, 131, 0),
        Attempt(1, 3, "us", 102, 132, 0),
        Attempt(0, 2, "ap", 131, 132, 503),
        Attempt(0, 2, "ap", 134, 135, 200),
        Attempt(1, 3, "ap", 140, 143, 202),
        Attempt(2, 4, "ap", 150, 151, 200),  # of an agent that had left before
        Attempt(1, 5, "ap", 150, 151, 200),
    ]
    recorder.recovered_at += [(0.1, "us"), (0.1, "ap"), (162.0, "us")]
    agreement.caught_up += [(170.0, "us")]
    recorder.stops.append((100.0, crash))
    (found,) = recoveries(recorder, agreement, {"a": "us", "b": "us", "c": "us", "d": "eu"}, 200.0)
    assert found == RegionRecovery(
        fault="crash", region="us", agents=2, detect=38, redirect=2, answer=3, rto=43, recover=2, catch_up=8
    )


def test_a_recovery_that_did_not_come_to_pass_is_open() -> None:
    """Without an answer after the loss the RTO is at least the rest of the run: undecided, or missed if the target was shorter."""
    deaf = Partition(id="deaf", start=Seconds(29), duration=Seconds(151), sides=(("clients",), REGIONS))
    run = rehearse(drill(deaf, CRASH))
    assert run.measures.recoveries[0].reading("rto") == (150.0, True)
    assert objective(run, "RTO").verdict is Verdict.UNDECIDED
    strict = rehearse(drill(deaf, CRASH, slo=msgspec.structs.replace(EASY, rto=Seconds(149))))
    assert objective(strict, "RTO").verdict is Verdict.VIOLATED
    assert row(run).censored == "rto rto_answer"


def test_exposure_is_what_had_not_been_uploaded() -> None:
    """With shipping every five seconds at most about five seconds of acknowledged records are at risk."""
    losses = [rehearse(drill(CRASH, rate=6), records(400), seed=seed).measures.losses[0] for seed in range(3)]
    assert max(loss.seconds for loss in losses) < 6
    assert max(loss.records for loss in losses) > 5
    for loss in losses:
        assert (loss.records == 0) == (loss.seconds == 0) == (loss.size == 0)


def test_every_region_pair_has_a_lag() -> None:
    """Lag is measured from each region to each other."""
    pairs = {(lag.source, lag.target) for lag in rehearse(drill()).measures.lags}
    assert pairs == {(a, b) for a in REGIONS for b in REGIONS if a != b}


def test_the_warm_up_of_everyday_life_is_cut_off() -> None:
    """Attempts that take long in the first minute do not count in a steady scenario; in an incident they do."""
    sent = np.arange(0.0, 600.0, 0.5)
    slow = np.where(sent < 60, 2.0 - sent / 60, 0.1)
    noise = 0.01 * np.sin(np.arange(sent.size))
    attempts = Attempts(sent, sent + slow + noise, np.full(sent.size, 200))
    warm = warmup(attempts, 600.0)
    assert 50 <= warm <= 120
    assert attempts.since(warm).seconds.max() < 0.3
    incident = drill(duration=120, until=110)
    whole = rehearse(incident).measures
    steady = rehearse(msgspec.structs.replace(incident, steady=True)).measures
    assert whole.warmup == 0
    assert steady.latency["acknowledged"].size == np.sum(whole.attempts.sent >= steady.warmup)
