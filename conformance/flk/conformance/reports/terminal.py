"""A report for a person at a terminal: the requirements, then what went wrong, then the sum."""

from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from flk.conformance.reports.complaints import Complaint, complaints
from flk.conformance.reports.difference import difference
from flk.conformance.reports.printable import printable
from flk.conformance.reports.report import CaseResult, CaseStatus, Line, Report, is_binding
from flk.spec.requirements import catalogue

STYLES = {
    CaseStatus.PASSED: "green",
    CaseStatus.FAILED: "bold red",
    CaseStatus.CRASHED: "bold red",
    CaseStatus.SILENT: "bold red",
    CaseStatus.NOT_EXERCISED: "bold red",
    CaseStatus.SKIPPED: "yellow",
    CaseStatus.DECLINED: "dim",
    CaseStatus.KNOWN: "yellow",
}
MAX_CHARACTERS = 400
MAX_SHOWN = 12
"""Requirements that are written out; nobody reads all."""
MAX_BESIDE_TITLES = 3
"""Subjects side by side that leave room for the titles of requirements."""
MAX_EXAMPLES = 3
"""Results of a requirement that are written out, each of another operation."""
MAX_OTHERS = 3
"""Names of others that are listed."""


def compare(reports: Sequence[Report]) -> RenderableType:
    """Subjects side by side: the requirements on which one of them is wrong, and what each comes to."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("id", no_wrap=True)
    for report in reports:
        table.add_column(Text(printable(report.subject)), justify="right")
    if len(reports) <= MAX_BESIDE_TITLES:
        table.add_column("requirement")
    lines = [{line.requirement: line for line in report.by_requirement()} for report in reports]
    right = 0
    for requirement in catalogue():
        cells = [_cell(one.get(requirement.id)) for one in lines]
        if any(wrong for wrong, _ in cells):
            title = [requirement.title] if len(reports) <= MAX_BESIDE_TITLES else []
            table.add_row(requirement.id, *(text for _, text in cells), *title)
        else:
            right += any(requirement.id in one for one in lines)
    sums = [
        Text.assemble(
            f"{printable(report.subject)}: ", (f"{report.verdict.sign} {report.conclusion}", report.verdict.style)
        )
        for report in reports
    ]
    shown: list[RenderableType] = [table, Text("")] if table.row_count else []
    return Group(
        *shown, Text(f"nobody is wrong on {right}{' others' if shown else ''} of the requirements\n", "dim"), *sums
    )


def _cell(line: Line | None) -> tuple[bool, Text]:
    """Whether something is wrong, and how many passed, or of how many were wrong."""
    if line is None:
        return False, Text("-", "dim")
    every, known = sum(line.counts.values()), line.counts.get(CaseStatus.KNOWN, 0)
    declined = line.counts.get(CaseStatus.DECLINED, 0)
    wrong = every - known - declined - line.counts.get(CaseStatus.PASSED, 0)
    if wrong:
        return True, Text(f"✗ {wrong} of {every}", "bold red")
    if known:
        return True, Text(f"{known} of {every} known", "yellow")
    return False, Text("declined", "dim") if declined == every else Text(str(every - declined), "green")


def render(report: Report) -> RenderableType:
    """Everything a person needs to see."""
    return Group(_requirements(report), *_complaints(report), *_diagnoses(report), _sum(report))


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
    told = complaints(report)
    for complaint in told[:MAX_SHOWN]:
        yield _told(complaint)
    if len(told) > MAX_SHOWN:
        yield Text(f"\n... and {len(told) - MAX_SHOWN} more requirements; --json, --html and --junit have them all")
    for status in (CaseStatus.SKIPPED, CaseStatus.KNOWN, CaseStatus.DECLINED):
        for reason, of in _reasons(report, status).items():
            which = ", ".join(f"{group} {count}" for group, count in of.items() if group)
            says = f"{sum(of.values())} × {printable(reason)}{f' ({which})' if which else ''}"
            yield Text(f"\n{status}: {says}", STYLES[status])
    for remark in report.remarks:
        yield Text(f"\nbreach of protocol: {printable(remark)}", "bold red")
    for line in report.stale:
        yield Text(f"\nknown failures: {line}", "bold red")
    for note in report.notes:
        yield Text(f"\nnote: {printable(note)}", "dim")


def _reasons(report: Report, status: CaseStatus) -> dict[str, Counter[str]]:
    """Each reason once, with how many results of which operations have it; what is no reason of an operation has none."""
    reasons: dict[str, Counter[str]] = {}
    for result in report.results:
        if result.status is status:
            operation, colon, why = _reason(result).partition(": ")
            named = bool(colon) and operation == result.group
            reasons.setdefault(why if named else _reason(result), Counter())[operation if named else ""] += 1
    return reasons


def _reason(result: CaseResult) -> str:
    """Why a result is no reproach or has none of its own; of a known failure the list's words, not the answer."""
    return result.detail.partition("): ")[0] + ")" if result.status is CaseStatus.KNOWN else result.detail


def _diagnoses(report: Report) -> Iterator[Text]:
    for diagnosis in report.diagnoses:
        yield Text.assemble(("\ndiagnosis: ", "bold"), diagnosis.says)


def _told(complaint: Complaint) -> Text:
    """A requirement with the smallest input of each operation that breaks it."""
    head = ("\n" + complaint.requirement, "bold red"), f" {complaint.title}: "
    text = Text.assemble(*head, (f"{complaint.wrong} of {complaint.of} wrong", "bold"))
    for example in complaint.examples[:MAX_EXAMPLES]:
        text.append_text(written_out(example))
    others = [*(one.name for one in complaint.examples[MAX_EXAMPLES:]), *complaint.others]
    if others:
        more = f" and {len(others) - MAX_OTHERS} more" if len(others) > MAX_OTHERS else ""
        text.append(f"\n  also      {', '.join(others[:MAX_OTHERS])}{more}")
    return text


def written_out(result: CaseResult) -> Text:
    """A result that is wrong: the question, both answers with the first difference marked, and why it is hard."""
    level = "" if is_binding(result.requirements) else " (SHOULD)"
    head = ("\n  " + result.status, STYLES[result.status]), (f" {result.name}", "bold")
    lines = [("asked", _cut(printable(result.input)))] if result.input else []
    lines += list(_differing(result)) or [("", _cut(printable(result.detail)))]
    lines += [("hint", hint) for hint in result.hints]
    told = "".join(f"\n  {name:<9} {line}" if name else f"\n  {line}" for name, line in lines)
    return Text.assemble(*head, f"{level}: {printable(result.comment)}{told}")


def _differing(result: CaseResult) -> Iterator[tuple[str, str]]:
    """Expected and received around the first byte in which they differ, which is marked."""
    found = difference(result.expected, result.received, result.group)
    if found is not None:
        if found.path:
            yield "at", printable(found.path)
        yield "expected", found.expected
        yield "received", found.received
        yield " ", f"{' ' * found.mark}^ first difference: byte {found.byte}"


def _cut(text: str) -> str:
    return (
        text
        if len(text) <= MAX_CHARACTERS
        else f"{text[:MAX_CHARACTERS]} ... ({len(text)} characters; --json has them all)"
    )


def _sum(report: Report) -> Text:
    ends = f"{report.verdict.sign} {report.conclusion}", report.verdict.style
    return Text.assemble(f"\n{printable(report.subject)}: {report.tally}: ", ends)
