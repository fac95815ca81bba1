"""Reports as one page of HTML, side by side by requirement. It loads nothing from elsewhere and runs no script."""

from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files

from flk.conformance.reports.complaints import Complaint, complaints
from flk.conformance.reports.difference import difference
from flk.conformance.reports.printable import printable
from flk.conformance.reports.report import CaseResult, CaseStatus, Line, Report
from flk.spec import __version__
from flk.spec.requirements import catalogue
from flk.spec.verdict import Verdict

KINDS = {
    CaseStatus.PASSED: "good",
    CaseStatus.KNOWN: "odd",
    CaseStatus.DECLINED: "none",
}
"""How a status is coloured; all others are bad."""
MAX_INPUT = 4000
"""Characters of a question that are shown; the NDJSON has all."""
MAX_OTHERS = 40


def page(reports: Sequence[Report]) -> str:
    """Each subject with its verdict, a table of all requirements by subject, and what went wrong, worst first."""
    css = files("flk.conformance.reports").joinpath("page.css").read_text("utf-8")
    title = "Conformance: " + ", ".join(report.subject for report in reports)
    body = "".join(
        [
            f"<header><h1>Conformance</h1><p class=soft>flk-lab {__version__}, by requirement</p></header>",
            f"<section class=subjects>{''.join(map(_card, reports, range(len(reports))))}</section>",
            _matrix(reports),
            *(_told(report, number) for number, report in enumerate(reports)),
        ]
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(title)}</title><style>{css}</style></head><body>{body}</body></html>\n"
    )


def _text(text: str) -> str:
    return escape(printable(text))


def _card(report: Report, number: int) -> str:
    counts = dict.fromkeys(("good", "odd", "bad", "none"), 0)
    for result in report.results:
        counts[KINDS.get(result.status, "bad")] += 1
    share = "".join(f'<i class={kind} style="flex:{count}"></i>' for kind, count in counts.items() if count)
    return (
        f"<div class='subject {report.verdict}'><b><a href='#subject-{number}'>{_text(report.subject)}</a></b>"
        f"{report.verdict.sign} {_text(report.conclusion)}<div class=share>{share}</div>"
        f"<span class=soft>{_text(report.tally)}</span></div>"
    )


def _matrix(reports: Sequence[Report]) -> str:
    lines = [{line.requirement: line for line in report.by_requirement()} for report in reports]
    asked = [requirement for requirement in catalogue() if any(requirement.id in one for one in lines)]
    head = "".join(f"<th>{_text(report.subject)}</th>" for report in reports)
    rows = []
    for requirement in asked:
        cells = [_cell(one.get(requirement.id), number) for number, one in enumerate(lines)]
        kinds = {kind for kind, _ in cells}
        calm = " class=calm" if len(kinds) == 1 and not kinds & {"bad", "odd"} else ""
        shown = "".join(f"<td class='cell {kind}'>{text}</td>" for kind, text in cells)
        title = f"{requirement.id}<span>{_text(requirement.title)}</span>"
        rows.append(f"<tr{calm}><th scope=row title='{_text(requirement.text)}'>{title}</th>{shown}</tr>")
    return (
        "<h2>By requirement</h2><input type=checkbox id=only><label for=only>only where a subject fails, or subjects"
        f" differ</label><div class=wide><table><thead><tr><th>requirement</th>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _cell(line: Line | None, number: int) -> tuple[str, str]:
    """The kind and the text of a cell: how many of how many, in words where it is not all of them."""
    if line is None:
        return "none", "not asked"
    every = sum(line.counts.values())
    counts = dict.fromkeys(("good", "odd", "bad", "none"), 0)
    for status, count in line.counts.items():
        counts[KINDS.get(status, "bad")] += count
    if counts["bad"]:
        return "bad", f"<a href='#subject-{number}'>✗ {counts['bad']} of {every} wrong</a>"
    if counts["odd"]:
        return "odd", f"{counts['odd']} of {every} known"
    if counts["none"] == every:
        return "none", "declined"
    left = f", {counts['none']} declined" if counts["none"] else ""
    return "good", f"✓ {every - counts['none']}{left}"


def _told(report: Report, number: int) -> str:
    parts = [f"<h2 id='subject-{number}'>{_text(report.subject)}</h2>"]
    parts.append(f"<p>{report.verdict.sign} {_text(report.conclusion)}</p>")
    parts += [f"<p><b>diagnosis:</b> {_text(one.says)}</p>" for one in report.diagnoses]
    parts += [f"<p><b>breach of protocol:</b> {_text(remark)}</p>" for remark in report.remarks]
    parts += [f"<p><b>known failures:</b> {_text(line)}</p>" for line in report.stale]
    parts += map(_complaint, complaints(report))
    parts += _reasons(report)
    parts += [f"<p class=soft>{_text(note)}</p>" for note in report.notes]
    if report.again and report.verdict is not Verdict.HOLDS:
        parts.append(f"<p class=soft>again:</p><pre>{_text(report.again)}</pre>")
    return f"<section>{''.join(parts)}</section>"


def _reasons(report: Report) -> Iterator[str]:
    for status in (CaseStatus.SKIPPED, CaseStatus.KNOWN, CaseStatus.DECLINED):
        reasons = [result.detail for result in report.results if result.status is status]
        if reasons:
            items = "".join(f"<li>{reasons.count(one)} × {_text(one)}</li>" for one in dict.fromkeys(reasons))
            yield f"<details><summary>{len(reasons)} {status}</summary><ul>{items}</ul></details>"


def _complaint(one: Complaint) -> str:
    head = f"<h3>{_text(one.requirement)} {_text(one.title)}: {one.wrong} of {one.of} wrong</h3>"
    shown = ", ".join(f"<code>{_text(name)}</code>" for name in one.others[:MAX_OTHERS])
    more = f" and {len(one.others) - MAX_OTHERS} more" if len(one.others) > MAX_OTHERS else ""
    others = f"<details><summary>{len(one.others)} more</summary><p>{shown}{more}</p></details>" if one.others else ""
    return f"<div class=complaint>{head}{''.join(map(_example, one.examples))}{others}</div>"


def _example(result: CaseResult) -> str:
    found = difference(result.expected, result.received, result.group)
    if found is None:
        said = f"<pre class=asked>{_text(result.detail)}</pre>"
    else:
        at = f"at        {_text(found.path)}\n" if found.path else ""
        mark = " " * (10 + found.mark) + f"<mark>^</mark> first difference: byte {found.byte}"
        said = f"<pre>{at}expected  {_text(found.expected)}\nreceived  {_text(found.received)}\n{mark}</pre>"
    asked = f"<pre class=asked>{_text(result.input[:MAX_INPUT])}</pre>" if result.input else ""
    hints = "".join(f"<p class=soft>hint: {_text(hint)}</p>" for hint in result.hints)
    return f"<p>{result.status} <code>{_text(result.name)}</code>: {_text(result.comment)}</p>{asked}{said}{hints}"
