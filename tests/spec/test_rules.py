"""The file of rules for Prometheus: sound, of what nodes export, and loud when it should be (OBS-1)."""

import subprocess
from pathlib import Path

from flk.impl.server.metrics import Metrics
from flk.spec.metrics import METRICS, TABLE, rules

PROCESS = {metric.name for metric in TABLE.process}
EXTERNAL = {metric.name for metric in TABLE.external}


def exported() -> set[str]:
    """What a node of `flk serve` exports."""
    lines = Metrics().exposition().decode().splitlines()
    return {line.split()[2] for line in lines if line.startswith("# TYPE ")}


def promtool(directory: Path, *command: str) -> str:
    """What promtool says, empty if it is content."""
    done = subprocess.run(["promtool", *command], cwd=directory, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_every_alert_of_the_rule_file_reads_what_a_node_exports() -> None:
    """Every alert of the table is in it, and reads what nodes export or what the scraper adds."""
    for alert in TABLE.alert:
        assert f"- alert: {alert.name}\n" in rules()
        assert alert.metrics() <= exported() | EXTERNAL
    assert exported() == METRICS.keys() | PROCESS


def test_the_rule_file_is_sound_and_fires_on_what_nodes_export(tmp_path: Path) -> None:
    """Prometheus takes it, and tells of a clock that is doubted and of a store that was found damaged at a restart."""
    (tmp_path / "flk.rules.yml").write_text(rules())
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
            exp_annotations: {summary: "SUMMARY", description: "ACTION", runbook_url: runbooks/FLKClockDoubtful.html}
      - {eval_time: 300s, alertname: FLKClockDoubtful, exp_alerts: []}
      - {eval_time: 90s, alertname: FLKStoreDamage, exp_alerts: []}
""".replace("SUMMARY", next(alert.summary for alert in TABLE.alert if alert.name == "FLKClockDoubtful")).replace(
            "ACTION", next(alert.action for alert in TABLE.alert if alert.name == "FLKClockDoubtful")
        )
    )
    assert promtool(tmp_path, "test", "rules", "tests.yml") == ""
