"""The report: what results amount to, and the same story in every form."""

from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from flk.conformance.reports.junit import junit
from flk.conformance.reports.report import CaseResult, CaseStatus, Report, is_binding
from flk.conformance.reports.terminal import MAX_SHOWN, render
from flk.conformance.sdk.compare import equal
from flk.spec.requirements import Level, catalogue
from flk.spec.verdict import Verdict

SHOULDS = [requirement.id for requirement in catalogue() if requirement.level is Level.SHOULD]
RESULTS = st.builds(
    CaseResult,
    name=st.sampled_from(["fixed9/a", "judge/b", "accepted"]),
    comment=st.text(max_size=20),
    requirements=st.sampled_from([("C14N-2",), ("C14N-2", "JDG-1"), ("DUP-1",)]),
    status=st.sampled_from(CaseStatus),
    detail=st.text(max_size=40),
)
REPORTS = st.builds(
    Report,
    subject=st.text(max_size=10),
    results=st.lists(RESULTS, max_size=12).map(tuple),
    remarks=st.lists(st.text(max_size=20), max_size=2).map(tuple),
)


def one(status: CaseStatus, *requirements: str) -> Report:
    """A report with one result."""
    return Report("subject", (CaseResult("case", "", requirements or ("DUP-1",), status),))


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (CaseStatus.PASSED, Verdict.HOLDS),
        (CaseStatus.FAILED, Verdict.VIOLATED),
        (CaseStatus.CRASHED, Verdict.VIOLATED),
        (CaseStatus.SILENT, Verdict.VIOLATED),
        (CaseStatus.SKIPPED, Verdict.VIOLATED),
        (CaseStatus.DECLINED, Verdict.UNDECIDED),
    ],
)
def test_what_each_verdict_amounts_to(status: CaseStatus, verdict: Verdict) -> None:
    """A skip that was not declined speaks against the subject; a report of nothing but declined cases decides nothing."""
    assert one(status).verdict is verdict


def test_a_should_never_makes_a_subject_fail() -> None:
    """A result that bears on SHOULDs alone is shown, and decides nothing."""
    assert SHOULDS
    assert not is_binding(SHOULDS)
    assert one(CaseStatus.FAILED, *SHOULDS).verdict is Verdict.UNDECIDED
    assert one(CaseStatus.FAILED, *SHOULDS, "DUP-1").verdict is Verdict.VIOLATED


@settings(deadline=None)
@given(REPORTS)
def test_every_result_is_counted_under_each_of_its_requirements(report: Report) -> None:
    """The table adds up."""
    total = sum(sum(line.counts.values()) for line in report.by_requirement())
    assert total == sum(len(result.requirements) for result in report.results)


@settings(deadline=None)
@given(REPORTS)
def test_junit_says_what_the_report_says(report: Report) -> None:
    """Whatever the texts, it is XML, with a test case for each result and each breach, and a failure where there is one."""
    suite = ElementTree.fromstring(junit(report))
    assert len(suite) == len(report.results) + len(report.remarks)
    bad = len(suite.findall("testcase/failure")) + len(suite.findall("testcase/error"))
    assert bad == sum(not result.conforms for result in report.results) + len(report.remarks)


@settings(deadline=None)
@given(REPORTS)
def test_any_report_can_be_shown(report: Report) -> None:
    """Texts that look like markup or are empty are shown like any other."""
    console = Console(width=100, record=True, quiet=True)
    console.print(render(report))


def test_a_flood_of_failures_is_cut_short() -> None:
    """The terminal shows the first few and the number of the rest."""
    report = Report(
        "subject", tuple(CaseResult(f"case/{n}", "", ("DUP-1",), CaseStatus.FAILED, "wrong") for n in range(100))
    )
    with (console := Console(width=100)).capture() as capture:
        console.print(render(report))
    assert capture.get().count("failed case/") == MAX_SHOWN
    assert f"{100 - MAX_SHOWN} more failed" in capture.get()


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (1, 1.0, True),
        (0.0, -0.0, True),
        (1, True, False),
        (0, False, False),
        (None, False, False),
        ("1", 1, False),
        ([1, 2], [1.0, 2.0], True),
        ([1, 2], [2, 1], False),
        ([1], [1, 1], False),
        ({"a": 1, "b": [True]}, {"b": [True], "a": 1.0}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        (2**53 + 1, float(2**53), False),
    ],
)
def test_when_two_json_values_are_one(a: object, b: object, same: object) -> None:
    """Numbers by value, everything else by kind and content, either way round."""
    assert (equal(a, b), equal(b, a)) == (same, same)
