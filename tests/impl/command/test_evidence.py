"""`flk evidence`: reports of what was given, as pages and packs, and packs that are checked offline (EVD-*)."""

import json
from pathlib import Path

import pytest
from pypdf import PdfReader
from tests.support.impl.audited import stored
from tests.support.impl.command import flk_here as flk
from tests.support.impl.operated import operated
from tests.support.model.compliance import INSIDE, PERIOD, leaf
from tests.support.model.transparency import LOG, objects_over

from flk.impl.evidence import reading
from flk.model.compliance.archive import unarchived
from flk.model.compliance.findings import Status
from flk.model.compliance.pack import MANIFEST, PAGE, REPORT, packed
from flk.model.compliance.sources import TestOutcome
from flk.model.transparency.notes import Signer, private_text
from flk.spec.errors import UnusableInput

KEY = str(LOG.verifier)
SPAN = ("--from", "1970-01-12T13:46:40Z", "--to", "1970-01-24T03:33:20")
OUTCOMES = [leaf("outcome", number) for number in range(2, 300)]
LEAVES = [leaf("keys", 0), leaf("outcome", 1, PERIOD.begin - 1), *OUTCOMES, leaf("outcome", 300, PERIOD.end)]
JUNIT = """<testsuites><testsuite timestamp="1970-01-18T08:40:00">
<testcase classname="tests.model.x" name="test_a[1]"/><testcase classname="tests.model.x" name="test_a[2]"><failure/></testcase>
<testcase classname="tests.model.x.TestStore" name="test_b"/><testcase classname="tests.model.x" name="test_c"><skipped/></testcase>
</testsuite></testsuites>"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a log, its checkpoint of before, a scrape, and the key of whoever signs packs. The time stands still."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", f"{INSIDE:.0f}")
    stored(tmp_path / "log", LEAVES)
    (tmp_path / "since").write_bytes(objects_over(LEAVES[:100])["checkpoint"])
    (tmp_path / "scrape.prom").write_text("# TYPE flk_audit_forks_total counter\nflk_audit_forks_total 0\n# EOF\n")
    (tmp_path / "auditor.key").write_text(private_text("example.com/auditor", bytes(32)))
    return tmp_path


def options(home: Path, *more: str) -> list[str]:
    """Those of a report on all that is in the directory."""
    log = ("--log", f"file://{home}/log", "--key", KEY, "--since", f"{home}/since", "--metrics", f"{home}/scrape.prom")
    return [*SPAN, *log, *more]


def made(home: Path, name: str = "pack.zip") -> Path:
    """A pack on Art. 5, 17, 30 and others of the GDPR."""
    pack = ("--pack", f"{home}/{name}", "--sign", f"{home}/auditor.key")
    done = flk("evidence", "gdpr", *options(home, *pack))
    assert done.returncode == 2, done.stderr
    return home / name


def signer(home: Path) -> Signer:
    """Whoever signs packs."""
    return Signer.parse((home / "auditor.key").read_text())


def checked(home: Path, pack: Path, *more: str) -> tuple[int, str]:
    """What `verify` says of a pack."""
    done = flk("evidence", "verify", str(pack), "--key", str(signer(home).verifier), "--log-key", KEY, *more)
    return done.returncode, done.stdout + done.stderr


def test_a_report_on_nothing_passes_nothing() -> None:
    """Exit code 2, and each control says what would be needed."""
    done = flk("evidence", "soc2", *SPAN, "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, {control["status"] for control in told["controls"]}) == (2, {Status.NO_EVIDENCE})
    assert "no audit log was given (--log)" in done.stdout


def test_leaves_count_in_their_period_only(home: Path) -> None:
    """Of 300 outcomes one was before, and one at the first moment that is not in the period."""
    told = json.loads(flk("evidence", "gdpr", *options(home, "--json")).stdout)
    assert told["log"]["counts"] == {"keys": 1, "outcome": 298}
    assert told["log"]["cited"] == {"keys": [0], "outcome": [2, 299]}
    status = {control["id"]: control["status"] for control in told["controls"]}
    assert status["Art. 30"] == "pass"
    assert status["Art. 17"] == status["Art. 6-9"] == status["Art. 5(2)"] == "no evidence"


def test_a_log_that_is_not_what_it_signed_fails(home: Path) -> None:
    """The control says what is wrong, and the exit code is 1."""
    tile = home / "log/tile/entries/000"
    tile.write_bytes(tile.read_bytes().replace(b'"number":7,', b'"number":8,'))
    done = flk("evidence", "gdpr", *options(home))
    assert done.returncode == 1
    assert "TLOG-3" in done.stdout


def test_a_pack_is_verified_offline(home: Path) -> None:
    """Without the log or anything else but the two keys; and it says what it does not show."""
    pack = made(home)
    for path in (home / "log").rglob("*"):
        if path.is_file():
            path.unlink()
    code, said = checked(home, pack)
    assert code == 0, said
    assert "the report follows from the sources" in said
    assert "2 leaves that it cites are in example.com/log, 301 leaves" in said
    assert "is the word of who signed" in said
    assert set(unarchived(pack.read_bytes())) == {
        MANIFEST, REPORT, PAGE, "source/metrics-1.prom", "log/checkpoint", "log/since", "log/proofs.json",
    }  # fmt: skip


def test_a_pack_is_made_twice_and_is_the_same(home: Path) -> None:
    """Byte for byte."""
    assert made(home).read_bytes() == made(home, "again.zip").read_bytes()


def respelled(home: Path, pack: Path, name: str, old: bytes, new: bytes) -> Path:
    """The pack with other bytes in a file, signed by its own key again."""
    files = unarchived(pack.read_bytes())
    del files[MANIFEST]
    assert old in files[name]
    files[name] = files[name].replace(old, new, 1)
    (home / "other.zip").write_bytes(packed(files, signer(home)))
    return home / "other.zip"


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        (REPORT, b'"no evidence"', b'"pass"', "does not follow"),
        (REPORT, b'"sources"', b'"sauces"', "no report"),
        (PAGE, b"no evidence", b"pass", "does not show the report"),
        ("source/metrics-1.prom", b" 0", b" 1", "does not follow"),
        (REPORT, b"source/metrics-1.prom", b"source/metrics-2.prom", "does not have"),
    ],
)
def test_a_signed_pack_whose_report_does_not_follow_is_refused(
    home: Path, name: str, old: bytes, new: bytes, said: str
) -> None:
    """Though its signature is good: who signs may be wrong, or lie."""
    code, told = checked(home, respelled(home, made(home), name, old, new))
    assert code in {1, 2}
    assert said in told


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("log/proofs.json", b'"number\\":2,', b'"number\\":3,'),
        ("log/proofs.json", b'"consistency":["', b'"consistency":["00'),
        ("log/checkpoint", b"301", b"302"),
        ("log/since", b"100", b"101"),
        (REPORT, b'"size": 301', b'"size": 302'),
        (REPORT, b'"outcome": [\n    2,', b'"outcome": [\n    3,'),
    ],
)
def test_a_signed_pack_whose_proofs_fail_is_refused(home: Path, name: str, old: bytes, new: bytes) -> None:
    """Another leaf, hash, size or number."""
    code, told = checked(home, respelled(home, made(home), name, old, new))
    assert (code, "EVD-" in told) == (1, True), told


def test_a_pack_of_a_log_needs_its_key(home: Path) -> None:
    """And says which log it is."""
    done = flk("evidence", "verify", str(made(home)), "--key", str(signer(home).verifier))
    assert (done.returncode, "the log example.com/log" in done.stderr) == (2, True)


def test_a_report_is_a_page_and_a_document(home: Path) -> None:
    """Both show every control; the document is the same when it is made again."""
    files = [home / "report.html", home / "report.pdf", home / "again.pdf"]
    for pdf in files[1:]:
        done = flk("evidence", "hipaa", *options(home, "--html", str(files[0]), "--pdf", str(pdf)))
        assert done.returncode == 2, done.stderr
    page, text = files[0].read_text(), "".join(one.extract_text() for one in PdfReader(files[1]).pages)
    for control in ("164.308(a)(6)(ii)", "164.310", "164.312(e)(1)"):
        assert control in page
        assert control in text
    assert "<script" not in page
    assert files[1].read_bytes() == files[2].read_bytes()


def test_results_of_tests_are_read_by_the_names_that_evidence_has() -> None:
    """The worst of a test's parameters counts; a class has the worst of its tests."""
    found = reading.tests([("tests.xml", JUNIT.encode())])
    assert found.began == (INSIDE,)
    assert found.outcomes == {
        "tests/model/x.py::test_a": TestOutcome.FAILED,
        "tests/model/x.py::TestStore": TestOutcome.PASSED,
        "tests/model/x.py::TestStore::test_b": TestOutcome.PASSED,
        "tests/model/x.py::test_c": TestOutcome.SKIPPED,
    }


@pytest.mark.parametrize(
    ("read", "content"),
    [
        (lambda c: reading.tests([("f", c)]), b"<testsuites/>"),
        (lambda c: reading.tests([("f", c)]), b"<testsuite/>"),
        (lambda c: reading.tests([("f", c)]), b"{}"),
        (lambda c: reading.claims("f", c), b"{}"),
        (lambda c: reading.run("f", c), b"[]"),
        (lambda c: list(reading.samples("f", c)), b"not a scrape{"),
        (lambda c: list(reading.samples("f", c)), b'{\n"version": "1.1.0"\n}'),
        (lambda c: list(reading.samples("f", c)), b"\xff"),
    ],
)
def test_what_is_no_source_is_refused(read: object, content: bytes) -> None:
    """With the command that writes one."""
    with pytest.raises(UnusableInput, match=r"^f: ['\w].*(it is to be|write it with)"):
        read(content)  # type: ignore[operator]  # a function


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--log", "file:///tmp"), "--log and --key go together"),
        (("--pack", "x.zip"), "--pack and --sign go together"),
        (("--since", "x"), "--since: it is the checkpoint of a log"),
        (("--metrics", "nowhere.prom"), "nowhere.prom"),
        (("--metrics", "http://127.0.0.1:1/metrics"), "cannot be read"),
        (("--to", "1960-01-01"), "is not after"),
        (("--from", "yesterday"), "is no time"),
        (("--from", "0001-01-01T00:00:00+14:00"), "is no time"),
        (("--to", "9999-12-31T23:59:59-14:00"), "is no time"),
    ],
)
def test_unusable_input_is_named(more: tuple[str, ...], said: str) -> None:
    """Exit code 2, and the fix."""
    done = flk("evidence", "soc2", *SPAN, *more)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr


@pytest.mark.slow
def test_a_scrape_that_takes_a_token_is_asked_for_as_a_file(tmp_path: Path) -> None:
    """The listener of operators answers nobody else."""
    with operated(tmp_path) as node:
        done = flk("evidence", "soc2", *SPAN, "--metrics", f"{node.admin_url}/metrics")
    assert (done.returncode, "asks for a token; keep what it answers" in done.stderr) == (2, True), done.stderr


def test_a_report_is_made_at_a_time_that_there_is(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No year beyond 9999."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "99999999999999999")
    done = flk("evidence", "gdpr", *SPAN, "--html", f"{home}/report.html")
    assert (done.returncode, done.stderr.startswith("flk: SOURCE_DATE_EPOCH: ")) == (2, True), done.stderr
    assert not (home / "report.html").exists()
