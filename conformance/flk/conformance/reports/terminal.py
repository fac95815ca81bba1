"""A report for a person at a terminal: the requirements, then what went wrong, then the sum."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from flk.conformance.reports.report import Exit, Report, Result, Verdict, by_requirement, is_binding

COLUMNS = (Verdict.PASSED, Verdict.FAILED, Verdict.CRASHED, Verdict.SILENT, Verdict.SKIPPED, Verdict.DECLINED)
STYLES = {
    Verdict.PASSED: "green",
    Verdict.FAILED: "bold red",
    Verdict.CRASHED: "bold red",
    Verdict.SILENT: "bold red",
    Verdict.SKIPPED: "yellow",
    Verdict.DECLINED: "dim",
}
MAX_SHOWN = 25
"""Results of one verdict that are written out; a table of thousands tells nobody anything."""


def render(report: Report) -> RenderableType:
    """Everything a person needs to see."""
    return Group(_requirements(report), *_complaints(report), _sum(report))


def _requirements(report: Report) -> Table:
    lines = by_requirement(report)
    used = [verdict for verdict in COLUMNS if any(verdict in line.counts for line in lines)]
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("id")
    table.add_column("requirement")
    for verdict in used:
        table.add_column(verdict, justify="right")
    for line in lines:
        cells = [Text(str(line.counts.get(verdict, "")), STYLES[verdict]) for verdict in used]
        table.add_row(line.requirement, line.title, *cells)
    return table


def _complaints(report: Report) -> Iterator[Text]:
    for verdict in (Verdict.FAILED, Verdict.CRASHED, Verdict.SILENT):
        results = [result for result in report.results if result.verdict is verdict]
        yield from map(_told, results[:MAX_SHOWN])
        if len(results) > MAX_SHOWN:
            yield Text(f"\n... and {len(results) - MAX_SHOWN} more {verdict}; --json or --junit lists them all")
    for verdict in (Verdict.SKIPPED, Verdict.DECLINED):
        reasons = [result.detail for result in report.results if result.verdict is verdict]
        for reason in dict.fromkeys(reasons):
            yield Text(f"\n{verdict}: {reasons.count(reason)} × {reason}", STYLES[verdict])
    for remark in report.remarks:
        yield Text(f"\nbreach of protocol: {remark}", "bold red")
    for note in report.notes:
        yield Text(f"\nnote: {note}", "dim")


def _told(result: Result) -> Text:
    level = "" if is_binding(result.requirements) else " (SHOULD)"
    head = (f"\n{result.verdict} ", STYLES[result.verdict]), (result.name, "bold")
    return Text.assemble(*head, f"{level} {', '.join(result.requirements)}: {result.comment}\n  {result.detail}")


def _sum(report: Report) -> Text:
    counts = {verdict: sum(result.verdict is verdict for result in report.results) for verdict in COLUMNS}
    tally = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count) or "nothing was asked"
    ends = {
        Exit.HOLDS: ("conforms", "bold green"),
        Exit.VIOLATED: ("does not conform", "bold red"),
        Exit.UNDECIDED: ("undecided: nothing that applies was asked", "bold yellow"),
    }
    return Text.assemble(f"\n{report.subject}: {tally}: ", ends[report.exit])
