"""A report as JUnit XML, for build tools."""

from xml.etree import ElementTree

from flk.conformance.reports.report import CaseResult, CaseStatus, Report

TAGS = {
    CaseStatus.FAILED: "failure",
    CaseStatus.CRASHED: "error",
    CaseStatus.SILENT: "error",
    CaseStatus.SKIPPED: "failure",
    CaseStatus.DECLINED: "skipped",
}
"""What each verdict but `passed` is to a build tool. A case that is skipped without being declined does not conform."""


def junit(report: Report) -> str:
    """One test suite; a test case for each result, and one for each breach of the protocol."""
    suite = ElementTree.Element("testsuite", name=_printable(report.subject))
    for result in report.results:
        _add(suite, result)
    for number, remark in enumerate(report.remarks, start=1):
        _add(suite, CaseResult(f"protocol/{number}", "", (), CaseStatus.FAILED, remark))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("tests", str(len(suite)))
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)


def _add(suite: ElementTree.Element, result: CaseResult) -> None:
    group, _, name = result.name.partition("/")
    case = ElementTree.SubElement(suite, "testcase", classname=group, name=name or group)
    if result.status in TAGS:
        ends = ElementTree.SubElement(case, TAGS[result.status], message=_printable(result.detail))
        ends.text = _printable(f"{result.comment} ({', '.join(result.requirements)})")


def _printable(text: str) -> str:
    """XML 1.0 cannot carry control characters."""
    return "".join(character if character.isprintable() else f"\\x{ord(character):02x}" for character in text)
