"""The pytest plugin on a project of its own: the example that comes with the simulator, whole and with a bug planted in it."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "sim" / "example"
SOUND, PLANTED = "return refuse(refusal)\n\n\nPROGRAMS", "return answer(claim, claim.entry)\n\n\nPROGRAMS"
PLUGIN = "flk.sim.testing.plugin"


def shell(line: str, project: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A line as the workflow's shell runs it: in the project, with this interpreter, and no package index."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    given = {**os.environ, "PATH": path, "PIP_NO_INDEX": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    given |= {"PYTEST_PLUGINS": PLUGIN, **environment}
    return subprocess.run(
        ["bash", "-e", "-c", line], cwd=project, env=given, capture_output=True, text=True, check=False
    )


def properties(report: Path) -> dict[str, dict[str, str]]:
    """The properties of each test of a JUnit report."""
    cases = ET.parse(report).getroot().iter("testcase")
    return {
        case.get("name", ""): {one.get("name", ""): one.get("value", "") for one in case.iter("property")}
        for case in cases
    }


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the example."""
    shutil.copytree(EXAMPLE, tmp_path / "example", ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
    return tmp_path / "example"


def test_pytest_finds_the_plugin_where_the_lab_is_installed() -> None:
    """The entry point names a module that is there, and loads nothing of the simulator."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    assert declared["flk"] == PLUGIN
    assert import_module(PLUGIN).MARKS
    code = f"import sys, {PLUGIN}; sys.exit('flk.sim.simulate' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.thorough
def test_the_workflow_of_the_example_passes(project: Path) -> None:
    """Each `run:` step of the file, in order, whatever the event."""
    workflow = yaml.safe_load((project / ".github" / "workflows" / "flk.yml").read_text())
    steps = [step["run"] for step in workflow["jobs"]["lab"]["steps"] if "run" in step]
    assert len(steps) == 3
    for step in steps:
        line = step.replace("--flk-seeds 1000 --flk-budget 10m", "--flk-seeds 30 --flk-budget 1m")
        done = shell(line, project)
        assert done.returncode == 0, done.stdout + done.stderr
    found = properties(project / "flk.xml")
    one = found["test_lost_messages_are_made_up_for[seed-2]"]
    assert (one["flk.verdict"], one["flk.seed"], one["flk.scenario"]) == ("holds", "2", "link-loss")
    assert re.fullmatch("[0-9a-f]+", one["flk.digest"])
    assert "WAL-1" in one["flk.requirements"].split()
    assert found["test_no_schedule_of_faults_breaks_it"]["flk.runs"] == "100"
    assert found["test_the_lease_is_exclusive"]["flk.states"] == "5"
    assert found["test_the_hunt_would_find_an_ignored_error_of_the_store"]["flk.verdict"] == "violated"
    at_night = properties(project / "flk-night.xml")
    assert "test_lost_messages_are_made_up_for[seed-30]" in at_night
    assert at_night["test_no_schedule_of_faults_breaks_it"]["flk.runs"] == "30"


def test_a_planted_bug_fails_with_a_small_schedule_and_a_line_that_replays_it(project: Path) -> None:
    """An error of the store is answered as if the record were kept; the line shows the same violation, anywhere in the project."""
    programs = project / "my_service" / "programs.py"
    assert SOUND in programs.read_text()
    programs.write_text(programs.read_text().replace(SOUND, PLANTED))
    done = shell("python -m pytest --junitxml=flk.xml -k 'schedule or lease'", project)
    assert done.returncode == 1, done.stdout
    assert "1 failed, 2 passed" in done.stdout
    assert "Traceback" not in done.stdout
    assert re.search(r"hunt, seed \d+: ✗ violated\n", done.stdout)
    # twice where CI is set: pytest's summary is not cut short then
    ((invariant, before, after),) = set(
        re.findall(r"(\S+) is still violated, after \d+ replays: (\d+) → (\d+) faults", done.stdout)
    )
    assert int(after) <= int(before)
    (line,) = set(re.findall(r"replay: (flk replay '[^']+')", done.stdout))
    again = shell(shlex.join([sys.executable, "-m", "flk.impl.command", *shlex.split(line)[1:], "--json"]), project)
    assert again.returncode == 1, again.stderr
    assert re.search(rf'"invariant":"{invariant}"[^}}]*"verdict":"violated"', again.stdout)
    failed = properties(project / "flk.xml")["test_no_schedule_of_faults_breaks_it"]
    assert failed["flk.verdict"] == "violated"
    assert invariant in failed["flk.violated"].split()
    assert failed["flk.replay"].startswith("flk replay 'flk1.")


PASSED, FAILED, ERROR = "passed", "failure", "error"
TESTS: Mapping[str, tuple[str, str]] = {
    """
@pytest.mark.flk_hunt(seeds=3, expect="violated")
def test_an_expected_violation_that_does_not_come(): ...
""": (FAILED, "hunt over 3 seeds: ✓ holds, expected violated"),
    """
@pytest.mark.flk_protocol("gallery/get-then-set", expect=None)
def test_the_body_judges(result): assert result.counterexample
""": (PASSED, ""),
    """
@pytest.mark.flk_protocol("gallery/get-then-set")
def test_a_refuted_design(): ...
""": (FAILED, "again: flk explore gallery/get-then-set"),
    """
@pytest.mark.flk_claim("first-write-wins")
def test_a_claim(result): assert len(result) == 1
""": (PASSED, ""),
    """
@pytest.mark.flk_scenario("split-brian")
def test_an_unknown_name(): ...
""": (ERROR, "did you mean split-brain"),
    """
@pytest.mark.flk_hunt(seed=3)
def test_an_unknown_argument(): ...
""": (ERROR, "flk_hunt: got an unexpected keyword argument 'seed'"),
    """
@pytest.mark.flk_hunt(seeds=3, expect="fails")
def test_an_unknown_expectation(): ...
""": (ERROR, "expect='fails': choose from holds, violated, undecided"),
    """
def test_no_mark(result): ...
""": (ERROR, "the fixture 'result' needs one of the marks flk_scenario"),
    """
@pytest.fixture
def result(): return 7
def test_a_fixture_of_its_own(result): assert result == 7
""": (PASSED, ""),
    """
@pytest.mark.flk_protocol("two-phase-commit")
class TestMarkedClass:
    def test_a_mark_on_its_class(self, result): assert result.states == 288
""": (PASSED, ""),
    """
from flk.sim import DESIGNS, MODEL
MINE = MODEL._replace(ingest=DESIGNS["keep-what-is-stored"].ingest)
@pytest.mark.flk_hunt(seeds=50, programs=MINE, workers=2)
def test_programs_of_the_test_module(): ...
""": (FAILED, "replay: flk replay 'flk1."),
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str]]:
    """What became of each of these tests, and what was said."""
    home = tmp_path_factory.mktemp("marked")
    for number, text in enumerate(TESTS):
        (home / f"test_{number}.py").write_text(f"import pytest\n{text}")
    shell("python -m pytest --strict-markers --flk-shrink 5 --junitxml=report.xml", home)
    found = {}
    for case in ET.parse(home / "report.xml").getroot().iter("testcase"):
        failures = [(one.tag, one.text or "") for one in case if one.tag in {FAILED, ERROR}]
        found[case.get("name", "")] = failures[0] if failures else (PASSED, "")
    return found


@pytest.mark.parametrize("text", TESTS, ids=lambda text: str(re.search(r"test_(\w+)", text)[1]))  # type: ignore[index]
def test_what_a_marked_test_says(told: dict[str, tuple[str, str]], text: str) -> None:
    """Passed, failed or in error, and the sentence that tells it, without a traceback."""
    (name,) = re.findall(r"def (test_\w+)", text)
    outcome, said = told[name]
    assert outcome == TESTS[text][0], said
    assert TESTS[text][1] in said
    assert "Traceback" not in said


def test_without_shrinking_the_failure_is_shown_as_it_is(tmp_path: Path) -> None:
    """The violation and the line that replays it."""
    (tmp_path / "test_it.py").write_text(
        "import pytest\n@pytest.mark.flk_hunt(seeds=50, programs='keep-what-is-stored')\ndef test_it(): ...\n"
    )
    said = shell("python -m pytest -q --flk-shrink 0 test_it.py", tmp_path).stdout
    assert "watermark-never-ahead at " in said
    assert "shrunk" not in said


def test_the_marks_are_listed_with_their_arguments(tmp_path: Path) -> None:
    """As `pytest --markers` shows them."""
    listed = shell("python -m pytest --markers", tmp_path).stdout
    for mark in ("flk_scenario(scenario, seeds=None", "flk_hunt(base=None", "flk_protocol(protocol", "flk_claim(name"):
        assert f"@pytest.mark.{mark}" in listed
