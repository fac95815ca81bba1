"""What a run of the kit found: one result for each case or check, and what they amount to."""

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any

import msgspec

from flk.conformance.reports.html import html
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

    SILENT means that no answer came before the deadline, or no HTTP answer at all.

    >>> CaseStatus("no answer") is CaseStatus.SILENT
    True
    """

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    DECLINED = "declined"
    CRASHED = "crashed"
    SILENT = "no answer"


class CaseResult(msgspec.Struct, frozen=True, rename={"status": "verdict"}):
    """How one case of the vectors, or one check of a server, ended.

    `name` is that of the case (`OPERATION/CASE`) or check, `comment` what it is about, `requirements` the ids it bears on. `detail`
    says what was expected and what came, and `input` is the question as JSON; both are empty for what passed. As JSON, `status` is
    called `verdict`.

    >>> CaseResult("fixed9/tie", "a tie", ("C14N-2",), CaseStatus.FAILED, "expected 1, got 2").conforms
    False
    """

    name: str
    comment: str
    requirements: tuple[str, ...]
    status: CaseStatus
    detail: str = ""
    input: str = ""

    @property
    def conforms(self) -> bool:
        """Whether the result speaks for the subject, or at least not against it. A skip speaks against it, declining does not."""
        return self.status in {CaseStatus.PASSED, CaseStatus.DECLINED}

    @property
    def group(self) -> str:
        """The operation of a case; the name of a check."""
        return self.name.partition("/")[0].removesuffix(".golden")


class Report(msgspec.Struct, frozen=True):
    """What a subject, an SDK or a server, was asked, and how it did. A notebook shows it as tables.

    `remarks` are breaches of the protocol outside its answers, `notes` are no reproach, `again` is the line that asks again.

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

    @property
    def verdict(self) -> Verdict:
        """Violated by a breach, or by any result that bears on a MUST and does not conform; undecided if nothing passed."""
        if self.remarks or any(not result.conforms and is_binding(result.requirements) for result in self.results):
            return Verdict.VIOLATED
        return (
            Verdict.HOLDS if any(result.status is CaseStatus.PASSED for result in self.results) else Verdict.UNDECIDED
        )

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
        return html(self.verdict, f"{self.subject}: {self.tally}", used, lines, failures, self.remarks, self.again)


class Line(msgspec.Struct, frozen=True):
    """How a subject stands with one requirement: the number of results by status."""

    requirement: str
    title: str
    counts: dict[CaseStatus, int]


def is_binding(requirements: Iterable[str]) -> bool:
    """Whether one of the requirements is a MUST."""
    return any(requirement.level is Level.MUST for requirement in catalogue() if requirement.id in requirements)
