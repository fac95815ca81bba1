"""NDJSON: what is written is read back, and what was cut short never passes for a report."""

from io import BytesIO
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.conformance.reports import REPORTS

from flk.conformance.reports.report import Report
from flk.conformance.reports.stream import Stream, read, write
from flk.spec.errors import UnusableInput

IN_A_FOLDER = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def written(*reports: Report) -> bytes:
    """The reports, one after the other."""
    file = BytesIO()
    for report in reports:
        write(report, file)
    return file.getvalue()


@IN_A_FOLDER
@given(st.lists(REPORTS, min_size=1, max_size=3))
def test_reports_are_read_back(tmp_path: Path, reports: list[Report]) -> None:
    """Each with all that it says, in their order."""
    (tmp_path / "r.ndjson").write_bytes(written(*reports))
    assert read(tmp_path / "r.ndjson") == tuple(reports)


@IN_A_FOLDER
@given(REPORTS, st.randoms(use_true_random=False))
def test_results_may_come_in_any_order(tmp_path: Path, report: Report, random: Random) -> None:
    """Their places put them right; the footer says of the verdict what the report says."""
    file = BytesIO()
    stream = Stream(file, "x")
    places = list(enumerate(report.results))
    random.shuffle(places)
    for place, result in places:
        stream.result(place, result)
    stream.end(report)
    (tmp_path / "r.ndjson").write_bytes(file.getvalue())
    assert read(tmp_path / "r.ndjson") == (report,)
    footer = msgspec.json.decode(file.getvalue().splitlines()[-1])["footer"]
    assert (footer["verdict"], footer["exit"]) == (report.verdict, report.verdict.exit_code)
    assert (footer["conclusion"], footer["results"]) == (report.conclusion, len(report.results))


@IN_A_FOLDER
@given(REPORTS, st.data())
def test_a_file_that_was_cut_is_unusable(tmp_path: Path, report: Report, data: st.DataObject) -> None:
    """Wherever it was cut, between lines or within one; and so is one that lacks a line."""
    whole = written(report)
    path = tmp_path / "r.ndjson"
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 2))])
    with pytest.raises(UnusableInput, match=r"r\.ndjson"):
        read(path)
    lines = whole.splitlines(keepends=True)
    del lines[data.draw(st.integers(0, len(lines) - 1))]
    path.write_bytes(b"".join(lines))
    with pytest.raises(UnusableInput, match=r"r\.ndjson"):
        read(path)


@pytest.mark.parametrize("text", ["<html>", "{}", '{"head":{"format":9,"kit":"","subject":""}}', '{"place":0}'])
def test_what_is_no_report_is_unusable(text: str, tmp_path: Path) -> None:
    """Something else, a line of nothing, another format."""
    (tmp_path / "r.ndjson").write_text(text)
    with pytest.raises(UnusableInput):
        read(tmp_path / "r.ndjson")
