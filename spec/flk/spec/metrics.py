"""The metrics that a node exports and the alerts on them (OBS-1). The table stands in `metrics.toml`."""

import json
import re
from enum import StrEnum
from importlib.resources import files
from typing import Annotated

import msgspec
from msgspec import Meta

from flk.spec.template import fill

_NOT_NAMES = re.compile(r'"[^"]*"|\{[^}]*\}|\[[^]]*\]|\b(?:by|without|on|ignoring)\s*\([^)]*\)')
_NAME = re.compile(r"\b[a-zA-Z_:][\w:]*\b(?!\s*\()")
_OPERATORS = frozenset({"and", "or", "unless", "bool", "offset"})


class Type(StrEnum):
    """What kind of number a metric is."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Severity(StrEnum):
    """How soon somebody must look: now, within 15 minutes, within the hour, the next day."""

    PAGE = "page"
    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class Metric(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One metric. `buckets` are the upper bounds of a histogram in the metric's unit, without infinity."""

    name: Annotated[str, Meta(pattern="^flk_[a-z_]+$")]
    type: Type
    unit: str
    help: str
    requirement: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


class OfProcess(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A metric of the process that a node runs in."""

    name: Annotated[str, Meta(pattern="^process_[a-z_]+$")]
    type: Type
    unit: str
    help: str


class External(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A metric that the scraper writes about a node, or the monitoring system about its alerts."""

    name: str
    help: str


class BoardRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row of a dashboard: a panel for each of these metrics."""

    title: str
    metrics: tuple[str, ...]


class Board(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A dashboard."""

    name: Annotated[str, Meta(pattern="^[a-z]+$")]
    title: str
    row: tuple[BoardRow, ...]


class Alert(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"hold": "for"}):
    """A rule: `expr` (PromQL) must be true for the duration `hold`. `action` is the first thing to do; `evidence` shows it firing:
    `scenario NAME`, or `test PATH::NAME`.
    """

    name: Annotated[str, Meta(pattern="^FLK[A-Za-z]+$")]
    expr: str
    hold: Annotated[str, Meta(pattern="^[0-9]+[smhd]$")]
    severity: Severity
    requirement: str
    summary: str
    action: str
    evidence: Annotated[tuple[Annotated[str, Meta(pattern="^(scenario|test) ")], ...], Meta(min_length=1)]

    def metrics(self) -> frozenset[str]:
        """The metrics that `expr` reads."""
        return metrics_of(self.expr)

    @property
    def drills(self) -> tuple[str, ...]:
        """The scenarios in which it fires."""
        return tuple(item.removeprefix("scenario ") for item in self.evidence if item.startswith("scenario "))


def metrics_of(expr: str) -> frozenset[str]:
    """The metrics that an expression reads: every name in it that is no function, operator or label.

    The series of a histogram go under the histogram's name.
    """
    names = set(_NAME.findall(_NOT_NAMES.sub(" ", expr))) - _OPERATORS
    return frozenset(re.sub(r"_(bucket|sum|count)$", "", name) for name in names)


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole table."""

    metric: tuple[Metric, ...]
    external: tuple[External, ...]
    alert: tuple[Alert, ...]
    process: tuple[OfProcess, ...] = ()
    board: tuple[Board, ...] = ()


def parse(text: bytes) -> Table:
    """The table that a TOML text states, constants filled in. Raises msgspec.ValidationError, or LookupError for a constant."""
    table = msgspec.toml.decode(text, type=Table)
    alerts = tuple(msgspec.structs.replace(alert, expr=fill(" ".join(alert.expr.split()))) for alert in table.alert)
    return msgspec.structs.replace(table, alert=alerts)


TABLE = parse(files("flk.spec").joinpath("metrics.toml").read_bytes())
METRICS = {metric.name: metric for metric in TABLE.metric}
"""Every metric of a node, by name."""


RUNBOOKS = "runbooks/"
"""Where the runbooks are, unless an operator says where his copy of the site is: seen from its first page."""


def runbook(alert: Alert, base: str = RUNBOOKS) -> str:
    """The address of an alert's runbook.

    >>> runbook(TABLE.alert[0], "https://docs.example/runbooks")
    'https://docs.example/runbooks/FLKErrorBudgetBurn.html'
    """
    return f"{base.removesuffix('/')}/{alert.name}.html"


def rules(runbooks: str = RUNBOOKS) -> str:
    """The alerts as a file of rules for Prometheus, each with the address of its runbook.

    >>> print(rules().splitlines()[3])
          - alert: FLKErrorBudgetBurn
    """
    lines = ["groups:", "  - name: flk", "    rules:"]
    for alert in TABLE.alert:
        labels = {"severity": alert.severity, "requirement": alert.requirement}
        annotations = {"summary": alert.summary, "description": alert.action, "runbook_url": runbook(alert, runbooks)}
        lines += [
            f"      - alert: {alert.name}",
            f"        expr: {json.dumps(alert.expr)}",  # a string of JSON is one of YAML
            f"        for: {alert.hold}",
            f"        labels: {json.dumps(labels)}",
            f"        annotations: {json.dumps(annotations)}",
        ]
    return "\n".join(lines) + "\n"
