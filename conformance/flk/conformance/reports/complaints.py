"""What went wrong, by requirement, worst first: each failure under the one requirement that most of the failures share."""

from collections import Counter
from collections.abc import Sequence

import msgspec

from flk.conformance.reports.report import CaseResult, CaseStatus, Report
from flk.spec.requirements import catalogue

WRONG = (CaseStatus.FAILED, CaseStatus.CRASHED, CaseStatus.SILENT, CaseStatus.NOT_EXERCISED)
"""What is a complaint of its own. Skips have one reason for many and are told together."""


class Complaint(msgspec.Struct, frozen=True):
    """A requirement, how many of the results that bear on it are wrong, and those that are told here.

    `examples` are the results with the smallest inputs, one for each operation and status; `others` the names of the rest.
    """

    requirement: str
    title: str
    wrong: int
    of: int
    examples: tuple[CaseResult, ...]
    others: tuple[str, ...]


def complaints(report: Report) -> tuple[Complaint, ...]:
    """The requirement that most wrong results bear on, then that of most of the rest, and so on. Each result is told once.

    Between two with as many, the one of which a greater share is wrong comes first: it is more likely the cause.
    """
    titles = {requirement.id: requirement.title for requirement in catalogue()}
    places = {name: place for place, name in enumerate(titles)}
    borne = Counter(name for result in report.results for name in result.requirements)
    left = [result for result in report.results if result.status in WRONG]
    every = Counter(name for result in left for name in result.requirements)
    found = []
    while left:
        counts = Counter(name for result in left for name in result.requirements)
        if not counts:
            found.append(_complaint("", "bears on no requirement", len(left), len(left), left))
            break
        worst = max(counts, key=lambda name: (counts[name], counts[name] / borne[name], -places.get(name, 0)))
        mine = [result for result in left if worst in result.requirements]
        found.append(_complaint(worst, titles.get(worst, ""), every[worst], borne[worst], mine))
        left = [result for result in left if worst not in result.requirements]
    return tuple(found)


def _complaint(name: str, title: str, wrong: int, of: int, results: Sequence[CaseResult]) -> Complaint:
    smallest: dict[tuple[str, CaseStatus], CaseResult] = {}
    for result in sorted(results, key=lambda one: len(one.input)):
        smallest.setdefault((result.group, result.status), result)
    examples = tuple(smallest.values())
    shown = {result.name for result in examples}
    return Complaint(name, title, wrong, of, examples, tuple(one.name for one in results if one.name not in shown))
