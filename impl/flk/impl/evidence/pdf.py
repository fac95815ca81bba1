"""A report as PDF, for whoever files paper: the same facts as the page."""

from io import BytesIO
from pathlib import Path
from xml.sax.saxutils import escape

import reportlab
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Flowable, KeepTogether, Paragraph, SimpleDocTemplate, Spacer, Table

from flk.model.compliance.findings import Status, day
from flk.model.compliance.report import Judged, Report

_COLOURS = {Status.PASS: "#1a7f37", Status.FAIL: "#cf222e", Status.NO_EVIDENCE: "#59636e"}
_INK, _SOFT, _LINE = HexColor("#1f2328"), HexColor("#59636e"), HexColor("#d1d9e0")
_PLAIN, _BOLD = "Vera", "VeraBd"
_WIDTH = A4[0] - 40 * mm - 12  # the frame of a page has a margin of its own


def pdf(report: Report) -> bytes:
    """The document. The same report gives the same bytes."""
    fonts = Path(reportlab.__file__).parent / "fonts"
    for name in (_PLAIN, _BOLD):
        pdfmetrics.registerFont(TTFont(name, fonts / f"{name}.ttf"))
    pdfmetrics.registerFontFamily(_PLAIN, normal=_PLAIN, bold=_BOLD, italic=_PLAIN, boldItalic=_BOLD)
    made = BytesIO()
    document = SimpleDocTemplate(
        made,
        pagesize=A4,
        leftMargin=20 * mm,
        rightMargin=20 * mm,
        topMargin=18 * mm,
        bottomMargin=18 * mm,
        invariant=1,
        title=f"{report.title}: evidence",
        author=f"flk-lab {report.version}",
        lang="en",
    )
    body = [*_head(report), *map(_control, report.controls), *_sources(report)]
    document.build(body, onFirstPage=_foot, onLaterPages=_foot)
    return made.getvalue()


def _head(report: Report) -> list[Flowable]:
    counts = "   ".join(f"{_status(status)} <b>{count}</b>" for status, count in report.tally.items())
    return [
        _text(escape(report.title), 17, bold=True),
        _text(f"Evidence from {day(report.period.begin)} up to {day(report.period.end)}"),
        _text(
            f"Made at {day(report.made)} by flk-lab {escape(report.version)}. A control passes if each of its queries was answered"
            " by what was looked at for this report; it says nothing of what lies beyond.",
            soft=True,
        ),
        Spacer(0, 3 * mm),
        _text(counts, 11),
        Spacer(0, 4 * mm),
    ]


def _control(control: Judged) -> Flowable:
    head = Table(
        [
            [
                [_text(escape(control.id), soft=True), _text(escape(control.title), bold=True)],
                _text(_status(control.status)),
            ]
        ],
        colWidths=[_WIDTH - 32 * mm, 32 * mm],
        style=[
            ("LINEABOVE", (0, 0), (-1, 0), 0.7, _LINE),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("RIGHTPADDING", (0, 0), (-1, -1), 0),
        ],
    )
    below = [
        part
        for each in control.findings
        for part in (
            _text(f"{_status(each.status)} {escape(each.asked)}", indent=4 * mm),
            _text(escape(each.says), indent=4 * mm, soft=True),
        )
    ]
    if control.outside:
        below.append(_text(f"Outside of what the system can see: {escape(control.outside)}.", soft=True))
    if control.beyond:
        below.append(_text(f"Beyond these queries: {escape(control.beyond)}.", soft=True))
    return KeepTogether([head, *below, Spacer(0, 3 * mm)])


def _sources(report: Report) -> list[Flowable]:
    lines = [Spacer(0, 3 * mm), _text("What was looked at", 13, bold=True)]
    seen = report.log
    if seen is not None:
        lines.append(_text(f"audit log {escape(seen.origin)}", bold=True))
        told = seen.trouble or f"{seen.size:,} leaves, root {seen.root}"
        lines.append(_text(escape(told), soft=True))
        lines += [
            _text(f"{count:,} leaves of the period about {escape(about)}", soft=True)
            for about, count in sorted(seen.counts.items())
        ]
    for source in report.sources:
        lines += [
            _text(f"{source.kind}: {escape(source.origin)}", bold=True),
            _text(f"SHA-256 {source.sha256}", soft=True),
        ]
    return [*lines, _text("table of controls", bold=True), _text(f"SHA-256 {report.table}", soft=True)]


def _status(status: Status) -> str:
    return f'<font name="{_BOLD}" color="{_COLOURS[status]}">{status}</font>'


def _text(markup: str, size: float = 9, *, bold: bool = False, soft: bool = False, indent: float = 0) -> Paragraph:
    style = ParagraphStyle(
        "text",
        fontName=_BOLD if bold else _PLAIN,
        fontSize=size - (1 if soft else 0),
        leading=size * 1.4,
        textColor=_SOFT if soft else _INK,
        leftIndent=indent,
        splitLongWords=True,
    )
    return Paragraph(markup, style)


def _foot(canvas: object, document: object) -> None:
    canvas.saveState()  # type: ignore[attr-defined]  # reportlab has no types
    canvas.setFont(_PLAIN, 7)  # type: ignore[attr-defined]
    canvas.setFillColor(_SOFT)  # type: ignore[attr-defined]
    canvas.drawRightString(A4[0] - 20 * mm, 10 * mm, f"{document.page}")  # type: ignore[attr-defined]
    canvas.restoreState()  # type: ignore[attr-defined]
