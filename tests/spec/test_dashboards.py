"""The dashboards: Grafana's own model knows every word of them, Prometheus every expression, and no metric is left out (OBS-1)."""

import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models import dashboard as grafana
from tests.support.impl.command import flk

from flk.impl.server.metrics import Metrics
from flk.spec.dashboards import Dashboard, dashboards
from flk.spec.metrics import METRICS, TABLE, metrics_of, runbook

BOARDS = {one.name: one for one in dashboards()}
OUTSIDE = {one.name for one in TABLE.external}


def dropped(written: Any, understood: Any, at: str = "") -> Iterator[str]:
    """Where Grafana's model does not have what is written."""
    match written, understood:
        case dict(), dict():
            for key, value in written.items():
                if key in understood:
                    yield from dropped(value, understood[key], f"{at}.{key}")
                else:
                    yield f"{at}.{key}"
        case list(), list() if len(written) == len(understood):
            for number, pair in enumerate(zip(written, understood, strict=True)):
                yield from dropped(*pair, f"{at}[{number}]")
        case _:
            if written != understood:
                yield f"{at}: {written!r} is understood as {understood!r}"


def understood(board: dict[str, Any]) -> Any:
    """A dashboard as Grafana's model reads it and writes it again."""
    register_default_plugins()
    return json.loads(JSONEncoder().encode(grafana.Dashboard.from_json(board)))


@pytest.mark.parametrize("name", BOARDS)
def test_grafana_knows_every_word(name: str) -> None:
    """Read into the model that Grafana publishes and written again, nothing of it is gone or changed."""
    board = json.loads(BOARDS[name].text)
    assert not list(dropped(board, understood(board)))


def test_a_word_that_grafana_does_not_know_is_seen() -> None:
    """The check above can fail: an option of a panel, a key of a panel, a kind of threshold."""
    board = json.loads(BOARDS["flk-node"].text)
    panel = next(one for one in board["panels"] if one["type"] == "timeseries")
    panel["colour"] = "blue"
    panel["options"]["legend"]["place"] = "left"
    panel["fieldConfig"]["defaults"]["custom"]["width"] = 2
    assert {place.rpartition(".")[2] for place in dropped(board, understood(board))} == {"colour", "place", "width"}


def test_prometheus_knows_every_expression(tmp_path: Path) -> None:
    """With what Grafana fills in, each is PromQL."""
    asked = [query.replace("$__rate_interval", "5m") for board in BOARDS.values() for query in board.queries]
    lines = [f'  - {{record: "q:{number}", expr: {json.dumps(query)}}}' for number, query in enumerate(asked)]
    (tmp_path / "queries.yml").write_text("groups:\n- name: q\n  rules:\n" + "\n".join(lines) + "\n")
    done = subprocess.run(
        ["promtool", "check", "rules", tmp_path / "queries.yml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(asked)} rules found" in done.stdout


def test_every_metric_has_one_panel_that_asks_for_it() -> None:
    """A node exports all that the panels ask for, and each metric stands in one row of one board."""
    rows = Counter(name for board in TABLE.board for row in board.row for name in row.metrics)
    assert set(rows) == METRICS.keys() | {one.name for one in TABLE.process} | {"up"}
    assert set(rows.values()) == {1}
    exported = set(re.findall(r"^# TYPE (\w+)", Metrics().exposition().decode(), re.MULTILINE))
    for board in BOARDS.values():
        for query in board.queries:
            assert metrics_of(query) <= exported | OUTSIDE, query
    for name, asked in ((one.name, panels(one)) for one in BOARDS.values() if one.name != "flk-alerts"):
        expected = [
            metric
            for board in TABLE.board
            if f"flk-{board.name}" == name
            for row in board.row
            for metric in row.metrics
        ]
        assert list(asked) == expected
        assert all(metrics_of(target["expr"]) == {metric} for metric, one in asked.items() for target in one["targets"])


def panels(board: Dashboard) -> dict[str, dict[str, Any]]:
    """The panels of a dashboard that ask for something, by title."""
    return {panel["title"]: panel for panel in json.loads(board.text)["panels"] if panel["type"] != "row"}


def test_each_kind_of_metric_is_asked_as_it_must_be() -> None:
    """Counters by rate, histograms by quantiles of their buckets, gauges as they are; labels stay apart."""
    node, store = panels(BOARDS["flk-node"]), panels(BOARDS["flk-store"])
    (refusals,) = node["flk_refusals_total"]["targets"]
    assert re.match(
        r"sum by \(region, status, requirement\) \(rate\(flk_refusals_total\{.*\}\[\$__rate_interval\]\)\)",
        refusals["expr"],
    )
    assert [one["expr"][:25] for one in store["flk_store_seconds"]["targets"]] == [
        f"histogram_quantile({share}," + " sum"[: 25 - len(f"histogram_quantile({share},")]
        for share in (0.5, 0.95, 0.99)
    ]
    assert all("by (le, region, operation)" in one["expr"] for one in store["flk_store_seconds"]["targets"])
    assert store["flk_store_seconds"]["fieldConfig"]["defaults"]["unit"] == "s"
    assert node["flk_ready"]["type"] == "state-timeline"
    assert node["flk_wal_bytes_total"]["fieldConfig"]["defaults"]["unit"] == "Bps"


def test_each_alert_shows_its_bound_and_leads_to_its_runbook() -> None:
    """A panel for each; where one number is compared, the line is at that number."""
    shown = panels(BOARDS["flk-alerts"])
    for alert in TABLE.alert:
        (link,) = shown[alert.name]["links"]
        assert link["url"] == runbook(alert)
    steps = shown["FLKSignatureFailuresSpike"]["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [step["value"] for step in steps] == [None, 10.0]


def test_panels_do_not_lie_on_each_other() -> None:
    """No two panels of a board share a cell of the grid."""
    for board in BOARDS.values():
        cells: Counter[tuple[int, int]] = Counter()
        for panel in json.loads(board.text)["panels"]:
            at = panel["gridPos"]
            cells.update((x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"]))
        assert set(cells.values()) == {1}
        assert max(x for x, _ in cells) < 24


@pytest.mark.slow
def test_the_command_writes_them(tmp_path: Path) -> None:
    """`flk spec dashboards` writes a file for each, with the runbooks where an operator has them; `flk spec rules` likewise."""
    base = "https://docs.example/runbooks"
    done = flk("spec", "dashboards", "--out", str(tmp_path / "d"), "--runbooks", base)
    assert done.returncode == 0
    assert {path.stem for path in (tmp_path / "d").iterdir()} == set(BOARDS)
    assert f"{base}/FLKOverload.html" in (tmp_path / "d" / "flk-alerts.json").read_text()
    assert f'"runbook_url": "{base}/FLKOverload.html"' in flk("spec", "rules", "--runbooks", base).stdout
