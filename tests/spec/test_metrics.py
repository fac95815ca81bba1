"""The table of metrics and alerts hangs together."""

import re
from itertools import pairwise

import msgspec
import pytest

from flk.spec.constants import CONSTANTS
from flk.spec.metrics import METRICS, TABLE, Alert, Type, parse
from flk.spec.requirements import catalogue

IDS = frozenset(requirement.id for requirement in catalogue())
EXTERNAL = frozenset(metric.name for metric in TABLE.external) | frozenset(metric.name for metric in TABLE.process)


def test_names_are_unique_and_say_what_they_count() -> None:
    """No name is used twice; counters end in _total as the exposition format asks, and nothing else does."""
    assert len(METRICS) == len(TABLE.metric)
    assert len({alert.name for alert in TABLE.alert}) == len(TABLE.alert)
    for metric in TABLE.metric:
        assert metric.name.endswith("_total") == (metric.type is Type.COUNTER)
        assert metric.help.endswith(".")


def test_histograms_and_only_they_have_buckets_in_order() -> None:
    """Buckets rise strictly; a counter or gauge has none."""
    for metric in TABLE.metric:
        assert bool(metric.buckets) == (metric.type is Type.HISTOGRAM)
        assert all(lower < upper for lower, upper in pairwise(metric.buckets))


def test_the_latency_objective_is_a_bucket_bound() -> None:
    """Whether the objective was met can be read from the histogram without interpolation."""
    assert CONSTANTS.slo.latency_p95_seconds in METRICS["flk_submit_seconds"].buckets


def test_every_metric_and_alert_names_a_requirement() -> None:
    """What is measured serves a requirement of the catalogue."""
    assert {metric.requirement for metric in TABLE.metric} <= IDS
    assert {alert.requirement for alert in TABLE.alert} <= IDS


@pytest.mark.parametrize("alert", TABLE.alert, ids=lambda alert: alert.name)
def test_an_alert_reads_metrics_that_exist(alert: Alert) -> None:
    """Whatever name an expression uses is exported by the node or written by the scraper (OBS-1)."""
    assert alert.metrics()
    assert alert.metrics() <= METRICS.keys() | EXTERNAL
    assert "${" not in alert.expr


@pytest.mark.parametrize("alert", TABLE.alert, ids=lambda alert: alert.name)
def test_an_alert_reads_labels_and_series_that_exist(alert: Alert) -> None:
    """Matchers and groupings use labels of the metrics they stand with; only histograms have buckets."""
    for name, matchers in re.findall(r"(flk_\w+)\{([^}]*)\}", alert.expr):
        metric = METRICS[name.removesuffix("_bucket")]
        assert set(re.findall(r"(\w+)\s*[!=]=?~?\s*\"", matchers)) <= {*metric.labels}
    labels = {"le"}.union(*(METRICS[name].labels for name in alert.metrics() - EXTERNAL))
    for grouping in re.findall(r"by \(([^)]*)\)", alert.expr):
        assert set(grouping.split(", ")) <= labels
    for name in re.findall(r"(flk_\w+)_bucket", alert.expr):
        assert METRICS[name].type is Type.HISTOGRAM


def planted(expr: str) -> Alert:
    """An alert of which only the expression matters."""
    return msgspec.structs.replace(TABLE.alert[0], expr=expr)


def test_a_metric_that_nobody_exports_would_be_seen() -> None:
    """The names of an expression are found whatever their prefix; functions, labels, durations and operators are not names."""
    expr = 'sum by (le, flk_label) (rate(http_requests_total{code=~"5.."}[5m])) / flk_a_bucket > 1e3 and on (job) node_up offset 1h'
    assert planted(expr).metrics() == {"http_requests_total", "flk_a", "node_up"}


@pytest.mark.parametrize(
    ("sound", "broken"),
    [
        ('type = "counter"', 'type = "count"'),
        ('name = "flk_ingest_total"', 'name = "ingest"'),
        ('severity = "page"', 'severity = "loud"'),
        ('for = "10m"', 'for = "ten minutes"'),
        ('unit = "submissions"', 'units = "submissions"'),
        ('evidence = ["scenario calm"]', "evidence = []"),
        ('evidence = ["scenario calm"]', 'evidence = ["hope"]'),
    ],
)
def test_a_mistake_in_the_table_is_refused(sound: str, broken: str) -> None:
    """A misspelt kind, name, severity, duration or field does not pass in silence."""
    text = (
        '[[metric]]\nname = "flk_ingest_total"\ntype = "counter"\nunit = "submissions"\nhelp = "."\nrequirement = "OBS-1"\n'
        '[[external]]\nname = "up"\nhelp = "."\n'
        '[[alert]]\nname = "FLKDown"\nexpr = "up == ${ring.vnodes}"\nfor = "10m"\nseverity = "page"\nrequirement = "OBS-1"\n'
        'summary = "."\naction = "."\nevidence = ["scenario calm"]\n'
    )
    assert parse(text.encode()).alert[0].expr == f"up == {CONSTANTS.ring.vnodes}"
    with pytest.raises(msgspec.ValidationError):
        parse(text.replace(sound, broken).encode())
