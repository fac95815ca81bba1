"""`flk conform server --trace FILE`: what a server in another language did within is followed after the checks."""

from pathlib import Path

import msgspec
import pytest
from tests.support.conformance.javascript_server import SECRET, SOURCE, server
from tests.support.impl.command import flk

from flk.conformance.reports.report import CaseResult, CaseStatus, Report

KEYS = f'[[key]]\ntenant = "default"\nid = "a"\nalgorithm = "hmac-sha256"\nsecret = "{SECRET}"\n'


def traced(folder: Path, source: Path, trace: str) -> tuple[CaseResult, Report]:
    """What the check of the trace comes to, beside one other check, and the whole report."""
    (folder / "keys.toml").write_text(KEYS)
    with server(source, folder) as port:
        url, keys = f"http://127.0.0.1:{port}", str(folder / "keys.toml")
        done = flk(
            "conform",
            "server",
            url,
            "--key",
            keys,
            "--check",
            "bad-signature",
            "--trace",
            str(folder / trace),
            "--json",
        )
    report = msgspec.json.decode(done.stdout, type=Report)
    assert done.returncode == report.verdict.exit_code
    return report.results[-1], report


@pytest.mark.slow
def test_a_trace_that_the_protocol_allows_passes(tmp_path: Path) -> None:
    """A note says how much was followed."""
    result, report = traced(tmp_path, SOURCE.absolute(), "trace.jsonl")
    assert (result.name, result.status) == ("trace", CaseStatus.PASSED)
    assert any("ingest" in note and "events" in note for note in report.notes)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("trace", "before", "after", "status", "says"),
    [
        ("trace.jsonl", "if (signed) {", "if (record) {", CaseStatus.FAILED, "rejected"),
        ("another.jsonl", "", "", CaseStatus.NOT_EXERCISED, "did not grow while the server was asked"),
    ],
)
def test_a_trace_that_shows_nothing_good_counts_against_the_server(
    trace: str, before: str, after: str, status: CaseStatus, says: str, tmp_path: Path
) -> None:
    """A step that the protocol forbids, and a file that nobody wrote to."""
    text = SOURCE.read_text("utf-8")
    (tmp_path / "slip.mjs").write_text(text.replace(before, after) if before else text, "utf-8")
    result, _ = traced(tmp_path, tmp_path / "slip.mjs", trace)
    assert (result.status, says in result.detail) == (status, True), result
