"""Reports as NDJSON: a head, a line for each result as soon as it is there, and a footer. Without its footer a report is cut short.

    {"head": {"format": 1, "kit": "flk-lab 0.2.0", "subject": "my sdk"}}
    {"place": 17, "result": {"name": "fixed9/tie", "verdict": "passed", …}}
    {"footer": {"results": 1851, "verdict": "holds", "exit": 0, "conclusion": "conforms", …}}

A file may hold several reports, one after the other.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from flk.conformance.reports.coverage import Coverage
from flk.conformance.reports.report import CaseResult, Diagnosis, Report
from flk.spec import __version__
from flk.spec.errors import UnusableInput
from flk.spec.verdict import Verdict

FORMAT = 1


class Head(msgspec.Struct, frozen=True):
    """Who asks whom. The name of the subject is the one that it was started under; the footer has the one that counts."""

    format: int
    kit: str
    subject: str


class Footer(msgspec.Struct, frozen=True):
    """All of a report but its results, and how many of those there are."""

    results: int
    subject: str
    verdict: Verdict
    exit: int
    conclusion: str
    tally: str
    remarks: tuple[str, ...]
    notes: tuple[str, ...]
    again: str
    coverage: Coverage | None
    profiles: tuple[str, ...]
    without: tuple[str, ...]
    diagnoses: tuple[Diagnosis, ...]
    stale: tuple[str, ...]


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line: a head, a result with its place in the report, or a footer."""

    head: Head | None = None
    place: int | None = None
    result: CaseResult | None = None
    footer: Footer | None = None


class Stream:
    """Writes a report while it is made: `result` for each result, in any order, then `end`."""

    def __init__(self, file: BinaryIO, subject: str) -> None:
        self._file = file
        self._write(Line(head=Head(FORMAT, f"flk-lab {__version__}", subject)))

    def result(self, place: int, result: CaseResult) -> None:
        """One result, by its place in the report."""
        self._write(Line(place=place, result=result))

    def end(self, report: Report) -> None:
        """The footer."""
        rest = {name: getattr(report, name) for name in Footer.__struct_fields__ if name not in {"results", "exit"}}
        self._write(Line(footer=Footer(results=len(report.results), exit=report.verdict.exit_code, **rest)))

    def _write(self, line: Line) -> None:
        self._file.write(msgspec.json.encode(line) + b"\n")
        self._file.flush()


def write(report: Report, file: BinaryIO) -> None:
    """A whole report at once."""
    stream = Stream(file, report.subject)
    for place, result in enumerate(report.results):
        stream.result(place, result)
    stream.end(report)


def read(path: Path) -> tuple[Report, ...]:
    """The reports of a file. Raises UnusableInput for a line that is none, and for a report without its footer."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UnusableInput(f"{path}: cannot be read: {error.strerror}") from None
    reports = tuple(_reports(_decoded(path, lines), path))
    if not reports:
        raise UnusableInput(f"{path}: no report in it; fix: run it again")
    return reports


def _decoded(path: Path, lines: Iterable[bytes]) -> Iterator[Line]:
    for number, line in enumerate(lines, start=1):
        try:
            yield msgspec.json.decode(line, type=Line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UnusableInput(f"{path}:{number}: no line of a report ({error}); fix: run it again") from None


def _reports(lines: Iterable[Line], path: Path) -> Iterator[Report]:
    results: dict[int, CaseResult] = {}
    head: Head | None = None
    for line in lines:
        if line.head is not None:
            _cut_short(head, results, path)
            head, results = line.head, {}
            if head.format != FORMAT:
                raise UnusableInput(f"{path}: format {head.format}, and this kit reads {FORMAT}; fix: use its own kit")
        elif line.result is not None and line.place is not None:
            results[line.place] = line.result
        elif line.footer is not None:
            if head is None or sorted(results) != list(range(line.footer.results)):
                raise UnusableInput(f"{path}: {len(results)} of {line.footer.results} results; fix: run it again")
            yield _report(line.footer, results)
            head, results = None, {}
    _cut_short(head, results, path)


def _cut_short(head: Head | None, results: dict[int, CaseResult], path: Path) -> None:
    if head is not None:
        raise UnusableInput(
            f"{path}: the report on {head.subject} has no footer: it was cut short after {len(results)} results;"
            " fix: run it again"
        )


def _report(footer: Footer, results: dict[int, CaseResult]) -> Report:
    rest = {name: getattr(footer, name) for name in Report.__struct_fields__ if name != "results"}
    return Report(results=tuple(results[place] for place in sorted(results)), **rest)
