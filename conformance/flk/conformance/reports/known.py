"""Known failures: a file that says which cases fail, where that is tracked, until when, and why. It cannot rot.

    # pattern          issue                        until       why
    regime/1.5-*       https://example.org/sdk/17   2027-03-31  bounds are strict until version 2

A failure that a line names does not count against the subject, and no failure makes it plainly conform. What fails the run instead:
a named case that passes, a line past its day, and a line that names nothing that was asked.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, date, datetime
from os import PathLike
from pathlib import Path

import msgspec

from flk.conformance.reports.patterns import advice, matches, matching
from flk.conformance.reports.report import CaseResult, CaseStatus, Report
from flk.spec.errors import UnusableInput

FORM = "a line is: PATTERN ISSUE YYYY-MM-DD WHY"


def today() -> date:
    """The day it is in UTC, so that a line expires everywhere at once."""
    return datetime.now(UTC).date()


class KnownFailure(msgspec.Struct, frozen=True):
    """One line: which cases, the issue that tracks them, the last day on which they may fail, and why they do."""

    number: int
    pattern: str
    issue: str
    until: date
    why: str


class KnownFailures(msgspec.Struct, frozen=True):
    """The lines of a file, as they count on a day.

    >>> known = parse("regime/* #17 2027-03-31 strict bounds", "known.txt", date(2027, 1, 1))
    >>> known.judged(CaseResult("regime/tie", "", ("SIG-4",), CaseStatus.FAILED, "wrong")).detail
    'known: strict bounds (#17, until 2027-03-31): wrong'
    """

    source: str
    lines: tuple[KnownFailure, ...]
    day: date

    def judged(self, result: CaseResult) -> CaseResult:
        """The result, as a known failure if it fails and a line that has not expired names it."""
        if result.conforms:
            return result
        for line in self.lines:
            if line.until >= self.day and matches(line.pattern, result.name):
                detail = f"known: {line.why} ({line.issue}, until {line.until}): {result.detail}"
                return msgspec.structs.replace(result, status=CaseStatus.KNOWN, detail=detail)
        return result

    def applied(self, report: Report, every: Collection[str]) -> Report:
        """The report with its known failures, and with what is wrong with the lines. `every` are the names that there are."""
        results = tuple(map(self.judged, report.results))
        return msgspec.structs.replace(report, results=results, stale=tuple(self.stale(results, every)))

    def stale(self, results: Iterable[CaseResult], every: Collection[str]) -> Iterator[str]:
        """What is wrong with the lines, one sentence for each at fault. A line about cases that nobody asked for is at peace."""
        found = {result.name: result.status for result in results}
        for line in self.lines:
            place = f"{self.source}:{line.number}: {line.pattern}"
            named = matching(line.pattern, found)
            passed = [name for name in named if found[name] is CaseStatus.PASSED]
            if line.until < self.day:
                yield f"{place} expired on {line.until}; fix: mend what fails, or set a new day (issue {line.issue})"
            elif passed:
                others = f" and {len(passed) - 1} more that it names" if len(passed) > 1 else ""
                yield f"{place}: {passed[0]}{others} passed; fix: delete the line or name less (issue {line.issue})"
            elif not matching(line.pattern, every):
                yield f"{place} names nothing that there is; {advice(line.pattern, every)}"
            elif named and all(found[name] is CaseStatus.DECLINED for name in named):
                yield f"{place} names only what is declined; fix: delete the line"


NONE = KnownFailures("", (), date.max)
"""Nothing is known to fail."""


def read(path: str | PathLike[str], day: date | None = None) -> KnownFailures:
    """The lines of a file. Raises UnusableInput for a file that cannot be read and for a line that is none."""
    try:
        text = Path(path).read_text("utf-8")
    except OSError as error:
        raise UnusableInput(f"{path}: cannot be read: {error.strerror}; name a file of known failures") from None
    except UnicodeDecodeError:
        raise UnusableInput(f"{path}: is not UTF-8 text; {FORM}") from None
    return parse(text, str(path), day)


def parse(text: str, source: str, day: date | None = None) -> KnownFailures:
    """The lines of a text; empty ones and those that begin with `#` say nothing. `day` is today unless given."""
    lines = []
    for number, written in enumerate(text.splitlines(), start=1):
        if written.strip() and not written.lstrip().startswith("#"):
            lines.append(_line(written, f"{source}:{number}", number))
    return KnownFailures(source, tuple(lines), day or today())


def _line(written: str, place: str, number: int) -> KnownFailure:
    words = written.split(maxsplit=3)
    if len(words) < 4:
        raise UnusableInput(f"{place}: says {len(words)} of 4 things; fix: {FORM}")
    pattern, issue, until, why = words
    try:
        day = date.fromisoformat(until)
    except ValueError:
        raise UnusableInput(f"{place}: {until} is no day such as 2027-03-31; fix: {FORM}") from None
    return KnownFailure(number, pattern, issue, day, why.strip())
