"""`flk drill --real`: real nodes, a real server of the S3 protocol, and the simulator's prediction of the same scenario."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest
from tests.support.impl.command import flk

pytestmark = pytest.mark.slow

HEAD = """
name = "small"
description = "Two regions for some seconds."
duration = "{duration}"
regions = ["eu", "us"]

[workload]
records = "synthetic:80"
rate = 8
until = "{until}"
duplicates = 0.1
agents = {{ eu = 1, us = 1 }}

[policy]
ship_interval = "300ms"
replay_interval = "300ms"
timeout = "1s"
retry = {{ max_attempts = 5, base_delay_seconds = 0.1, max_delay_seconds = 0.5, timeout_seconds = 1.0 }}
failover = {{ probe_interval_seconds = 0.4, probe_timeout_seconds = 0.4, probe_failures = 2 }}

[network]
default = {{ delay = "5ms", jitter = "1ms" }}
"""
FIRE = """
[[faults]]
id = "fire"
kind = "region_crash"
start = "{start}"
duration = "{duration}"
region = "eu"
disk = "lost"
"""
CUT = """
[[faults]]
id = "cut"
kind = "partition"
start = "{start}"
duration = "{duration}"
sides = [["us"], ["objects"]]
"""
BURNT = """
[[faults]]
id = "gone"
kind = "object_loss"
start = "0s"
duration = "4900ms"
region = "eu"
for_good = true
"""


def drilled(directory: Path, text: str, *options: str) -> tuple[int, dict[str, Any]]:
    """The exit code of a drill of a scenario, and what it says."""
    file = directory / "scenario.toml"
    file.write_text(text)
    result = flk("drill", str(file), "--real", "--seeds", "2", "--json", *options)
    assert result.stdout, result.stderr
    return result.returncode, msgspec.json.decode(result.stdout)


def verdicts(told: dict[str, Any]) -> dict[str, str]:
    """What each thing that was asked came to."""
    return {reason["name"]: reason["verdict"] for reason in told["reasons"]}


def test_regions_that_lose_a_disk_and_are_cut_off_keep_what_they_acknowledged_and_become_alike(tmp_path: Path) -> None:
    """One drill from end to end: answers, measures, traces, page and chart."""
    scenario = (
        HEAD.format(duration="8s", until="6s")
        + FIRE.format(start="2s", duration="1s")
        + CUT.format(start="4500ms", duration="1s")
    )
    page, chart, kept = tmp_path / "drill.html", tmp_path / "drill.svg", tmp_path / "kept"
    code, told = drilled(tmp_path, scenario, "--html", str(page), "--svg", str(chart), "--keep", str(kept))
    asked = verdicts(told)
    del asked["RPO"]  # a loss that only the disk had is allowed, and few seeds may not predict it
    assert set(asked.values()) == {"holds"}, told["reasons"]
    assert {"kept", "promises", "alike", "trace eu-1", "trace eu-2", "trace us-1", "trace all regions"} <= set(asked)
    assert code == {"holds": 0, "violated": 1}[told["verdict"]]
    measured = {row["measure"]: row for row in told["measures"]}
    assert measured["offered"]["measured"] == measured["offered"]["same_seed"]
    assert measured["acknowledged"]["measured"] == measured["offered"]["measured"] > 20
    assert measured["lost"]["measured"] <= measured["rpo_records"]["measured"]
    assert measured["rto"]["measured"] > 0
    assert measured["rto_recover"]["measured"] > 0
    assert not measured["heal"]["at_least"]
    happened = [line["what"] for line in told["happened"]]
    assert "eu is killed (SIGKILL), its disk is gone" in happened
    assert "us and objects: cut" in happened
    assert "small" in page.read_text()
    assert ElementTree.fromstring(chart.read_text()).tag.endswith("svg")
    assert {path.name for path in kept.glob("*.jsonl")} == {"eu-1.jsonl", "eu-2.jsonl", "us-1.jsonl"}
    assert not (kept / "eu-1").exists()


@pytest.mark.thorough
def test_what_had_been_in_an_object_and_is_lost_with_disk_and_object_is_found_out(tmp_path: Path) -> None:
    """The planted fault: while the other region cannot read, objects are deleted for good, and then the disk is lost."""
    scenario = (
        HEAD.format(duration="8s", until="6s").replace("probe_failures = 2", "probe_failures = 1000")  # nobody moves
        + CUT.format(start="0s", duration="5200ms")
        + BURNT
        + FIRE.format(start="4900ms", duration="600ms")
    )
    code, told = drilled(tmp_path, scenario)
    assert code == 1
    assert verdicts(told)["kept"] == "violated"
    assert told["lost"]
    assert next(row["measured"] for row in told["measures"] if row["measure"] == "lost") == len(told["lost"])


LITTLE = """
[[faults]]
id = "{kind}"
kind = "{kind}"
start = "{start}"
duration = "800ms"
region = "{region}"
"""


def test_regions_of_several_nodes_lose_processes_stores_and_disks_and_become_alike(tmp_path: Path) -> None:
    """Two nodes to a region on one Redis: a process is killed, the store's server, and all of a region with its disks."""
    scenario = (
        HEAD.format(duration="9s", until="8s")
        + LITTLE.format(kind="process_crash", start="1s", region="eu")
        + LITTLE.format(kind="store_outage", start="2s", region="us")
        + FIRE.format(start="6s", duration="1s")
    )
    code, told = drilled(tmp_path, scenario, "--store", "redis", "--nodes", "2", "--keep", str(tmp_path / "kept"))
    asked = verdicts(told)
    del asked["RPO"]
    assert set(asked.values()) == {"holds"}, told["reasons"]
    assert code == {"holds": 0, "violated": 1}[told["verdict"]]
    happened = [line["what"] for line in told["happened"]]
    for what in ("a process of eu is killed", "the server of the store of us is killed", "eu is killed (SIGKILL), its"):
        assert any(line.startswith(what) for line in happened), happened
    kept = {path.name for path in (tmp_path / "kept").glob("*.jsonl")}
    assert kept == {
        f"{name}.jsonl" for name in ("eu-node1-1", "eu-node1-2", "eu-node2-1", "eu-node2-2", "us-node1-1", "us-node2-1")
    }
    assert {"trace eu, store 1", "trace eu, store 2", "trace us, store 1"} <= set(asked)
    measured = {row["measure"]: row["measured"] for row in told["measures"]}
    assert measured["acknowledged"] == measured["offered"] > 20


def test_only_a_shared_store_can_be_away() -> None:
    """Without one the fault is refused, with the option that gives it a counterpart; with one the plan has it."""
    refused = flk("drill", "retry-storm")
    assert refused.returncode == 2
    assert "with --store" in refused.stderr


def test_what_cannot_be_performed_is_refused_before_anything_starts() -> None:
    """By name, with what to type."""
    result = flk("drill", "lost-object", "--real")
    assert result.returncode == 2
    assert "intruder: object_name_taken" in result.stderr
    assert result.stderr.rstrip().endswith("--without intruder")
    assert not result.stdout


def test_without_real_nothing_is_started_and_the_schedule_is_said() -> None:
    """The schedule names each action with its moment."""
    result = flk("drill", "lost-object", "--without", "intruder", "--speed", "10")
    assert result.returncode == 0, result.stderr
    assert "9.00 s  50% of the objects of eu are lost, until 27 s" in result.stdout
    assert result.stdout.rstrip().endswith("nothing was started; --real starts it")
