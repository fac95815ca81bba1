"""The report: what results amount to, and the same story in every form."""

from collections import Counter
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from flk.conformance.operations.equality import equal
from flk.conformance.reports.complaints import WRONG, complaints
from flk.conformance.reports.junit import junit
from flk.conformance.reports.report import CaseResult, CaseStatus, Report, is_binding
from flk.conformance.reports.terminal import MAX_OTHERS, MAX_SHOWN, render
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
    extra = len(report.remarks) + (not report.results)  # a subject that could not be asked is an error
    assert len(suite) == len(report.results) + extra
    bad = len(suite.findall("testcase/failure")) + len(suite.findall("testcase/error"))
    assert bad == sum(not result.conforms for result in report.results) + extra


@settings(deadline=None)
@given(REPORTS)
def test_any_report_can_be_shown(report: Report) -> None:
    """Texts that look like markup or are empty are shown like any other."""
    console = Console(width=100, record=True, quiet=True)
    console.print(render(report))


def test_a_flood_of_failures_is_cut_short() -> None:
    """The terminal shows the worst few and the number of the rest, of a requirement as of all of them."""
    ids = [requirement.id for requirement in catalogue()][: MAX_SHOWN + 3]
    results = [CaseResult(f"case/{name}{n}", "", (name,), CaseStatus.FAILED, "wrong") for name in ids for n in range(9)]
    with (console := Console(width=100)).capture() as capture:
        console.print(render(Report("subject", tuple(results))))
    shown = capture.get()
    assert shown.count("failed case/") == MAX_SHOWN
    assert shown.count(f"and {8 - MAX_OTHERS} more\n") == MAX_SHOWN
    assert "... and 3 more requirements" in shown


@settings(deadline=None)
@given(REPORTS)
def test_every_wrong_result_is_told_once_and_the_worst_first(report: Report) -> None:
    """Under one requirement that it bears on, that of most wrong results; each operation by its smallest input."""
    told = complaints(report)
    wrong = Counter(result.name for result in report.results if result.status in WRONG)
    assert (
        Counter(name for one in told for name in (*(each.name for each in one.examples), *one.others)).keys()
        == wrong.keys()
    )
    assert told == () or told[0].wrong == max(one.wrong for one in told)
    assert all(one.requirement in example.requirements for one in told for example in one.examples)


def test_no_control_character_of_a_subject_reaches_the_terminal() -> None:
    """Neither in its name nor in what it says; nor do they break XML."""
    evil = "\x1b[2Jgone\x07"
    statuses = (CaseStatus.CRASHED, CaseStatus.SKIPPED, CaseStatus.DECLINED, CaseStatus.FAILED)
    results = [CaseResult("judge/b", evil, ("JDG-1",), status, evil, evil) for status in statuses]
    with (console := Console(width=100, color_system=None)).capture() as capture:
        console.print(render(Report(evil, tuple(results), (evil,), (evil,))))
    assert not {"\x1b", "\x07"} & set(capture.get())


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
