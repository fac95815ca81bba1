"""The command as people type it: exit codes, JSON, messages."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from tests.support.impl.command import flk

from flk.impl.command.impl.limits import DEFAULTS, with_limits
from flk.spec.requirements import catalogue


def test_every_must_of_the_catalogue_has_evidence_that_exists() -> None:
    """`flk spec trace` finds no requirement without evidence, and no evidence that is only named."""
    done = flk("spec", "trace")
    assert done.returncode == 0, done.stdout
    assert "0 with a problem" in done.stdout


@pytest.mark.slow
def test_the_matrix_is_whole_at_80_columns() -> None:
    """Where nobody says how wide a terminal is, it has 80 columns: every id begins a line, every piece of evidence is on one."""
    shown = flk("spec", "trace", "REC").stdout
    assert "…" not in shown
    for one in (one for one in catalogue() if one.id.startswith("REC-")):
        assert f"\n{one.id} " in f"\n{shown}"
        assert all(f" {item}\n" in shown for item in one.evidence)


@pytest.mark.slow
def test_a_must_without_evidence_fails_the_trace(tmp_path: Path) -> None:
    """In a checkout whose tests are gone, the requirements that rest on them are named, and the exit code is 1."""
    (tmp_path / "tests").mkdir()
    done = flk("spec", "trace", "--root", str(tmp_path), "ID-5")
    assert done.returncode == 1
    assert "test_equal_ids_mean_equal_computations: does not exist" in done.stdout


@pytest.mark.slow
def test_proofs_for_programs() -> None:
    """`flk prove --json` is one JSON array: each theorem with its verdict, its obligations and its mutants."""
    done = flk("prove", "rounding-stability", "--json")
    assert done.returncode == 0
    (proof,) = msgspec.json.decode(done.stdout)
    assert proof["verdict"] == "proved"
    assert {trial["verdict"] for trial in proof["mutants"]} == {"refuted"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "fix"),
    [
        (("prove", "nonsense"), "choose from ingest"),
        (("spec", "show", "NOPE-1"), "`flk spec trace` lists them all"),
        (("run", "nonsense"), "three-regions"),
        (("agent", "records", "dataset:nonsense"), "jacksboro-fault"),
        (("serve", "--data", "nowhere", "--keys", "missing.toml"), "missing.toml"),
    ],
)
def test_unusable_input_is_one_message_with_the_fix_and_exit_code_2(arguments: tuple[str, ...], fix: str) -> None:
    """What cannot be used is said in one message on standard error, never a traceback."""
    done = flk(*arguments)
    assert done.returncode == 2
    assert fix in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("flk: ")


@pytest.mark.slow
def test_every_bound_of_a_server_is_listed_with_its_meaning() -> None:
    """`flk limits` names each as `--limit` takes it, for people and for programs."""
    listed = msgspec.json.decode(flk("limits", "--json").stdout, type=list[dict[str, object]])
    bounds = {f"{limit['name']}={limit['default']}" for limit in listed}
    assert len(bounds) == len(listed) > 30
    assert with_limits(sorted(bounds)) == DEFAULTS
    assert all(limit["meaning"] for limit in listed)
    assert "pressure.floor" in flk("limits").stdout


def test_help_imports_no_room() -> None:
    """`flk --help` is instant because subcommands import what they need when they run."""
    script = "import sys; from flk.impl.command import main\nsys.argv = ['flk', '--help']\n"
    script += "try: main()\nexcept SystemExit: print(sorted(m for m in sys.modules if m in {'z3', 'numpy', 'simpy'}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
