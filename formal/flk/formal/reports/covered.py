"""The coverage table: what never happened, and which parts of guards never decided anything."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from rich.box import SIMPLE
from rich.table import Column, Table
from rich.text import Text

from flk.formal.explicit.engines.coverage import ActionCoverage, Conjunct
from flk.formal.reports.columns import folding, whole

Coverage = tuple[ActionCoverage, ...]


class Line(NamedTuple):
    """A part of a guard; the first of an action names it, with the number of its steps. `remark`: what is amiss."""

    action: str
    fired: str
    conjunct: str
    true: str
    false: str
    remark: str


def lines(coverage: Iterable[ActionCoverage]) -> Iterator[Line]:
    """The rows of the table."""
    for action in coverage:
        never = "" if action.fired else "never happens"
        if not action.conjuncts:
            yield Line(action.action, f"{action.fired:,}", "", "", "", never)
        for n, conjunct in enumerate(action.conjuncts):
            remark = "; ".join(filter(None, (never if n == 0 else "", _remark(conjunct))))
            first = ("", "") if n else (action.action, f"{action.fired:,}")
            signs = ("yes" if conjunct.seen_true else "no", "yes" if conjunct.seen_false else "no")
            yield Line(*first, conjunct.text, *signs, remark)


def table(coverage: Iterable[ActionCoverage]) -> Table:
    """The table for a terminal."""
    grid = Table(
        whole("action"),
        whole("steps", right=True),
        folding("part of its guard"),
        whole("true"),
        whole("false"),
        Column("", overflow="fold", min_width=6),
        box=SIMPLE,
        title="coverage",
        title_justify="left",
    )
    for line in lines(coverage):
        style = "bold yellow" if line.remark else ""
        grid.add_row(*(Text(cell, style) for cell in line))
    return grid


def _remark(conjunct: Conjunct) -> str:
    if not conjunct.seen_true and not conjunct.seen_false:
        return "never looked at"
    return "never true" if not conjunct.seen_true else "" if conjunct.seen_false else "never false"
