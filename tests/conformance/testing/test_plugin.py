"""`pytest --flk-subject`: each case is a test, and pytest's own outcomes say what the kit says."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.support import ROOT
from tests.support.conformance.regimes import REGIME

PLUGIN = "flk.conformance.testing.plugin"
MODEL = f"{sys.executable} -m flk.conformance.sdk.subject"
BAD = f"{sys.executable} -m tests.support.conformance.bad_subject"


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Pytest in a folder, with this plugin alone."""
    given = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": PLUGIN}
    given["PYTHONPATH"] = os.pathsep.join([str(ROOT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=folder, env=given, capture_output=True, text=True, check=False)


def test_pytest_finds_the_plugin_and_pays_nothing_for_it() -> None:
    """The entry point names it; without the option neither the kit nor numpy is imported."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    assert declared["flk_conformance"] == PLUGIN
    code = f"import sys, {PLUGIN}; sys.exit('flk.conformance.sdk.driver' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.slow
def test_each_case_is_a_test_and_only_what_is_chosen_is_asked(tmp_path: Path) -> None:
    """In an empty folder, by requirement; the properties name the requirements."""
    done = run(tmp_path, "--flk-subject", MODEL, "-k", "SIG-4", "--junitxml=r.xml", "-q")
    assert done.returncode == 0, done.stdout + done.stderr
    suite = ElementTree.parse(tmp_path / "r.xml").getroot()[0]
    assert int(suite.get("tests", "")) > 50
    assert all("SIG-4" in str(one.get("value")) for one in suite.iter("property"))


@pytest.mark.slow
def test_failures_skips_and_known_failures_are_those_of_the_kit(tmp_path: Path) -> None:
    """Of a subject file: a failure says why, what is declined is skipped, a known failure is an xfail, its list can be stale."""
    (tmp_path / "known.txt").write_text("regime/** #17 2999-01-01 one of them crashes\n")
    habits = {"bad": "crashes", "known": "crashes", "declines": "declines-operation", "chatty": "chatters"}
    tables = [
        f'[[subject]]\nname = "{name}"\ncommand = "{BAD} {habit}"\ncases = ["regime/**"]\n'
        for name, habit in habits.items()
    ]
    tables[1] += 'known_failures = "known.txt"\n'
    (tmp_path / "flk-subject.toml").write_text("".join(tables))
    done = run(tmp_path, "--flk-subject", "flk-subject.toml", "-rfsx", "-q")
    assert done.returncode == 1
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert sorted(line.split(" - ")[0].partition("::")[0] for line in failed) == [
        "FAILED bad",
        "FAILED chatty",
        "FAILED known",
    ]
    assert "missing required field" in done.stdout
    assert "breach of protocol: a line on stdout that is no message" in done.stdout
    assert "known failures: " in done.stdout
    assert "1 xfailed" in done.stdout
    assert "declined: regime: no regimes here" in done.stdout


@pytest.mark.slow
def test_generated_cases_are_a_test_and_what_fails_is_kept(tmp_path: Path) -> None:
    """Vectors of one case pass; of the drawn ones some fail, are kept, and are asked from then on without drawing."""
    (tmp_path / "subject.py").write_text(REGIME.replace("MISHAP", "False").replace("2.6", "2.5"))
    table = f'[[subject]]\nname = "sdk"\ncommand = ["{sys.executable}", "subject.py"]\noperations = ["regime"]\n'
    table += 'cases = ["regime/0-0"]\n'
    file = tmp_path / "flk-subject.toml"
    file.write_text(table + 'keep = "kept.json"\ngenerate = 200\nseed = 3\n')
    drawn = run(tmp_path, "--flk-subject", file.name, "-q", "-rA")
    assert drawn.returncode == 1, drawn.stdout
    assert "PASSED sdk::regime/0-0" in drawn.stdout
    assert "FAILED sdk::generated - regime/" in drawn.stdout
    file.write_text(table.replace("regime/0-0", "**") + 'keep = "kept.json"\n')
    kept = run(tmp_path, "--flk-subject", file.name, "-q", "-rf", "-k", "generated")
    assert "FAILED sdk::generated - regime/" in kept.stdout
    file.write_text(table)
    assert "generated" not in run(tmp_path, "--flk-subject", file.name, "-q", "-rA").stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("subject", "code", "says"),
    [("missing.toml", 4, "missing.toml: cannot be read"), ("/no/such/command", 1, "cannot be started")],
)
def test_what_cannot_be_asked_is_told_in_a_line(subject: str, code: int, says: str, tmp_path: Path) -> None:
    """A file before anything runs; a command as the failure of its tests, without a traceback."""
    done = run(tmp_path, "--flk-subject", subject, "-k", "protocol")
    assert done.returncode == code
    assert says in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
