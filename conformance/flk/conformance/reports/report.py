"""What a run of the kit found: one result for each case or check, and what they amount to."""

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any

import msgspec

from flk.conformance.reports.coverage import Coverage
from flk.conformance.reports.html import html
from flk.spec.profiles import PARTIAL
from flk.spec.requirements import Level, catalogue
from flk.spec.tables import frame
from flk.spec.verdict import Verdict

Progress = Callable[[int, int, str], None]
"""Gets how many results of how many there are, and the name of what was or is being asked."""


def silent(done: int, total: int, name: str) -> None:
    """Shows no progress."""
    del done, total, name


class CaseStatus(StrEnum):
    """How one case or check ended. PASSED and DECLINED are no reproach; SKIPPED is one, for the subject did not say beforehand.
    KNOWN is a failure that a list of known failures names: it speaks neither for the subject nor against it.

    SILENT means that no answer came before the deadline, or no HTTP answer at all; NOT_EXERCISED that a check never came to its
    point, because the server refused what an honest client sends.

    >>> CaseStatus("no answer") is CaseStatus.SILENT
    True
    """

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    DECLINED = "declined"
    CRASHED = "crashed"
    SILENT = "no answer"
    NOT_EXERCISED = "not exercised"
    KNOWN = "known failure"


class CaseResult(msgspec.Struct, frozen=True, rename={"status": "verdict"}):
    """How one case of the vectors, or one check of a server, ended.

    `name` is that of the case (`OPERATION/CASE`) or check, `comment` what it is about, `requirements` the ids it bears on. `detail`
    says what was expected and what came, and `input` is the question as JSON; both are empty for what passed. `details` are
    all complaints of a check that has several, `expected` and `received` the two answers to a case that failed, as JSON; `hints`
    say why a case that went wrong is hard. As JSON, `status` is called `verdict`.

    >>> CaseResult("fixed9/tie", "a tie", ("C14N-2",), CaseStatus.FAILED, "expected 1, got 2").conforms
    False
    """

    name: str
    comment: str
    requirements: tuple[str, ...]
    status: CaseStatus
    detail: str = ""
    input: str = ""
    details: tuple[str, ...] = ()
    expected: str = ""
    received: str = ""
    hints: tuple[str, ...] = ()

    @property
    def conforms(self) -> bool:
        """Whether the result speaks for the subject, or at least not against it. A skip speaks against it, declining does not."""
        return self.status in {CaseStatus.PASSED, CaseStatus.DECLINED, CaseStatus.KNOWN}

    @property
    def group(self) -> str:
        """The operation of a case; the name of a check."""
        return self.name.partition("/")[0].removesuffix(".golden")


Each = Callable[[int, CaseResult], None]
"""Gets a result as soon as it is there, and its place in the report."""


def unheard(place: int, result: CaseResult) -> None:
    """Tells nobody."""
    del place, result


class Diagnosis(msgspec.Struct, frozen=True):
    """A known wrong form that gives the very answers that came to `cases`: so many of so many that failed, in words."""

    form: str
    requirement: str
    explains: int
    of: int
    says: str
    cases: tuple[str, ...]


class Report(msgspec.Struct, frozen=True):
    """What a subject, an SDK or a server, was asked, and how it did. A notebook shows it as tables.

    `remarks` are breaches of the protocol outside its answers, `notes` are no reproach, `again` is the line that asks again.
    `coverage` is how much of the kit passed, `profiles` are those whose every operation was asked, `without` the flags left out.
    `diagnoses` name the known mistakes that explain what failed, those that explain most first. `stale` is what is wrong with the
    list of known failures, if one was given.

    >>> report = check_sdk(reference_subject(), ["pcs_id"])
    >>> report.verdict, report.verdict.exit_code
    (<Verdict.HOLDS: 'holds'>, 0)
    >>> report.failures()
    ()
    >>> [line.requirement for line in report.by_requirement()]
    ['ID-1', 'ID-5']
    """

    subject: str
    results: tuple[CaseResult, ...]
    remarks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    again: str = ""
    coverage: Coverage | None = None
    profiles: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    diagnoses: tuple[Diagnosis, ...] = ()
    stale: tuple[str, ...] = ()

    @property
    def conclusion(self) -> str:
        """The verdict in words. Who was not asked everything conforms to a profile only, and how much that is, is told with it.

        >>> print(check_sdk(reference_subject(), ["pcs_id"]).conclusion)
        conforms to the profile partial: ... cases, 2 of ... requirements
        """
        if self._breaks():
            return "does not conform"
        if self.stale:
            return "the list of known failures is not true"
        if self.verdict is Verdict.UNDECIDED:
            return f"undecided: {'nothing passed' if self.asked else self._nothing}"
        known = sum(result.status is CaseStatus.KNOWN for result in self.results)
        but = f" but for {known:,} known failure{'s' if known > 1 else ''}" if known else ""
        if self.coverage is None or (self.coverage.whole and not known):
            return f"conforms{but}"
        if self.coverage.unit != "cases":
            return f"conforms as far as it was asked{but}: {self.coverage}"
        names = " and ".join(self.profiles) or PARTIAL
        without = f" without {', '.join(self.without)}" if self.without else ""
        return f"conforms to the profile{'s' if len(self.profiles) > 1 else ''} {names}{without}{but}: {self.coverage}"

    @property
    def verdict(self) -> Verdict:
        """Violated by a breach, by any result that bears on a MUST and does not conform, and by a stale list of known failures;
        undecided if nothing passed.
        """
        if self.stale or self._breaks():
            return Verdict.VIOLATED
        passed = any(result.status is CaseStatus.PASSED for result in self.results)
        return Verdict.HOLDS if passed else Verdict.UNDECIDED

    @property
    def _nothing(self) -> str:
        return "nothing that applies was asked" if self.results else "it was asked nothing"

    def _breaks(self) -> bool:
        return bool(self.remarks) or any(
            not result.conforms and is_binding(result.requirements) for result in self.results
        )

    @property
    def asked(self) -> int:
        """How many cases or checks were put to the subject, rather than declined by it."""
        return sum(result.status is not CaseStatus.DECLINED for result in self.results)

    @property
    def tally(self) -> str:
        """How many results of each status: `1764 passed`."""
        counts = {status: sum(result.status is status for result in self.results) for status in CaseStatus}
        return ", ".join(f"{count} {status}" for status, count in counts.items() if count) or "nothing was asked"

    def failures(self) -> tuple[CaseResult, ...]:
        """What does not conform: of each operation and status the result with the smallest input, in the order of the results."""
        smallest: dict[tuple[str, CaseStatus], CaseResult] = {}
        for result in self.results:
            if not result.conforms:
                place = result.group, result.status
                smallest[place] = min(smallest.get(place, result), result, key=lambda one: len(one.input))
        return tuple(smallest.values())

    def by_requirement(self) -> tuple["Line", ...]:
        """The results counted by requirement, in the catalogue's order; requirements that no result bears on are left out."""
        lines = []
        for requirement in catalogue():
            statuses = [result.status for result in self.results if requirement.id in result.requirements]
            if statuses:
                counts = {status: statuses.count(status) for status in CaseStatus if status in statuses}
                lines.append(Line(requirement.id, requirement.title, counts))
        return tuple(lines)

    def to_frame(self, library: str | None = None) -> Any:
        """A row for each result: name, group, status, conforms, requirements (one text), comment, detail, input.

        `library` is pandas, polars or pyarrow; None takes the first that is installed. Raises UnusableInput for another, and
        MissingExtra if there is none.
        """
        return frame(
            (
                {
                    "name": result.name,
                    "group": result.group,
                    "status": str(result.status),
                    "conforms": result.conforms,
                    "requirements": " ".join(result.requirements),
                    "comment": result.comment,
                    "detail": result.detail,
                    "input": result.input,
                }
                for result in self.results
            ),
            library,
        )

    def __repr__(self) -> str:
        return f"<Report on {self.subject}: {self.verdict}; {self.tally}>"

    def _repr_html_(self) -> str:
        used = [status for status in CaseStatus if any(result.status is status for result in self.results)]
        lines = [
            [line.requirement, line.title, *(line.counts.get(status, "") for status in used)]
            for line in self.by_requirement()
        ]
        failures = [
            [result.name, " ".join(result.requirements), result.status, result.input, result.detail]
            for result in self.failures()
        ]
        head = f"{self.subject}: {self.tally}: {self.conclusion}"
        return html(self.verdict, head, used, lines, failures, self.remarks, self.again)


class Line(msgspec.Struct, frozen=True):
    """How a subject stands with one requirement: the number of results by status."""

    requirement: str
    title: str
    counts: dict[CaseStatus, int]


def is_binding(requirements: Iterable[str]) -> bool:
    """Whether one of the requirements is a MUST."""
    return any(requirement.level is Level.MUST for requirement in catalogue() if requirement.id in requirements)
