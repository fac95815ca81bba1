"""What a run of the kit found: one result for each case or check, and what they amount to."""

from collections.abc import Callable, Iterable
from enum import IntEnum, StrEnum

import msgspec

from flk.spec.requirements import Level, catalogue

Progress = Callable[[int, int, str], None]
"""Is told how many results of how many there are, and the name of what was or is being asked."""


def silent(done: int, total: int, name: str) -> None:
    """Progress that nobody watches."""
    del done, total, name


class Verdict(StrEnum):
    """How one case ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    DECLINED = "declined"
    CRASHED = "crashed"
    SILENT = "no answer"


class Exit(IntEnum):
    """Exit codes of every `flk` command."""

    HOLDS = 0
    VIOLATED = 1
    UNDECIDED = 2


class Result(msgspec.Struct, frozen=True):
    """One case or check: its name, what it says, the requirements it bears on, how it ended, and why (empty if it passed)."""

    name: str
    comment: str
    requirements: tuple[str, ...]
    verdict: Verdict
    detail: str = ""

    @property
    def conforms(self) -> bool:
        """Whether the result speaks for the subject, or at least not against it. A skip speaks against it, declining does not."""
        return self.verdict in {Verdict.PASSED, Verdict.DECLINED}


class Report(msgspec.Struct, frozen=True):
    """All results on a subject. `remarks` are breaches of the protocol outside its answers, `notes` are no reproach."""

    subject: str
    results: tuple[Result, ...]
    remarks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def exit(self) -> Exit:
        """Violated by a breach, or by any result that bears on a MUST and does not conform; undecided if nothing was asked."""
        if self.remarks or any(not result.conforms and is_binding(result.requirements) for result in self.results):
            return Exit.VIOLATED
        return Exit.HOLDS if any(result.verdict is Verdict.PASSED for result in self.results) else Exit.UNDECIDED


class Line(msgspec.Struct, frozen=True):
    """How a subject stands with one requirement: the number of results by verdict."""

    requirement: str
    title: str
    counts: dict[Verdict, int]


def is_binding(requirements: Iterable[str]) -> bool:
    """Whether one of the requirements is a MUST."""
    return any(requirement.level is Level.MUST for requirement in catalogue() if requirement.id in requirements)


def by_requirement(report: Report) -> tuple[Line, ...]:
    """The results counted by requirement, in the catalogue's order; requirements that no result bears on are left out."""
    lines = []
    for requirement in catalogue():
        verdicts = [result.verdict for result in report.results if requirement.id in result.requirements]
        if verdicts:
            counts = {verdict: verdicts.count(verdict) for verdict in Verdict if verdict in verdicts}
            lines.append(Line(requirement.id, requirement.title, counts))
    return tuple(lines)
