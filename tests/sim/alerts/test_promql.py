"""PromQL in simulation is Prometheus' PromQL: values and alerts are those of promtool."""

from math import isnan
from pathlib import Path
from random import Random

import msgspec
import numpy as np
import pytest
from tests.support.sim.promtool import TICK, complaint, of_alerts, of_values

from flk.sim.alerts.alerts import EVERY, evaluated
from flk.sim.alerts.promql import Query
from flk.sim.alerts.series import STALE, Database, labels
from flk.spec.errors import UnusableInput
from flk.spec.metrics import METRICS, TABLE, Type

REGIONS = ("eu", "us", "ap")
SCRAPES = 120
SCRAPED = [TICK + EVERY * number for number in range(SCRAPES)]
MOMENTS = [EVERY * number for number in range(SCRAPES + 25)]  # until the last sample is too old


def counters(rng: Random, most: int = 3000) -> list[float | None]:
    """A counter that grows, rests, is reset, misses scrapes, and goes away: None where it was not scraped."""
    value, samples = 0, list[float | None]()
    while len(samples) < SCRAPES:
        kind = rng.choice(["grow", "grow", "rest", "reset", "miss", "gone"])
        value = 0 if kind == "reset" else value
        for _ in range(rng.randint(1, 20)):
            value += rng.randint(0, most) if kind in {"grow", "reset"} else 0
            samples.append(None if kind == "miss" else STALE if kind == "gone" else float(value))
    return samples[:SCRAPES]


def gauges(rng: Random, most: float) -> list[float | None]:
    """A gauge that keeps each value for a while."""
    samples: list[float | None] = []
    while len(samples) < SCRAPES:
        samples += [rng.choice([None, STALE, 0.0, most, rng.uniform(0, most)])] * rng.randint(1, 25)
    return samples[:SCRAPES]


def put(database: Database, name: str, pairs: dict[str, str], samples: list[float | None]) -> None:
    """A series of a database. A series is marked as gone once, after a sample."""
    gone = True
    for at, value in zip(SCRAPED, samples, strict=True):
        if value is None or (gone and isnan(value)):
            continue
        gone = isnan(value)
        database.series(labels(name, pairs.items())).append(at, value)


def histograms(rng: Random, bounds: list[str]) -> dict[str, list[float | None]]:
    """A histogram by bounds: each bucket counts at least what the one below it does."""
    below = np.zeros(SCRAPES)
    found: dict[str, list[float | None]] = {}
    for bound in bounds:
        steps = [rng.choice([0, rng.randint(0, 40)]) for _ in range(6)]
        below = below + np.cumsum(np.repeat(steps, SCRAPES // len(steps)))
        found[bound] = list(map(float, below))
    return found


# Values.

SELECTORS = ["a", 'a{region="eu"}', 'a{region!~"e.", kind=~"x|y"}', 'b{kind!=""}', "b"]
OPERATORS = ["+", "-", "*", "/", "%", "^", ">", "<=", "==", "!=", "> bool", "< bool"]
BETWEEN = ["+", "/", ">", "<", "and", "or", "unless", "* on (region)", "- ignoring (kind)", "or on ()"]


def expression(rng: Random) -> str:
    """An expression of the subset that matches without ambiguity."""
    pick = rng.choice
    selector, number, span = pick(SELECTORS), pick(["0", "0.5", "3", "1000"]), pick(["20s", "1m", "5m", "10m"])

    def growth() -> str:
        return f"{pick(['rate', 'increase'])}({pick(SELECTORS)}[{span}])"

    def summed() -> str:
        inner = pick([selector, growth()])
        return f"{pick(['sum', 'max', 'min', 'count'])} {pick(['by (region)', 'without (kind)'])} ({inner})"

    part = pick([selector, growth(), summed()])
    share, merged = pick(["0", "0.5", "0.95", "1", "2"]), pick(["sum by", "max by"])
    whole = pick(
        [
            f"({summed()} {pick(BETWEEN)} {summed()})",
            f"({part} {pick(OPERATORS)} {number})",
            f"({number} {pick(OPERATORS)} {part})",
            f"(sum({growth()}) or vector({number}))",
            f"-({summed()})",
            part,
            f"histogram_quantile({share}, {merged} (le, region) (rate(h_bucket[{span}])))",
        ]
    )
    return pick([whole, whole, f"sum by (region) ({whole})"])


def database(rng: Random) -> Database:
    """Some series of the metrics `a`, `b` and `h_bucket`."""
    database = Database()
    for name in ("a", "b"):
        for region in REGIONS[: rng.randint(1, 3)]:
            for kind in rng.choice([["x"], ["x", "y"], ["x", ""]]):
                pairs = {"region": region, "kind": kind} if kind else {"region": region}
                put(database, name, pairs, counters(rng))
    for bound, samples in histograms(rng, ["0.1", "0.5", "1", "+Inf"]).items():
        put(database, "h_bucket", {"region": "eu", "le": bound}, samples)
    return database


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_values_are_those_of_prometheus(seed: int, tmp_path: Path) -> None:
    """Random expressions over random series have the elements that promtool computes, with the same values."""
    rng, tests, moments = Random(seed), [], np.array(MOMENTS[::3])
    for _ in range(7):
        series = database(rng)
        values = {text: Query(text).evaluate(series, moments) for text in {expression(rng): None for _ in range(12)}}
        tests.append(of_values(series, values, list(moments)))
    assert not complaint(tmp_path, tests)


@pytest.mark.parametrize("seed", [0])
def test_changes_are_those_of_prometheus(seed: int, tmp_path: Path) -> None:
    """How often counters and gauges changed, over spans with resets, gaps and ends of series."""
    rng, tests, moments = Random(seed), [], np.array(MOMENTS[::3])
    for span in ("20s", "1m", "10m", "25m"):
        series = database(rng)
        put(series, "g", {"region": "eu"}, gauges(rng, 3.0))
        texts = [
            f"changes({rng.choice(SELECTORS)}[{span}])",
            f"sum by (region) (changes(a[{span}]))",
            f"changes(g[{span}]) > 2",
        ]
        tests.append(of_values(series, {text: Query(text).evaluate(series, moments) for text in texts}, list(moments)))
    assert not complaint(tmp_path, tests)


# Alerts.

GAUGES = {
    "process_start_time_seconds": 1e9,
    "flk_audit_queue_oldest_seconds": 1e5,
    "flk_audit_queue_tasks": 1e5,
    "flk_crr_lag_seconds": 120.0,
    "flk_divergence_percent": 20.0,
    "flk_ready": 1.0,
    "flk_retention_age_seconds": 40000.0,
    "flk_snapshot_age_seconds": 20000.0,
    "flk_store_rows_rotten": 1.0,
    "flk_tenant_expected_dedup_ratio": 1.0,
    "flk_tier_deferred": 1.0,
    "flk_tls_certificate_expires_seconds": 3e6,
    "up": 1.0,
}
LABELS = {
    "flk_audit_queue_tasks": [{"log": "eu", "state": "waiting"}, {"log": "eu", "state": "dead"}],
    "flk_audit_task_attempts_total": [{"log": "eu", "result": "done"}, {"log": "eu", "result": "failed"}],
    "flk_outcomes_total": [{"outcome": "accepted"}, {"outcome": "rejected"}],
    "flk_refusals_total": [{"status": "503", "requirement": "ORD-4"}, {"status": "429", "requirement": "ORD-6"}],
    "flk_crr_lag_seconds": [{"stage": "ship", "source": "eu"}, {"stage": "replay", "source": "us"}],
    "flk_divergence_percent": [{"peer": "us", "kind": "count"}, {"peer": "us", "kind": "sample"}],
    "flk_clock_ahead_total": [{"source": "us"}],
    "flk_store_seconds": [{"operation": "claim"}],
    "process_start_time_seconds": [{"job": "flk"}],
    "up": [{"job": "flk"}],
}
READ = sorted(set().union(*(alert.metrics() for alert in TABLE.alert)))


def exported(rng: Random) -> Database:
    """Everything that the alerts of the table read, of two regions."""
    database = Database()
    for name in READ:
        for region in REGIONS[:2]:
            for pairs in LABELS.get(name, [{}]):
                where = {**pairs, "region": region}
                if name in METRICS and METRICS[name].type is Type.HISTOGRAM:
                    bounds = [*(f"{bound:g}" for bound in METRICS[name].buckets[-5:]), "+Inf"]
                    for bound, samples in histograms(rng, bounds).items():
                        put(database, f"{name}_bucket", {**where, "le": bound}, samples)
                else:
                    samples = gauges(rng, GAUGES[name]) if name in GAUGES else counters(rng, rng.choice([5, 50, 3000]))
                    put(database, name, where, samples)
    return database


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3])
def test_the_alerts_of_the_table_fire_when_they_do_in_prometheus(seed: int, tmp_path: Path) -> None:
    """On random series every alert of the table fires at the evaluations at which promtool's fires, for the same elements."""
    rng, tests, fired = Random(seed), [], set()
    for _ in range(7):
        series = exported(rng)
        alerts = evaluated(series, (), MOMENTS[-1])
        fired |= {alert.name for alert in alerts if alert.firings}
        tests.append(of_alerts(series, alerts, MOMENTS))
    assert not complaint(tmp_path, tests, TABLE.alert)
    assert fired >= {alert.name for alert in TABLE.alert} - {
        "FLKDedupAnomalyHigh",
        "FLKDedupAnomalyLow",
    }  # rare at random


@pytest.mark.slow
def test_what_is_usual_is_that_of_prometheus(tmp_path: Path) -> None:
    """A third were duplicates, and then hardly any: expected as in Prometheus, and missed at the same evaluations."""
    series, ingest, hits = Database(), 0.0, 0.0
    for number in range(360):
        ingest, hits = ingest + 15, hits + (5 if number < 120 else 0)
        for name, value in (("flk_ingest_total", ingest), ("flk_dedup_hits_total", hits)):
            series.series(labels(name, [("region", "eu")])).append(TICK + EVERY * number, value)
    moments = [EVERY * number for number in range(360)]
    (low,) = (alert for alert in evaluated(series, (), moments[-1]) if alert.firings)
    assert low.name == "FLKDedupAnomalyLow"
    assert not complaint(tmp_path, [of_alerts(series, [low], moments)], TABLE.alert)


def test_promtool_would_say_so(tmp_path: Path) -> None:
    """The oracle is no formality: an alert that is said to fire too late is complained of, and so is a wrong value."""
    series, moments = Database(), np.array(MOMENTS)
    put(series, "up", {"job": "flk", "region": "eu"}, [0.0] * SCRAPES)
    (down,) = (alert for alert in evaluated(series, (), MOMENTS[-1]) if alert.name == "FLKBackendDown")
    (firing,) = down.firings
    late = msgspec.structs.replace(firing, start=firing.start + EVERY)
    assert "FLKBackendDown" in complaint(
        tmp_path, [of_alerts(series, [msgspec.structs.replace(down, firings=(late,))], MOMENTS)], TABLE.alert
    )
    assert "up + 1" in complaint(
        tmp_path, [of_values(series, {"up + 1": Query("up").evaluate(series, moments)}, MOMENTS)]
    )


@pytest.mark.parametrize(
    ("text", "construct"),
    [
        ("avg_over_time(up[5m])", "avg_over_time"),
        ("up offset 5m", "offset"),
        ("up @ 17", "@"),
        ("rate(up[5m:1m])", "rate"),
        ("topk(2, up)", "topk"),
        ("stddev(up)", "stddev"),
        ("up * on (a) group_left (b) down", "group_left"),
        ('{job="flk"}', "without the name"),
        ("up atan2 down", "atan2"),
        ('label_replace(up, "a", "$1", "b", "(.*)")', "label_replace"),
        ("up +", "not PromQL"),
    ],
)
def test_what_cannot_be_evaluated_is_named(text: str, construct: str) -> None:
    """A construct beyond the subset is refused, and the message says which."""
    with pytest.raises(UnusableInput, match=construct):
        Query(text)


def test_an_ambiguous_match_is_told() -> None:
    """Where Prometheus would fail at run time, the expression and the labels are named."""
    database = Database()
    for kind in "xy":
        put(database, "a", {"region": "eu", "kind": kind}, [1.0] * SCRAPES)
    with pytest.raises(UnusableInput, match=r"several series match \{region=eu\}"):
        Query("a / on (region) a").evaluate(database, np.array(MOMENTS))
