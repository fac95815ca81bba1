"""`flk scenario` shows and checks what `flk run` runs."""

import json
import tomllib
from pathlib import Path

import jsonschema
import msgspec
import pytest
from tests.support.impl.command import flk

from flk.sim.scenarios import files as scenario_files
from flk.sim.scenarios.builder import scenario as begin
from flk.sim.scenarios.schema import schema

pytestmark = pytest.mark.slow


def test_the_list_names_every_scenario() -> None:
    """One line for each, in words and as JSON."""
    told = json.loads(flk("scenario", "list", "--json").stdout)
    assert [row["name"] for row in told] == sorted(scenario_files.library())
    shown = flk("scenario", "list").stdout
    assert all(row["name"] in shown for row in told)


def test_what_is_shown_is_the_scenario(tmp_path: Path) -> None:
    """The TOML and the Python that are printed are read back as the same scenario."""
    value = scenario_files.find("three-regions")
    file = tmp_path / "three.toml"
    file.write_text(flk("scenario", "show", "three-regions").stdout)
    assert scenario_files.load(file) == value
    text = flk("scenario", "show", "three-regions", "--python").stdout
    assert eval(text, {"scenario": begin}) == value
    assert json.loads(flk("scenario", "show", "three-regions", "--json").stdout)["hash"] == value.hash


def test_files_are_checked(tmp_path: Path) -> None:
    """A sound file is named with its content, an invalid one with the line and the fix."""
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text(scenario_files.library()["calm"])
    bad.write_text(scenario_files.library()["calm"].replace("duplicates", "duplicate"))
    done = flk("scenario", "check", str(good), str(bad))
    assert done.returncode == 2
    assert scenario_files.find("calm").hash in done.stdout
    assert "bad.toml, line" in done.stderr
    assert "did you mean duplicates?" in done.stderr
    assert flk("scenario", "check", str(good)).returncode == 0


@pytest.mark.parametrize("name", sorted(scenario_files.library()))
def test_the_schema_knows_the_library(name: str) -> None:
    """Every scenario of the library satisfies the schema, and a misspelt key does not."""
    raw = tomllib.loads(scenario_files.library()[name])
    checker = jsonschema.Draft202012Validator(schema())
    assert not list(checker.iter_errors(raw))
    assert list(checker.iter_errors({**raw, "fault": []}))
    assert list(checker.iter_errors({**raw, "duration": "9 minutes"}))


def test_the_schema_is_printed() -> None:
    """An editor is given the schema as a file."""
    assert json.loads(flk("scenario", "schema").stdout) == json.loads(json.dumps(schema()))


def test_arrivals_are_written_as_a_log_that_can_be_replayed(tmp_path: Path) -> None:
    """The log of a scenario's arrivals, named by a copy of it, gives the same arrivals again."""
    log, copy = tmp_path / "log.csv", tmp_path / "copy.toml"
    assert flk("scenario", "arrivals", "two-minute-partition", str(log)).returncode == 0
    value = scenario_files.find("two-minute-partition")
    copied = msgspec.structs.replace(value, workload=msgspec.structs.replace(value.workload, recorded=str(log)))
    copy.write_text(copied.to_toml())
    counts = [json.loads(flk("run", str(name), "--json").stdout)["counts"] for name in ("two-minute-partition", copy)]
    assert counts[0]["offered"] == counts[1]["offered"]
    assert counts[0]["repeated"] == counts[1]["repeated"]
    missing = flk("scenario", "arrivals", "calm", str(tmp_path / "absent" / "log.csv"))
    assert missing.returncode == 2
