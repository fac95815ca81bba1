"""Prometheus' own tool as an oracle: it is given series and what we say of them, and says where it disagrees."""

import math
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from flk.sim.alerts.alerts import EVERY, AlertHistory
from flk.sim.alerts.series import NAME, Database, Labels, Series, shown
from flk.sim.alerts.vectors import Vector
from flk.spec.metrics import Alert

TICK = 7.5  # seconds; scrapes lie at its odd multiples and evaluations at even ones

_DIFFERENCE = re.compile(r"exp: ?(.*)\n\s*got: ?(.*)")
_SAMPLE = re.compile(r"([a-z_:]*\{[^}]*\}) (\S+?)(?:,|$)")


def complaint(directory: Path, tests: Sequence[Mapping[str, Any]], table: Sequence[Alert] = ()) -> str:
    """What promtool has to say against these tests, empty if nothing. YAML is a superset of the JSON that is written here."""
    rules = [{"alert": alert.name, "expr": alert.expr, "for": alert.hold} for alert in table]
    (directory / "rules.yml").write_bytes(msgspec.json.encode({"groups": [{"name": "all", "rules": rules}]}))
    content = {"rule_files": ["rules.yml"], "evaluation_interval": f"{EVERY:g}s", "tests": tests}
    (directory / "tests.yml").write_bytes(msgspec.json.encode(content))
    command = ["promtool", "test", "rules", "tests.yml"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else _without_rounding(done.stdout + done.stderr)[:3000]


def _without_rounding(told: str) -> str:
    """What remains of a complaint without those over a last digit: promtool compares numbers exactly."""
    head, *blocks = told.split("    expr: ")
    found = [(block, _DIFFERENCE.search(block)) for block in blocks]
    real = [block for block, pair in found if not (pair and _close(*pair.groups()))]
    return "" if "FAILED:" in head and "alertname" not in told and not real else "expr: ".join([head, *real])


def _close(expected: str, got: str) -> bool:
    one, other = dict(_SAMPLE.findall(expected)), dict(_SAMPLE.findall(got))
    return one.keys() == other.keys() and all(
        math.isclose(float(one[key]), float(other[key]), rel_tol=1e-9) or one[key] == other[key] == "NaN" for key in one
    )


def of_alerts(database: Database, alerts: Iterable[AlertHistory], moments: Sequence[float]) -> dict[str, Any]:
    """A test that says which alerts fire at each moment, and that no others do."""
    checks = [
        {
            "eval_time": _duration(moment),
            "alertname": alert.name,
            "exp_alerts": [
                {"exp_labels": dict(_pairs(firing.element))}
                for firing in alert.firings
                if firing.start <= moment and (firing.end is None or moment < firing.end)
            ],
        }
        for alert in alerts
        for moment in moments
    ]
    return {**_input(database), "alert_rule_test": checks}


def of_values(database: Database, values: Mapping[str, Vector], moments: Sequence[float]) -> dict[str, Any]:
    """A test that says what expressions are at each moment, to the last bit."""
    checks = [
        {
            "expr": text,
            "eval_time": _duration(moment),
            "exp_samples": [
                {"labels": _written(of), "value": _number(float(column.values[place]))}
                for of, column in vector.items()
                if column.present[place]
            ],
        }
        for text, vector in values.items()
        for place, moment in enumerate(moments)
    ]
    return {**_input(database), "promql_expr_test": checks}


def _number(value: float) -> float | msgspec.Raw:
    """As YAML has it, which knows more numbers than JSON."""
    if math.isfinite(value):
        return value
    return msgspec.Raw(b".nan" if math.isnan(value) else b".inf" if value > 0 else b"-.inf")


def _input(database: Database) -> dict[str, Any]:
    return {
        "interval": "7s500ms",
        "input_series": [{"series": _written(series.labels), "values": _values(series)} for series in database],
    }


def _written(of: Labels) -> str:
    pairs = dict(of)
    return f"{pairs.pop(NAME, '')}{{{shown(frozenset(pairs.items()))}}}"


def _values(series: Series) -> str:
    """In the notation of promtool: `_` where there is no sample, `stale` where the series ends."""
    places = np.rint(series.times / TICK).astype(int).tolist()
    cells = ["_"] * (max(places, default=0) + 1)
    for place, value in zip(places, series.values.tolist(), strict=True):
        cells[place] = "stale" if math.isnan(value) else repr(value)
    return " ".join(cells)


def _pairs(element: str) -> list[tuple[str, str]]:
    """The labels of an element, from the text that shows them; none of their values has a comma or a quote."""
    cut = (pair.split("=", 1) for pair in element.split(",") if pair)
    return [(name, value.strip('"')) for name, value in cut]


def _duration(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"
