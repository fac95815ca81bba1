"""Dashboards for Grafana, made of the table of metrics and alerts (OBS-1): a panel for each metric, and one for each alert."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from flk.spec.metrics import METRICS, RUNBOOKS, TABLE, Alert, External, Metric, OfProcess, Severity, Type, runbook

Json: TypeAlias = dict[str, Any]
Shown: TypeAlias = Metric | OfProcess | External

JOB = "flk"
"""The name under which a scraper asks the nodes; the alerts of the table have it, too."""
SCHEMA = 39
"""The version of Grafana's schema for dashboards (Grafana 11)."""

_CHOSEN = f'job="{JOB}", region=~"$region", instance=~"$instance"'
_SOURCE = {"type": "prometheus", "uid": "$datasource"}
_QUANTILES = (0.5, 0.95, 0.99)
_UNITS = {"seconds": "s", "bytes": "bytes", "percent": "percent", "timestamp": "dateTimeFromNow"}
_STATES = frozenset({"boolean", "1"})
_COLUMNS, _WIDTH, _HEIGHT = 24, 8, 8
_LINK: Json = {  # to the other dashboards
    "type": "dashboards",
    "title": "FLK",
    "tags": ["flk"],
    "asDropdown": True,
    "includeVars": True,
    "keepTime": True,
    "targetBlank": False,
    "icon": "external link",
    "tooltip": "",
    "url": "",
}
_THRESHOLD = re.compile(r"^(?P<value>(?:(?! or | and ).)+) (?P<sign><|>|==) (?P<bound>[0-9.]+)$")
_COLOURS = {Severity.PAGE: "red", Severity.CRITICAL: "orange", Severity.WARNING: "yellow", Severity.INFO: "blue"}


class Dashboard(NamedTuple):
    """A dashboard: the name of its file without `.json`, the text of the file, and the expressions of its panels as they stand in
    it, with `$region`, `$instance` and `$__rate_interval` for Grafana to fill.
    """

    name: str
    text: str
    queries: tuple[str, ...]


def dashboards(runbooks: str = RUNBOOKS) -> tuple[Dashboard, ...]:
    """Those of the table, and one of the alerts, whose panels lead to the runbooks.

    >>> [one.name for one in dashboards()]
    ['flk-node', 'flk-replication', 'flk-store', 'flk-alerts']
    """
    outside: dict[str, Shown] = {one.name: one for one in TABLE.external}
    process: dict[str, Shown] = {one.name: one for one in TABLE.process}
    shown: Mapping[str, Shown] = {**METRICS, **process, **outside}
    return (
        *(
            _board(
                f"flk-{one.name}",
                one.title,
                [(row.title, [_panel(shown[of]) for of in row.metrics]) for row in one.row],
            )
            for one in TABLE.board
        ),
        _board("flk-alerts", "FLK: alerts", list(_alert_rows(runbooks))),
    )


# What a metric is shown as.


def _panel(metric: Shown) -> Json:
    match metric:
        case External():
            return _states(metric.name, metric.help, f"min by (region, instance) ({metric.name}{{{_CHOSEN}}})")
        case Metric(type=Type.HISTOGRAM):
            return _lines(metric.name, metric.help, _unit(metric.unit), list(_quantiles(metric)))
        case Metric(type=Type.COUNTER) | OfProcess(type=Type.COUNTER):
            by = ", ".join(("region", *_labels(metric)))
            rate = f"sum by ({by}) (rate({metric.name}{{{_CHOSEN}}}[$__rate_interval]))"
            return _lines(
                metric.name,
                f"{metric.help} In a second.",
                _per_second(metric.unit),
                [(rate, _legend(metric, "region"))],
            )
        case _:
            by = ", ".join(("region", "instance", *_labels(metric)))
            value = f"max by ({by}) ({metric.name}{{{_CHOSEN}}})"
            if metric.unit in _STATES:
                return _states(metric.name, metric.help, value, _legend(metric, "instance"))
            return _lines(metric.name, metric.help, _unit(metric.unit), [(value, _legend(metric, "instance"))])


def _quantiles(metric: Metric) -> Iterator[tuple[str, str]]:
    by = ", ".join(("le", "region", *metric.labels))
    rates = f"sum by ({by}) (rate({metric.name}_bucket{{{_CHOSEN}}}[$__rate_interval]))"
    for share in _QUANTILES:
        yield f"histogram_quantile({share}, {rates})", f"{_legend(metric, 'region')} p{100 * share:g}"


def _labels(metric: Metric | OfProcess) -> Sequence[str]:
    return metric.labels if isinstance(metric, Metric) else ()


def _legend(metric: Metric | OfProcess, of: str) -> str:
    return " ".join(f"{{{{{label}}}}}" for label in (of, *_labels(metric)))


def _unit(unit: str) -> str:
    return _UNITS.get(unit, f"suffix: {unit}")


def _per_second(unit: str) -> str:
    return {"bytes": "Bps", "seconds": "percentunit"}.get(unit, f"suffix: {unit}/s")


# Alerts.


def _alert_rows(runbooks: str) -> Iterator[tuple[str, list[Json]]]:
    firing = 'ALERTS{alertname=~"FLK.*", alertstate="firing"}'
    yield (
        "What fires",
        [
            _states("Alerts that fire", "Each by its name.", f"max by (alertname) ({firing})", "{{alertname}}"),
            *(
                _count(
                    str(severity),
                    f'count(ALERTS{{alertname=~"FLK.*", alertstate="firing", severity="{severity}"}}) or vector(0)',
                    colour,
                )
                for severity, colour in _COLOURS.items()
            ),
        ],
    )
    for severity in Severity:
        panels = [_alert(alert, runbooks) for alert in TABLE.alert if alert.severity is severity]
        yield f"Severity {severity}", panels


def _alert(alert: Alert, runbooks: str) -> Json:
    """What an alert looks at, with its bound if it is compared with one, else where it holds."""
    compared = _THRESHOLD.match(alert.expr)
    panel = _lines(
        alert.name,
        f"{alert.summary} {alert.action}",
        "none",
        [(compared["value"] if compared else alert.expr, "__auto")],
    )
    panel["links"] = [{"title": "Runbook", "url": runbook(alert, runbooks), "type": "link", "targetBlank": True}]
    if compared and compared["sign"] != "==":
        colours = (
            [_COLOURS[alert.severity], "green"] if compared["sign"] == "<" else ["green", _COLOURS[alert.severity]]
        )
        defaults = panel["fieldConfig"]["defaults"]
        defaults["thresholds"] = _thresholds(*zip((None, float(compared["bound"])), colours, strict=True))
        defaults["custom"]["thresholdsStyle"] = {"mode": "line"}
    return panel


# Parts of a dashboard.


def _lines(title: str, help_: str, unit: str, targets: Iterable[tuple[str, str]]) -> Json:
    custom = {"lineWidth": 1, "fillOpacity": 10, "showPoints": "never"}
    options = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return _of("timeseries", title, help_, targets, {"unit": unit, "min": 0, "custom": custom}, options)


def _states(title: str, help_: str, expr: str, legend: str = "{{instance}}") -> Json:
    """Bars that are green at 1 and red at 0; of alerts and breakers the words say what is meant."""
    options = {
        "showValue": "never",
        "rowHeight": 0.9,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False},
    }
    return _of(
        "state-timeline",
        title,
        help_,
        [(expr, legend)],
        {"thresholds": _thresholds((None, "red"), (1.0, "green"))},
        options,
    )


def _count(title: str, expr: str, colour: str) -> Json:
    reduced = {
        "reduceOptions": {"calcs": ["lastNotNull"], "values": False},
        "colorMode": "background",
        "graphMode": "none",
    }
    return _of(
        "stat",
        title,
        "Alerts of this severity that fire.",
        [(expr, title)],
        {"thresholds": _thresholds((None, "green"), (1.0, colour))},
        reduced,
    )


def _thresholds(*steps: tuple[float | None, str]) -> Json:
    return {"mode": "absolute", "steps": [{"value": value, "color": colour} for value, colour in steps]}


def _of(kind: str, title: str, help_: str, targets: Iterable[tuple[str, str]], defaults: Json, options: Json) -> Json:
    asked = [
        {"refId": chr(ord("A") + number), "datasource": _SOURCE, "expr": expr, "legendFormat": legend}
        for number, (expr, legend) in enumerate(targets)
    ]
    return {
        "type": kind,
        "title": title,
        "description": help_,
        "datasource": _SOURCE,
        "targets": asked,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
    }


def _board(uid: str, title: str, rows: Sequence[tuple[str, list[Json]]]) -> Dashboard:
    panels = [panel | {"id": number} for number, panel in enumerate(_placed(rows), 1)]
    board = {
        "uid": uid,
        "title": title,
        "tags": ["flk"],
        "editable": False,
        "graphTooltip": 1,  # a cursor for all panels
        "refresh": "30s",
        "schemaVersion": SCHEMA,
        "time": {"from": "now-6h", "to": "now"},
        "links": [_LINK],
        "templating": {"list": [_datasource(), _variable("region", ""), _variable("instance", 'region=~"$region"')]},
        "annotations": {"list": []},
        "panels": panels,
    }
    queries = tuple(target["expr"] for panel in panels for target in panel.get("targets", ()))
    return Dashboard(uid, json.dumps(board, indent=2) + "\n", queries)


def _placed(rows: Sequence[tuple[str, list[Json]]]) -> Iterator[Json]:
    """Rows one under the other, each with its panels, three beside each other."""
    top = 0
    for title, panels in rows:
        yield {
            "type": "row",
            "title": title,
            "collapsed": False,
            "panels": [],
            "gridPos": {"x": 0, "y": top, "w": _COLUMNS, "h": 1},
        }
        for number, panel in enumerate(panels):
            down, across = divmod(number, _COLUMNS // _WIDTH)
            yield panel | {"gridPos": {"x": across * _WIDTH, "y": top + 1 + down * _HEIGHT, "w": _WIDTH, "h": _HEIGHT}}
        top += 1 + -(-len(panels) // (_COLUMNS // _WIDTH)) * _HEIGHT


def _datasource() -> Json:
    return {"type": "datasource", "name": "datasource", "label": "Source", "query": "prometheus"}


def _variable(label: str, chosen: str) -> Json:
    """A choice among the values of a label of the nodes."""
    selector = ", ".join(filter(None, (f'job="{JOB}"', chosen)))
    return {
        "type": "query",
        "name": label,
        "label": label.capitalize(),
        "datasource": _SOURCE,
        "query": {"query": f"label_values(up{{{selector}}}, {label})", "refId": label},
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "sort": 1,
    }
