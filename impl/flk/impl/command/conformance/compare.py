"""`flk conform compare`: several subjects side by side, asked now or told by reports of earlier runs."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from flk.impl.command.conformance.conform import Cases, Requirements, conform
from flk.impl.command.conformance.publishing import (
    Files,
    Html,
    Json,
    Junit,
    Ndjson,
    as_json,
    exit_of,
    publish,
    show,
    streaming,
    write_badge,
)
from flk.spec.errors import UnusableInput, writing

if TYPE_CHECKING:
    from typing import BinaryIO

    from flk.conformance import Report


@conform.command()
def compare(
    sources: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Subject files (.toml), whose subjects are asked, and reports (.ndjson) of earlier runs.",
            show_default="flk-subject.toml",
        ),
    ] = None,
    *,
    subject: Annotated[list[str] | None, typer.Option(help="Only these subjects of the subject file.")] = None,
    requirement: Requirements = None,
    case: Cases = None,
    ndjson: Ndjson = None,
    html: Html = None,
    badges: Annotated[
        Path | None, typer.Option(help="Write a badge for each subject into this folder.", file_okay=False)
    ] = None,
    junit: Junit = None,
    json: Json = False,
) -> None:
    """Ask every subject of a subject file, and show them side by side by requirement, with reports of earlier runs.

    Exit code: that of the worst of them. A subject that cannot be asked is undecided (2), and the others are asked all the same.
    """
    from rich.console import Console

    from flk.conformance import Verdict
    from flk.conformance.reports.terminal import compare as side_by_side

    reports: list[Report] = []
    with streaming(ndjson) as stream:
        for source in sources or [Path("flk-subject.toml")]:
            reports += _reports(source, subject or [], requirement or [], case or [], stream)
    publish(reports, Files(junit, html))
    if badges is not None:
        with writing(badges):
            badges.mkdir(parents=True, exist_ok=True)
        for number, report in enumerate(reports):
            write_badge(report, badges / f"{_file_name(report.subject, number)}.svg")
    if json:
        typer.echo(msgspec.json.encode([as_json(report) for report in reports]))
        raise exit_of(reports)
    for report in reports:
        if report.verdict is not Verdict.HOLDS:
            show(report, json=False)
            typer.echo()
    Console().print(side_by_side(reports))
    raise exit_of(reports)


def _reports(
    source: Path, names: list[str], requirements: list[str], cases: list[str], file: "BinaryIO | None"
) -> "tuple[Report, ...]":
    """What a source tells; what is asked now is written to the stream."""
    from flk.conformance.reports.stream import Stream, read
    from flk.conformance.sdk.subjects import check_subjects

    if source.suffix == ".ndjson":
        return read(source)
    if source.suffix != ".toml":
        raise UnusableInput(f"{source}: neither a subject file (.toml) nor a report (.ndjson); fix: name one of these")
    heard = None if file is None else (lambda entry: Stream(file, entry.name))
    return check_subjects(source, names, requirements=requirements, cases=cases, heard=heard)


def _file_name(subject: str, number: int) -> str:
    """The name of a subject, as a file may be called; its number where nothing is left of it."""
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", subject).strip("-.") or str(number)
