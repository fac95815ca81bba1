"""The page and the badge: whatever the report says is on them, and nothing that it says gets out of its place."""

from html.parser import HTMLParser
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.conformance.reports import REPORTS

from flk.conformance.reports.badge import CAPPED, COLOURS, badge
from flk.conformance.reports.page import page
from flk.conformance.reports.printable import printable
from flk.conformance.reports.report import CaseResult, CaseStatus, Report
from flk.spec.verdict import Verdict

VOID = {"meta", "input"}
EVIL = "<script>alert('x')</script>\"'>&"


class Reader(HTMLParser):
    """Balanced tags, the texts, and what is loaded from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.texts: list[str] = []
        self.loaded: list[str] = []
        self.cells = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.cells += tag == "td"
        self.loaded += [
            value or "" for name, value in attrs if name in {"src", "href"} and not (value or "").startswith("#")
        ]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def parsed(html: str) -> Reader:
    """The page, read to its end."""
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


@settings(deadline=None, max_examples=30)
@given(st.lists(REPORTS, min_size=1, max_size=3))
def test_any_reports_make_a_page_that_needs_nothing_else(reports: list[Report]) -> None:
    """Balanced, without scripts, loading nothing; a cell for each requirement and subject, and every conclusion."""
    reader = parsed(page(reports))
    assert reader.loaded == []
    assert not {"script", "img", "link", "iframe"} & reader.tags
    asked = {name for report in reports for result in report.results for name in result.requirements}
    assert reader.cells == len(asked) * len(reports)
    text = "".join(reader.texts)
    assert all(printable(report.conclusion) in text for report in reports)


@settings(deadline=None, max_examples=30)
@given(REPORTS)
def test_any_report_makes_a_badge(report: Report) -> None:
    """It is XML, says what the report comes to, and only a plain "conforms" is green."""
    svg = ElementTree.fromstring(badge(report))
    colour = svg[2][1].get("fill")
    assert svg.get("role") == "img"
    assert report.conclusion in str(svg.get("aria-label"))
    assert (colour == COLOURS[Verdict.HOLDS]) == (report.conclusion == "conforms")
    assert (colour == CAPPED) == (report.verdict is Verdict.HOLDS and report.conclusion != "conforms")


def test_markup_of_a_subject_stays_text() -> None:
    """In its name, its answers, its reasons and its notes."""
    result = CaseResult(
        "fixed9/a", EVIL, ("C14N-2",), CaseStatus.FAILED, EVIL, EVIL, (), f'"{EVIL[:8]}"', '"<b>"', (EVIL,)
    )
    reader = parsed(page([Report(EVIL, (result,), (EVIL,), (EVIL,), EVIL)]))
    assert not {"script", "alert"} & reader.tags
    assert "".join(reader.texts).count(EVIL) >= 5
    assert ElementTree.fromstring(badge(Report(EVIL, (result,)))) is not None
