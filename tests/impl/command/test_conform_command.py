"""`flk conform`, as a user types it: against our own SDK, our own server, and things that are neither."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest
from tests.support.conformance.flk_server import running

from flk.conformance.reports.report import CaseStatus, Report
from flk.conformance.server.checks import CHECKS
from flk.spec.vectors import Vectors, load

pytestmark = pytest.mark.slow

FLK = str(Path(sys.executable).with_name("flk"))
SUBJECT = [sys.executable, "-m", "flk.conformance.sdk.subject"]
KEYS = """
[[key]]
tenant = "default"
id = "a"
algorithm = "hmac-sha256"
secret = "one secret"

[[key]]
tenant = "other"
id = "b"
algorithm = "ed25519"
private_base64 = "nWGxne/9WmC6hEr0kuwsxERJxXN7MmkZcDusAxyuf2A="
"""


def flk(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command."""
    return subprocess.run([FLK, "conform", *arguments], capture_output=True, text=True, check=False)


def test_our_server_passes_every_check(tmp_path: Path) -> None:
    """`flk serve`, two tenants, both algorithms, killed and started again in between: nothing left out, nothing failed."""
    keys, state, xml = tmp_path / "keys.toml", tmp_path / "state.json", tmp_path / "junit.xml"
    keys.write_text(KEYS)
    keys.chmod(0o600)
    restart = shlex.join([sys.executable, "-m", "tests.support.conformance.flk_server", str(state)])
    tenants = ["--tenant", "default", "--tenant", "other"]
    with running(tmp_path / "data", keys, state) as url:
        done = flk(
            "server", url, "--key", str(keys), *tenants, "--restart-command", restart, "--json", "--junit", str(xml)
        )
    report = msgspec.json.decode(done.stdout, type=Report)
    assert {result.name: result.detail for result in report.results if result.status is not CaseStatus.PASSED} == {}
    assert done.returncode == 0
    assert len(ElementTree.parse(xml).findall("testcase")) == len(CHECKS)


def test_our_sdk_passes_as_a_user_asks_it(tmp_path: Path) -> None:
    """`flk conform sdk` with one operation: exit code 0, a report for people, JUnit for tools."""
    xml = tmp_path / "junit.xml"
    done = flk("sdk", "--operation", "pcs_id", "--junit", str(xml), "--", *SUBJECT)
    assert done.returncode == 0
    assert "ID-1" in done.stdout
    assert "conforms" in done.stdout
    suite = ElementTree.parse(xml).getroot()
    assert (suite.get("failures"), suite.get("errors"), suite.get("skipped")) == ("0", "0", "0")
    assert suite.get("tests") == str(len(suite.findall("testcase")))


def test_the_model_is_a_subject_of_the_command() -> None:
    """`flk conform sdk -- flk conform subject` conforms."""
    done = flk("sdk", "--operation", "regime", "--", FLK, "conform", "subject")
    assert (done.returncode, "✓ conforms" in done.stdout) == (0, True)


def test_a_defect_is_exit_code_1() -> None:
    """A subject that forgets a case does not conform, and the report names it."""
    done = flk(
        "sdk", "--operation", "regime", "--", sys.executable, "-m", "tests.support.conformance.bad_subject", "crashes"
    )
    assert done.returncode == 1
    assert "does not conform" in done.stdout
    assert "missing required field" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["sdk", "--", "/no/such/command"], "cannot be started"),
        (["sdk", "--operation", "teleport", "--", "true"], "no operation is called teleport"),
        (["server", "http://127.0.0.1:1", "--key", "KEYS"], "no server answers"),
        (["server", "nowhere", "--key", "KEYS"], "base URL"),
        (["server", "http://127.0.0.1:1", "--key", "/no/such/file"], "/no/such/file"),
        (["server", "http://127.0.0.1:1", "--key", "KEYS", "--check", "nonsense"], "no check is called nonsense"),
        (["vectors", "--operation", "teleport"], "no operation is called teleport"),
    ],
)
def test_what_cannot_be_used_is_exit_code_2(arguments: list[str], says: str, tmp_path: Path) -> None:
    """One message that names the input."""
    keys = tmp_path / "keys.toml"
    keys.write_text(KEYS)
    done = flk(*(str(keys) if argument == "KEYS" else argument for argument in arguments))
    assert done.returncode == 2
    assert says in done.stderr


def test_vectors_are_listed() -> None:
    """`flk conform vectors` tells what there is; with --json it is all there."""
    assert "pcs_id.golden" in flk("vectors").stdout
    listed = msgspec.json.decode(flk("vectors", "--operation", "pcs_id", "--json").stdout, type=tuple[Vectors, ...])
    assert listed == tuple(group for group in load() if group.operation == "pcs_id")


def test_nothing_that_matters_is_cut_at_80_columns() -> None:
    """Names of vectors, requirements and cases are whole, whatever wraps; the line that asks again is one line."""
    listed = flk("vectors").stdout
    assert "…" not in listed
    assert all(re.search(rf"^{re.escape(group.name)} ", listed, re.MULTILINE) for group in load())
    subject = shlex.join([sys.executable, "-m", "tests.support.conformance.bad_subject", "crashes"])
    shown = flk("sdk", "--operation", "regime", "--operation", "node", "--", *shlex.split(subject)).stdout
    assert "…" not in shown
    asked = [group for group in load() if group.operation in {"regime", "node"}]
    for requirement in {requirement for group in asked for requirement in group.requirements}:
        assert re.search(rf"^{requirement} ", shown, re.MULTILINE)
    assert f"again: flk conform sdk --operation=node -- {subject}\n" in shown
