"""Table, runbooks and drills hang together: an alert has a page, the page has a drill, and both are there (OBS-1)."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from tests.support import ROOT

from flk.impl.server.metrics import Metrics
from flk.sim.scenarios import files as scenario_files
from flk.spec.metrics import TABLE, Alert, metrics_of, rules, runbook
from flk.spec.trace import resolve_tests
from flkdocs.markdown import blocks

PAGES = ROOT / "spec" / "docs" / "pages" / "runbooks"
SECTIONS = ["What it means", "What is at stake", "Look", "Mend", "The drill"]
EXISTS = resolve_tests(ROOT)


def page(alert: Alert) -> str:
    """The runbook of an alert."""
    return (PAGES / f"{alert.name}.md").read_text("utf-8")


def asked(text: str, language: str) -> list[str]:
    """The lines of a page's blocks of a language."""
    return [line for block in blocks(text) if block.language == language for line in block.body.splitlines() if line]


def test_every_alert_has_a_page_and_every_page_an_alert() -> None:
    """None is missing, and none is left over."""
    assert {path.stem for path in PAGES.glob("*.md")} == {alert.name for alert in TABLE.alert} | {"index"}


@pytest.mark.parametrize("alert", TABLE.alert, ids=lambda alert: alert.name)
def test_a_page_says_what_an_operator_needs(alert: Alert) -> None:
    """What it means, what is at stake, where to look, how to mend, and how to see it; it leads to the rule, which leads to it."""
    text = page(alert)
    assert text.startswith(f"# {alert.name}\n")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == SECTIONS
    assert all(len(part.split()) >= 8 for part in re.split(r"^## .*$", text, flags=re.MULTILINE)[1:])
    assert f"(../reference/metrics.md#{alert.name.lower()})" in text
    assert f'"runbook_url": "{runbook(alert)}"' in rules()
    assert runbook(alert) == f"runbooks/{alert.name}.html"


@pytest.mark.parametrize("alert", TABLE.alert, ids=lambda alert: alert.name)
def test_a_page_names_the_drill_or_the_tests_that_show_its_alert(alert: Alert) -> None:
    """The page's drill is the evidence of the table and is in the library; without one, the tests of the table exist."""
    drills = [line.removeprefix("flk run ") for line in asked(page(alert), "sh") if line.startswith("flk run ")]
    assert tuple(drills) == alert.drills
    assert set(drills) <= set(scenario_files.library())
    for item in alert.evidence:
        kind, _, name = item.partition(" ")
        assert kind == "scenario" or EXISTS(name), name
    assert drills or "imulat" in page(alert).split("## The drill")[1]


def test_the_queries_of_the_pages_are_sound(tmp_path: Path) -> None:
    """Prometheus takes each, and a node exports what it asks for."""
    queries = [line for alert in TABLE.alert for line in asked(page(alert), "promql")]
    lines = [f'  - {{record: "q:{number}", expr: {json.dumps(query)}}}' for number, query in enumerate(queries)]
    (tmp_path / "queries.yml").write_text("groups:\n- name: q\n  rules:\n" + "\n".join(lines) + "\n")
    done = subprocess.run(
        ["promtool", "check", "rules", tmp_path / "queries.yml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    exported = set(re.findall(r"^# TYPE (\w+)", Metrics().exposition().decode(), re.MULTILINE))
    for query in queries:
        assert metrics_of(query) <= exported | {one.name for one in TABLE.external}, query


def test_lines_of_the_log_that_pages_name_are_written() -> None:
    """A name such as `cold.damaged` in a page stands in the code of the server."""
    source = "".join(path.read_text("utf-8") for path in (ROOT / "impl" / "flk" / "impl").rglob("*.py"))
    named = {name for alert in TABLE.alert for name in re.findall(r"`([a-z]+\.[a-z_]+)`", page(alert))}
    assert len(named) > 5
    assert not [name for name in named if f'"{name}"' not in source]
