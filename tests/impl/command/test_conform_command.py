"""`flk conform`, as a user types it: against our own SDK, our own server, and things that are neither."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest
from tests.support import ROOT
from tests.support.conformance.flk_server import State, running

from flk.conformance.reports.report import CaseStatus, Report
from flk.conformance.reports.stream import read
from flk.conformance.server.checks import CHECKS
from flk.impl.access import Role, add_token
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
tenant = "default"
id = "b"
algorithm = "hmac-sha256"
secret = "the next secret"
not_before = 2026-01-01T00:00:00Z

[[key]]
tenant = "default"
id = "z"
algorithm = "hmac-sha256"
secret = "the last secret"
not_after = 2026-01-01T00:00:00Z

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
    """`flk serve`, two tenants, both algorithms, three keys, killed under load, without room and overloaded: all passes."""
    keys, state, xml = tmp_path / "keys.toml", tmp_path / "state.json", tmp_path / "junit.xml"
    keys.write_text(KEYS)
    keys.chmod(0o600)
    restart = shlex.join([sys.executable, "-m", "tests.support.conformance.flk_server", str(state)])
    given = {
        "--restart": restart,
        "--recover": restart,
        "--overload": f"{restart} overload",
        "--unavailable": f"{restart} min_free_bytes=1000000000000000",
    }
    tenants = ["--tenant", "default", "--tenant", "other"]
    access = tmp_path / "access.toml"
    for tenant in ("default", "other"):
        tenants += ["--token", f"{tenant}={add_token(access, tenant, Role.TENANT, tenant)}"]
    operators = add_token(access, "operator", Role.OPERATOR, None)
    with running(tmp_path / "data", keys, state, access) as url:
        admin = msgspec.json.decode(state.read_bytes(), type=State).admin
        given |= {"--admin": f"http://127.0.0.1:{admin}", "--admin-token": operators}
        commands = [word for option in given.items() for word in option]
        done = flk("server", url, "--node", url, "--key", str(keys), *tenants, *commands, "--json", "--junit", str(xml))
    report = msgspec.json.decode(done.stdout, type=Report)
    left = {result.name: result.detail for result in report.results if result.status is not CaseStatus.PASSED}
    assert {
        name: said for name, said in left.items() if not name.startswith(("audit-", "proofs-are-"))
    } == {}  # tried apart
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


def test_the_agent_is_a_subject_of_the_command(tmp_path: Path) -> None:
    """`flk conform delivery -- flk conform sender` conforms as far as it is asked; the report is written as results come, too."""
    lines = tmp_path / "out.ndjson"
    done = flk("delivery", "--scenario", "portal", "--ndjson", str(lines), "--", FLK, "conform", "sender")
    assert done.returncode == 0, done.stdout
    (report,) = read(lines)
    assert [result.name for result in report.results] == ["deliver/portal"]
    assert "✓ conforms as far as it was asked: 1 of" in " ".join(done.stdout.split())


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
        (["sdk", "--case", "teleport/*", "--", "true"], "no case is called teleport/*"),
        (["sdk", "--requirement", "SIG-99", "--", "true"], "no case bears on a requirement SIG-99"),
        (["sdk", "--known-failures", "/no/such/file", "--", "true"], "/no/such/file"),
        (["sdk", "--ndjson", "/no/such/folder/file", "--", "true"], "/no/such/folder/file: cannot be written"),
        (["compare", "/no/such/file.toml"], "/no/such/file.toml: cannot be read"),
        (["compare", "/no/such/file.ndjson"], "/no/such/file.ndjson: cannot be read"),
        (["vectors", "--operation", "teleport"], "no operation is called teleport"),
        (["delivery", "--scenario", "portals", "--", "true"], "no scenario is called portals"),
        (["delivery", "--", *SUBJECT], "does not offer the operation deliver"),
        (["server", "http://127.0.0.1:1", "--key", "KEYS", "--header", "nonsense"], "not a header field"),
        (["server", "http://127.0.0.1:1", "--key", "KEYS", "--signing-profile", "judge"], "did you mean judged"),
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


def test_a_subject_file_asks_several_and_shows_them_side_by_side(tmp_path: Path) -> None:
    """Every form of output of one command; the NDJSON of one run is a source of the next."""
    subjects = [
        f'[[subject]]\nname = "{name}"\ndirectory = "{ROOT}"\n'
        f'command = "{sys.executable} -m tests.support.conformance.bad_subject {habit}"\n'
        for name, habit in (("good", "none"), ("bad", "crashes"))
    ]
    (tmp_path / "flk-subject.toml").write_text("".join(subjects))
    files = [tmp_path / name for name in ("r.ndjson", "r.html", "r.xml", "badges")]
    options = [
        word
        for option, path in zip(("--ndjson", "--html", "--junit", "--badges"), files, strict=True)
        for word in (option, str(path))
    ]
    done = flk("compare", str(tmp_path / "flk-subject.toml"), "--case", "regime/**", *options)
    assert (done.returncode, done.stderr) == (1, "")
    assert re.search(r"^SIG-4 +\d+ +✗ 1 of \d+ ", done.stdout, re.MULTILINE)
    assert "good: ✓ conforms to the profile partial" in done.stdout
    assert "✗ 1 of" in files[1].read_text()
    assert [suite.get("errors") for suite in ElementTree.parse(files[2]).findall("testsuite")] == ["0", "1"]
    assert sorted(path.name for path in files[3].iterdir()) == ["bad.svg", "good.svg"]
    again = flk("compare", str(files[0]), "--json")
    assert again.returncode == 1
    assert [report.subject for report in msgspec.json.decode(again.stdout, type=list[Report])] == ["good", "bad"]
    files[0].write_bytes(files[0].read_bytes()[:-10])
    assert (flk("compare", str(files[0])).returncode, flk("compare", "r.xml").returncode) == (2, 2)


def test_one_subject_can_be_written_in_every_form_too(tmp_path: Path) -> None:
    """`flk conform sdk` with known failures, narrowed to what one pattern means."""
    known, stream, svg = tmp_path / "known.txt", tmp_path / "r.ndjson", tmp_path / "b.svg"
    known.write_text("regime/** https://example.org/17 2999-12-31 one of them crashes\n")
    outputs = ["--ndjson", str(stream), "--badge", str(svg), "--html", str(tmp_path / "r.html")]
    subject = [sys.executable, "-m", "tests.support.conformance.bad_subject", "crashes"]
    done = flk(
        "sdk", "--case", "regime/**", "--requirement", "SIG-*", "--known-failures", str(known), *outputs, "--", *subject
    )
    assert done.returncode == 1
    assert "known failures: " in done.stdout
    assert "passed; fix: delete the line or name less" in " ".join(done.stdout.split())
    assert "the list of known failures is not true" in svg.read_text()
    assert msgspec.json.decode(stream.read_bytes().splitlines()[-1])["footer"]["exit"] == 1
