"""A report as JUnit XML, for build tools."""

from xml.etree import ElementTree

from flk.conformance.reports.printable import printable
from flk.conformance.reports.report import CaseResult, CaseStatus, Report

TAGS = {
    CaseStatus.FAILED: "failure",
    CaseStatus.CRASHED: "error",
    CaseStatus.SILENT: "error",
    CaseStatus.SKIPPED: "failure",
    CaseStatus.NOT_EXERCISED: "failure",
    CaseStatus.DECLINED: "skipped",
    CaseStatus.KNOWN: "skipped",
}
"""What each verdict but `passed` is to a build tool. A case that is skipped without being declined does not conform."""


def junit(*reports: Report) -> str:
    """A test suite for each report: a test case for each result, each breach of the protocol, each stale line of known failures.

    A subject that could not be asked is an error.
    """
    suites = [_suite(report) for report in reports]
    root = suites[0]
    if len(suites) > 1:
        root = ElementTree.Element("testsuites")
        root.extend(suites)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True)


def _suite(report: Report) -> ElementTree.Element:
    suite = ElementTree.Element("testsuite", name=printable(report.subject))
    for result in report.results:
        _add(suite, result)
    for number, remark in enumerate(report.remarks, start=1):
        _add(suite, CaseResult(f"protocol/{number}", "", (), CaseStatus.FAILED, remark))
    for number, line in enumerate(report.stale, start=1):
        _add(suite, CaseResult(f"known-failures/{number}", "", (), CaseStatus.FAILED, line))
    if not report.results:
        _add(suite, CaseResult("subject/asked", "", (), CaseStatus.CRASHED, "; ".join(report.notes)))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("tests", str(len(suite)))
    return suite


def _add(suite: ElementTree.Element, result: CaseResult) -> None:
    group, _, name = result.name.partition("/")
    case = ElementTree.SubElement(suite, "testcase", classname=group, name=name or group)
    if result.status in TAGS:
        ends = ElementTree.SubElement(case, TAGS[result.status], message=printable(result.detail))
        ends.text = printable(f"{result.comment} ({', '.join(result.requirements)})")
