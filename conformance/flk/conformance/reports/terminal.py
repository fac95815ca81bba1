"""A report for a person at a terminal: the requirements, then what went wrong, then the sum."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from flk.conformance.reports.report import CaseResult, CaseStatus, Report, is_binding
from flk.spec.verdict import Verdict

STYLES = {
    CaseStatus.PASSED: "green",
    CaseStatus.FAILED: "bold red",
    CaseStatus.CRASHED: "bold red",
    CaseStatus.SILENT: "bold red",
    CaseStatus.SKIPPED: "yellow",
    CaseStatus.DECLINED: "dim",
}
MAX_CHARACTERS = 400
MAX_SHOWN = 25
"""Results of one status that are written out; nobody reads thousands."""


def render(report: Report) -> RenderableType:
    """Everything a person needs to see."""
    return Group(_requirements(report), *_complaints(report), _sum(report))


def _requirements(report: Report) -> Table:
    lines = report.by_requirement()
    used = [status for status in CaseStatus if any(status in line.counts for line in lines)]
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("id", no_wrap=True)
    table.add_column("requirement")
    for status in used:
        table.add_column(status, justify="right", no_wrap=True)
    for line in lines:
        cells = [Text(str(line.counts.get(status, "")), STYLES[status]) for status in used]
        table.add_row(line.requirement, line.title, *cells)
    return table


def _complaints(report: Report) -> Iterator[Text]:
    for verdict in (CaseStatus.FAILED, CaseStatus.CRASHED, CaseStatus.SILENT):
        results = [result for result in report.results if result.status is verdict]
        yield from map(_written_out, results[:MAX_SHOWN])
        if len(results) > MAX_SHOWN:
            yield Text(f"\n... and {len(results) - MAX_SHOWN} more {verdict}; --json or --junit lists them all")
    for verdict in (CaseStatus.SKIPPED, CaseStatus.DECLINED):
        reasons = [result.detail for result in report.results if result.status is verdict]
        for reason in dict.fromkeys(reasons):
            yield Text(f"\n{verdict}: {reasons.count(reason)} × {reason}", STYLES[verdict])
    for remark in report.remarks:
        yield Text(f"\nbreach of protocol: {remark}", "bold red")
    for note in report.notes:
        yield Text(f"\nnote: {note}", "dim")


def _written_out(result: CaseResult) -> Text:
    level = "" if is_binding(result.requirements) else " (SHOULD)"
    head = (f"\n{result.status} ", STYLES[result.status]), (result.name, "bold")
    asked = f"\n  asked {_cut(result.input)}" if result.input else ""
    return Text.assemble(*head, f"{level} {', '.join(result.requirements)}: {result.comment}{asked}\n  {result.detail}")


def _cut(text: str) -> str:
    return (
        text
        if len(text) <= MAX_CHARACTERS
        else f"{text[:MAX_CHARACTERS]} ... ({len(text)} characters; --json has them all)"
    )


def _sum(report: Report) -> Text:
    verdict = report.verdict
    ends = f"{verdict.sign} {_ENDS[verdict]}", verdict.style
    return Text.assemble(f"\n{report.subject}: {report.tally}: ", ends)


_ENDS = {
    Verdict.HOLDS: "conforms",
    Verdict.VIOLATED: "does not conform",
    Verdict.UNDECIDED: "undecided: nothing that applies was asked",
}
