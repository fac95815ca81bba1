"""The file of rules for Prometheus: sound, of what nodes export, and loud when it should be (OBS-1)."""

import subprocess
from pathlib import Path

import pytest

from flk.impl.server.metrics import Metrics
from flk.spec.metrics import METRICS, TABLE, parts, rules

PROCESS = {metric.name for metric in TABLE.process}
EXTERNAL = {metric.name for metric in TABLE.external}
COMPARISON = ("comparison",)


def exported() -> set[str]:
    """What a node of `flk serve` exports."""
    lines = Metrics().exposition().decode().splitlines()
    return {line.split()[2] for line in lines if line.startswith("# TYPE ")}


def promtool(directory: Path, *command: str) -> str:
    """What promtool says, empty if it is content."""
    done = subprocess.run(["promtool", *command], cwd=directory, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize("having", [(), COMPARISON])
def test_every_alert_of_the_rule_file_reads_what_a_node_exports(having: tuple[str, ...]) -> None:
    """An alert on a part that the nodes do not have is left out, and with the part it is there; no alert is in neither."""
    file = rules(having)
    there = exported() | {name for name, metric in METRICS.items() if metric.part in having}
    for alert in TABLE.alert:
        assert (f"- alert: {alert.name}\n" in file) == (alert.metrics() <= there | EXTERNAL)
        assert parts(alert) <= {*COMPARISON}
    assert exported() == {name for name, metric in METRICS.items() if not metric.part} | PROCESS


def test_the_rule_file_is_sound_and_fires_on_what_nodes_export(tmp_path: Path) -> None:
    """Prometheus takes it, and tells of a clock that is doubted and of a store that was found damaged at a restart."""
    (tmp_path / "flk.rules.yml").write_text(rules(COMPARISON))
    assert promtool(tmp_path, "check", "rules", "flk.rules.yml") == ""
    (tmp_path / "tests.yml").write_text(
        """
rule_files: [flk.rules.yml]
evaluation_interval: 15s
tests:
  - interval: 15s
    input_series:
      - {series: 'flk_clock_trusted{instance="eu"}', values: '1x8 0x8 1x8'}
      - {series: 'flk_store_damage_total{instance="eu"}', values: '0x8 _x4 1x12'}
    alert_rule_test:
      - {eval_time: 90s, alertname: FLKClockDoubtful, exp_alerts: []}
      - eval_time: 180s
        alertname: FLKClockDoubtful
        exp_alerts:
          - exp_labels: {instance: eu, severity: critical, requirement: HLC-5}
            exp_annotations: {summary: "SUMMARY", description: "ACTION"}
      - {eval_time: 300s, alertname: FLKClockDoubtful, exp_alerts: []}
      - {eval_time: 90s, alertname: FLKStoreDamage, exp_alerts: []}
""".replace("SUMMARY", next(alert.summary for alert in TABLE.alert if alert.name == "FLKClockDoubtful")).replace(
            "ACTION", next(alert.action for alert in TABLE.alert if alert.name == "FLKClockDoubtful")
        )
    )
    assert promtool(tmp_path, "test", "rules", "tests.yml") == ""
