"""Alerts in simulation: what nodes export is what the table says, alerts fire as in Prometheus, and for a reason."""

from collections.abc import Callable
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import pytest
from tests.support.model.world import EXAMINE, KEY, KEYRING, pcs, submission
from tests.support.sim.drills import BRISK, REGIONS, drill, records
from tests.support.sim.promtool import complaint, of_alerts

from flk.model.entries.entry import Key
from flk.model.flow.submission import Submission
from flk.model.log.hlc import Timestamp
from flk.model.record.signing import HmacKey
from flk.sim import observers as judges
from flk.sim.alerts.alerts import EVERY, AlertHistory, Firing, evaluated, unnoticed
from flk.sim.alerts.exporter import EVERY as SCRAPE
from flk.sim.alerts.exporter import Apart, apart
from flk.sim.alerts.series import NAME, Database, labels
from flk.sim.clients.synthetic import synthetic
from flk.sim.experiments.run_inputs import RunInputs
from flk.sim.outcome import Run
from flk.sim.scenarios import files as scenario_files
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import (
    BitRot,
    ClockSkew,
    Disk,
    Fault,
    ObjectStoreOutage,
    Partition,
    ProcessCrash,
    RegionCrash,
    StoreOutage,
)
from flk.sim.scenarios.policy import Policy
from flk.sim.scenarios.scenario import Scenario
from flk.sim.simulate import simulate
from flk.spec.constants import CONSTANTS
from flk.spec.metrics import METRICS, TABLE, Type
from flk.spec.verdict import Verdict

RIVALS = [submission(pcs(epoch=e, r=r, budget=b)) for e in range(100) for r, b in ((0.5, 0.4), (0.6, 0.37))]
RARELY = msgspec.structs.replace(CONSTANTS.outbox, base_delay_seconds=20.0)


def at(kind: Callable[..., Fault], *about: object, start: float = 60, duration: float = 600, **fields: object) -> Fault:
    """A fault of some kind; its id is `f` unless told."""
    return kind(*about, **{"id": "f", "start": Seconds(start), "duration": Seconds(duration), **fields})


def long(
    *faults: Fault, duration: float = 1080, rate: float = 0.5, duplicates: float = 0.2, **policy: object
) -> Scenario:
    """A drill that lasts, with traffic to the end."""
    changed: Policy = msgspec.structs.replace(BRISK, **policy)
    return drill(*faults, duration=duration, until=duration, rate=rate, duplicates=duplicates, policy=changed)


def everywhere(kind: Callable[..., Fault], **fields: float) -> list[Fault]:
    """A fault of every region."""
    return [partial(at, kind, region, id=region)(**fields) for region in REGIONS]


CUT = at(Partition, sides=(("eu",), ("us", "ap", "objects")))
LOOKED_INTO: dict[str, Scenario] = {
    "FLKNotReady": long(*everywhere(StoreOutage), rate=0.3, duration=780, retry=RARELY),
    "FLKEquivocation": long(duration=120, rate=3),
    "FLKBackendDown": long(at(RegionCrash, "eu", Disk.KEPT, duration=120), duration=300),
    "FLKReplicationLag": long(at(ObjectStoreOutage), duration=720),
    "FLKDivergence": long(CUT, duration=720),
    "FLKDedupAnomalyHigh": long(duration=1800, duplicates=0.97),
    "FLKClockAhead": long(at(ClockSkew, "eu", Seconds(115), start=0, duration=160), duration=300),
    "FLKWALDamage": long(
        at(BitRot, "eu", duration=50, flips=4, id="rot"),
        at(ProcessCrash, "eu", start=111, duration=60, id="crash"),
        duration=400,
        rate=2,
        ship_interval=Seconds(100),
    ),
}
"""Runs by the alert that fires in them, of which the tests below look at what was scraped."""
LONGEST = "flood-of-forgeries"  # ten records a second for minutes
DRILLS = [(name, alert.name) for alert in TABLE.alert for name in alert.drills]


SENT = records(11500)


class Watched(NamedTuple):
    """A run and what was scraped in it."""

    run: Run
    database: Database


RUNS: dict[str, Watched] = {}
"""The runs so far, by their scenarios."""


def watched(name: str) -> Watched:
    """The run that an alert of that name is expected to fire in."""
    scenario = LOOKED_INTO[name]
    if scenario.hash not in RUNS:
        RUNS[scenario.hash] = scraped(scenario, RIVALS if name == "FLKEquivocation" else SENT)
    return RUNS[scenario.hash]


def scraped(scenario: Scenario, sent: list[Submission]) -> Watched:
    """A run, with the series that its alerts were evaluated on."""
    found: list[Database] = []

    def seen(database: Database, *rest: object) -> tuple[AlertHistory, ...]:
        found.append(database)
        return evaluated(database, *rest)  # type: ignore[arg-type]  # passed on as they came

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judges, "evaluated", seen)
        run = simulate(scenario, sent, KEYRING, signer=KEY, alerts=True)
    return Watched(run, found[0])


def firings(name: str) -> tuple[Firing, ...]:
    """When an alert fired in its run."""
    return next(alert.firings for alert in watched(name).run.alerts if alert.name == name)


@cache
def played(name: str, seed: int | None = None) -> Run:
    """A drill of the library, its alerts evaluated."""
    scenario = scenario_files.find(name)
    given = RunInputs(synthetic(int(scenario.workload.records.partition(":")[2]), HmacKey(RunInputs(()).secret)))
    return simulate(scenario, given.submissions, given.keyring, signer=given.signer, seed=seed, alerts=True)


@pytest.mark.slow
@pytest.mark.sampled
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.thorough] if name == LONGEST else [])
        for name in sorted({name for name, _ in DRILLS})
    ],
)
def test_a_drill_shows_the_alerts_that_it_is_the_evidence_of(name: str) -> None:
    """Each fires once its condition has held for as long as the table says, a fault explains it, and the drill holds."""
    run = played(name)
    assert run.verdict is Verdict.HOLDS
    faults = {fault.id: fault for fault in run.scenario.faults}
    for shown in (alert for of, alert in DRILLS if of == name):
        (alert,) = (one for one in run.alerts if one.name == shown)
        assert alert.firings, shown
        for firing in alert.firings:
            assert firing.start - firing.pending == pytest.approx(alert.hold)
            assert firing.start % EVERY == 0
        assert [firing.delay for firing in alert.firings if firing.fault] == [
            firing.start - faults[firing.fault].start for firing in alert.firings if firing.fault
        ]
        assert any(firing.fault for firing in alert.firings)


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({name for name, _ in DRILLS}))
def test_a_drill_shows_its_alerts_by_more_than_luck(name: str) -> None:
    """Under another seed, too, each of them fires, and no invariant is violated."""
    run = played(name, seed=11)
    assert not [row.examples for row in run.results if row.verdict is Verdict.VIOLATED]
    assert {alert for of, alert in DRILLS if of == name} <= {alert.name for alert in run.alerts if alert.firings}


@pytest.mark.slow
@pytest.mark.sampled(every=2)
@pytest.mark.parametrize("name", ["calm", "normal-replication"])
def test_nothing_fires_while_nothing_is_wrong(name: str) -> None:
    """No alert of the table fires in a scenario without faults: stores that are still small are no divergence."""
    scenario = scenario_files.find(name)
    run = played(name) if name == "normal-replication" else simulate(scenario, records(1968), KEYRING, alerts=True)
    assert not scenario.faults
    assert not [alert for alert in run.alerts if alert.firings]


@pytest.mark.slow
def test_what_is_usual_is_read_from_the_day() -> None:
    """A tenant that never repeats a record raises no alarm: nothing else was expected of it. By a fixed share this fired."""
    run = simulate(long(duration=1600, rate=0.3, duplicates=0.0), SENT, KEYRING, alerts=True)
    assert not [alert.name for alert in run.alerts if alert.firings]


def test_a_store_of_three_entries_diverges_from_its_peer_by_what_is_settled() -> None:
    """What was logged a moment ago may be on its way and does not count, however few entries there are; what is long there does."""
    old, late = (EXAMINE(submission(pcs()), Timestamp(moment), "eu").entry for moment in (10, 1000))
    one, other = {Key("t", "a"): old, Key("t", "b"): old, Key("t", "c"): late}, {Key("t", "a"): old}
    assert apart(one, {**other, Key("t", "b"): old}, Timestamp(100)) == Apart(0.0, 0.0)
    assert apart(one, other, Timestamp(100)) == pytest.approx((200 / 3, 50.0))
    assert apart(one, {**other, Key("t", "b"): late}, Timestamp(1000)).content == pytest.approx(200 / 3)
    assert apart({}, other, Timestamp(1)) == Apart(0.0, 0.0)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["FLKNotReady", "FLKReplicationLag", "FLKClockAhead", "FLKWALDamage"])
def test_on_scraped_series_alerts_fire_as_in_prometheus(name: str, tmp_path: Path) -> None:
    """All alerts of the table, on what was scraped in a run, at the evaluations at which promtool's fire."""
    run, database = watched(name)
    moments = [float(moment) for moment in np.arange(0.0, run.scenario.duration, EVERY)]
    assert not complaint(tmp_path, [of_alerts(database, run.alerts, moments)], TABLE.alert)


@pytest.mark.slow
def test_without_a_fault_every_alarm_is_false() -> None:
    """A firing that no fault explains has none; a fault that explains no firing is unnoticed."""
    run = watched("FLKDedupAnomalyHigh").run
    (high,) = (alert for alert in run.alerts if alert.name == "FLKDedupAnomalyHigh")
    assert high.false_alarms == high.firings != ()
    assert unnoticed((CUT,), run.alerts) == ("f",)
    assert not unnoticed((CUT,), watched("FLKDivergence").run.alerts)


def test_the_latest_fault_that_had_begun_explains() -> None:
    """Not one that was over long before, nor one that began after the condition did."""
    database = Database()
    for number in range(80):
        at_ = SCRAPE / 2 + SCRAPE * number
        database.series(labels("up", [("job", "flk")])).append(at_, float(at_ < 600))
    faults = [at(StoreOutage, "eu", start=start, duration=60, id=str(start)) for start in (100, 400, 500, 610)]
    (down,) = (alert for alert in evaluated(database, faults, 1200.0) if alert.firings)
    (firing,) = down.firings
    assert (firing.pending, firing.start, firing.end) == (615.0, 675.0, None)
    assert (firing.fault, firing.delay) == ("610", 65.0)
    (down,) = (alert for alert in evaluated(database, faults[:3], 1200.0) if alert.firings)
    assert down.firings[0].fault == "500"
    (down,) = (alert for alert in evaluated(database, faults[:1], 1200.0) if alert.firings)
    assert down.false_alarms == down.firings


# What is exported.


@pytest.mark.parametrize("name", ["FLKDivergence", "FLKNotReady"])
def test_what_is_exported_is_what_the_alerts_read(name: str) -> None:
    """Every metric that an alert reads is there with the labels of the table and of the scraper, and no other."""
    read = frozenset[str]().union(*(alert.metrics() for alert in TABLE.alert))
    found: dict[str, set[str]] = {}
    for series in watched(name).database:
        pairs = dict(series.labels)
        found.setdefault(pairs.pop(NAME), set()).update(pairs)
    base = {of.removesuffix("_bucket").removesuffix("_count").removesuffix("_sum") for of in found}
    assert base <= read
    assert (
        read - base
        <= {
            "flk_audit_forks_total",
            "flk_audit_queue_oldest_seconds",
            "flk_audit_queue_tasks",
            "flk_audit_task_attempts_total",
            "flk_refusals_total",
            "flk_divergence_percent",
            "flk_shard_available",
            "flk_store_awaited_nodes",
            "flk_store_takeovers_total",
            "flk_tenant_answers_total",
            "flk_tenant_dedup_hits_total",
            "flk_tenant_expected_dedup_ratio",
            "flk_tls_certificate_expires_seconds",
        }
    )  # which begin when there is something to tell: a store is no ring here, nobody knows tenants and TLS, no worker exports
    for of, names in found.items():
        metric = METRICS.get(of) or METRICS.get(of.rpartition("_")[0])
        own = set(metric.labels if metric else ())
        bucket = {"le"} if metric and metric.type is Type.HISTOGRAM and of.endswith("_bucket") else set()
        assert names == own | bucket | {"job", "region", "instance"}


def last(database: Database, name: str, **pairs: str) -> float:
    """The sum over regions of the last values of counters that were never reset."""
    fits = database.select(name, lambda of: pairs.items() <= of.items())
    return sum(float(series.values[-1]) for series in fits)


def test_counters_are_what_happened() -> None:
    """In a run without a crash, the counters' last values are the counts of the run, up to its last few seconds."""
    run, database = watched("FLKEquivocation")
    measures = run.measures
    answers = last(database, "flk_submit_seconds_count")
    assert answers == pytest.approx(len(measures.attempts.status), abs=30)
    assert last(database, "flk_ingest_total") == pytest.approx(answers, abs=5)
    outcomes = last(database, "flk_outcomes_total")
    hits, rivals = last(database, "flk_dedup_hits_total"), last(database, "flk_equivocations_total")
    assert outcomes + hits + rivals == last(database, "flk_store_seconds_count", operation="claim")
    assert rivals == pytest.approx(measures.statuses[409], abs=5)
    assert last(database, "flk_submit_seconds_bucket", le="+Inf") == answers


def test_a_region_that_is_down_is_not_scraped_and_starts_from_nothing() -> None:
    """`up` is 0 and every other series stale while there is no node; after it, counters begin anew."""
    run, database = watched("FLKBackendDown")
    (crash,) = run.scenario.faults
    (up,) = database.select("up", lambda of: of["region"] == "eu")
    down = (up.times > crash.start) & (up.times < crash.end)
    assert (up.values == ~down).all()
    (ingest,) = database.select("flk_ingest_total", lambda of: of["region"] == "eu")
    gone = (ingest.times > crash.start) & (ingest.times < crash.end)
    assert np.isnan(ingest.values[gone]).all()
    assert gone.sum() == 1  # one mark, and then nothing
    before, after = ingest.values[ingest.times < crash.start], ingest.values[ingest.times > crash.end]
    assert all(one <= other for half in (before, after) for one, other in pairwise(half))
    assert after[0] < before[-1]


def shipping_of(region: str, of: dict[str, str]) -> bool:
    """Whether labels are those of a region's lag in shipping."""
    return of["stage"] == "ship" and of["region"] == region


def test_the_lag_that_is_exported_is_the_lag() -> None:
    """While the object store is away, what waits to be shipped gets a second older every second; after that nothing is old."""
    run, database = watched("FLKReplicationLag")
    (outage,) = run.scenario.faults
    for region in REGIONS:
        (ship,) = database.select("flk_crr_lag_seconds", partial(shipping_of, region))
        away = (ship.times > outage.start + 30) & (ship.times < outage.end)
        assert np.diff(ship.values[away]) == pytest.approx(SCRAPE)
        assert (ship.values[(ship.times < outage.start) | (ship.times > outage.end + 30)] <= 60).all()


@pytest.mark.slow
def test_evaluating_alerts_changes_nothing_else() -> None:
    """The same events happen in the same order, whether or not anybody scrapes."""
    scenario = long(at(RegionCrash, "eu", Disk.KEPT, duration=30), duration=120, rate=2)
    one, other = (simulate(scenario, records(200), KEYRING, alerts=alerts) for alerts in (False, True))
    assert (one.digest, one.events, one.entries) == (other.digest, other.events, other.entries)
    assert not one.alerts
    assert len(other.alerts) == len(TABLE.alert)
