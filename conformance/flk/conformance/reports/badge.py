"""A report as a badge: an SVG that needs nothing from elsewhere, for a README."""

from html import escape

from flk.conformance.reports.printable import printable
from flk.conformance.reports.report import CaseStatus, Report
from flk.spec.verdict import Verdict

COLOURS = {Verdict.HOLDS: "#1a7f37", Verdict.VIOLATED: "#cf222e", Verdict.UNDECIDED: "#9a6700"}
CAPPED = "#0969da"
"""The colour of who conforms to less than everything."""
WIDTH = 6.6
"""What a character of the badge takes, in pixels; `textLength` makes the text fit it whatever the font."""
PADDING = 6


def badge(report: Report) -> str:
    """`flk | conforms`, or what it conforms to, in the colour of the verdict; a plain "conforms" is green, any other blue.

    >>> from flk.conformance import Report
    >>> "undecided" in badge(Report("subject", ()))
    True
    """
    said, colour = _said(report), COLOURS[report.verdict]
    if report.verdict is Verdict.HOLDS and said != "conforms":
        colour = CAPPED
    label = "flk conformance"
    left, right = (round(len(text) * WIDTH) + 2 * PADDING for text in (label, said))
    title = escape(printable(f"{report.subject}: {report.conclusion}"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" aria-label="{title}">'
        f'<title>{title}</title><clipPath id="r"><rect width="{left + right}" height="20" rx="3"/></clipPath>'
        f'<g clip-path="url(#r)"><rect width="{left}" height="20" fill="#484f58"/>'
        f'<rect x="{left}" width="{right}" height="20" fill="{colour}"/></g>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
        f"{_text(label, PADDING, left)}{_text(said, left + PADDING, right)}</g></svg>\n"
    )


def _text(text: str, x: int, width: int) -> str:
    return f'<text x="{x}" y="14" textLength="{width - 2 * PADDING}">{escape(text)}</text>'


def _said(report: Report) -> str:
    if report.verdict is not Verdict.HOLDS:
        return "undecided" if report.verdict is Verdict.UNDECIDED else "does not conform"
    if report.conclusion == "conforms":
        return "conforms"
    known = sum(result.status is CaseStatus.KNOWN for result in report.results)
    but = [f"{known} known failure{'s' if known > 1 else ''}"] if known else []
    if report.coverage is not None and report.coverage.unit == "checks":
        return ", ".join([f"{report.coverage.passed} of {report.coverage.of} checks", *but])
    return ", ".join([" + ".join(report.profiles) or "partial", *(f"no {flag}" for flag in report.without), *but])
