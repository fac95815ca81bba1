"""What the kit found, to a terminal and into files: JUnit, NDJSON, a page, badges."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, NamedTuple

import msgspec
import typer

from flk.spec.errors import writing
from flk.spec.verdict import worst

if TYPE_CHECKING:
    from flk.conformance import Report
    from flk.conformance.reports.report import Each

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Junit = Annotated[Path | None, typer.Option(help="Write JUnit XML there.", dir_okay=False)]
Ndjson = Annotated[
    Path | None, typer.Option(help="Write a line of JSON for each result as it comes, and a footer.", dir_okay=False)
]
Html = Annotated[Path | None, typer.Option(help="Write a page of HTML that needs nothing else.", dir_okay=False)]
Badge = Annotated[Path | None, typer.Option(help="Write an SVG badge there.", dir_okay=False)]


class Files(NamedTuple):
    """The files that are written when all is known."""

    junit: Path | None = None
    html: Path | None = None


@contextmanager
def streaming(path: Path | None) -> Iterator[BinaryIO | None]:
    """The file of NDJSON, which is written from the beginning. Raises UnusableInput if it cannot be."""
    if path is None:
        yield None
        return
    with writing(path):
        file = path.open("wb")
    with file:
        yield file


def streamed(path: Path | None, subject: str, ask: "Callable[[Each], Report]") -> "Report":
    """The report on a subject, whose results are written as they come. Raises UnusableInput if the file cannot be written."""
    from flk.conformance.reports.report import unheard
    from flk.conformance.reports.stream import Stream

    with streaming(path) as file:
        if file is None:
            return ask(unheard)
        stream = Stream(file, subject)
        report = ask(stream.result)
        stream.end(report)
        return report


def publish(reports: Sequence["Report"], files: Files) -> None:
    """Write the files. Raises UnusableInput for one that cannot be written."""
    from flk.conformance.reports.junit import junit
    from flk.conformance.reports.page import page

    if files.junit is not None:
        with writing(files.junit):
            files.junit.write_text(junit(*reports), "utf-8")
    if files.html is not None:
        with writing(files.html):
            files.html.write_text(page(reports), "utf-8")


def write_badge(report: "Report", path: Path) -> None:
    """Write the badge of one report. Raises UnusableInput if it cannot be written."""
    from flk.conformance.reports.badge import badge

    with writing(path):
        path.write_text(badge(report), "utf-8")


def as_json(report: "Report") -> dict[str, object]:
    """A report for programs."""
    head = {"exit": report.verdict.exit_code, "conclusion": report.conclusion}
    return {**head, **msgspec.structs.asdict(report)}


def show(report: "Report", *, json: bool) -> None:
    """Print one report."""
    from rich.console import Console

    from flk.conformance import Verdict
    from flk.conformance.reports.terminal import render

    if json:
        typer.echo(msgspec.json.encode(as_json(report)))
        return
    console = Console()
    console.print(render(report))
    if report.verdict is not Verdict.HOLDS and report.again:
        console.print(f"again: {report.again}", style="dim", soft_wrap=True, markup=False, highlight=False)


def exit_of(reports: Sequence["Report"]) -> typer.Exit:
    """The exit code: that of the worst verdict."""
    return typer.Exit(worst(report.verdict for report in reports).exit_code)
