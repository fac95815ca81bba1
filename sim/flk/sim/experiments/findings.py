"""What a sweep says: of each cell and measure an interval, held against the target."""

from collections import Counter
from collections.abc import Iterator, Sequence
from math import isfinite, isnan
from typing import NamedTuple

import msgspec

from flk.sim.experiments.replay import replay_string
from flk.sim.experiments.rows import Row
from flk.sim.experiments.sweep import SweepOutcome, censored, check_measure, column
from flk.sim.experiments.variation import Cell
from flk.sim.statistics.intervals import Interval, proportion_interval
from flk.sim.statistics.sequential import Stopping, interval
from flk.spec.errors import UnusableInput
from flk.spec.verdict import Verdict, worst

TARGETS = ("rpo", "rto", "lag_p95", "latency_p95", "errors", "escalation")
"""The measures that `Objectives` has a target of the same name for."""


class Estimand(NamedTuple):
    """A statistic of a measure, such as the p95 of `rpo`."""

    statistic: str
    measure: str


class Finding(NamedTuple):
    """A statistic over the runs of a cell, its target if it has one, and the share of the runs that are beyond the target.

    A run in which the measure had not come to pass when it ended is not left out: it counts as beyond the target; a mean is then
    only known to be at least something; a quantile counts it as infinitely long where that is the worse. So such a run can make a
    cell undecided or violated, and never makes it hold.
    """

    asked: Estimand
    interval: Interval
    target: float | None
    beyond: Interval | None

    @property
    def verdict(self) -> Verdict | None:
        """Undecided where the target lies within the interval, or above a mean that is only known to be at least something; None
        without a target.
        """
        if self.target is None:
            return None
        below = self.interval.below(self.target)
        return Verdict.UNDECIDED if below is None else Verdict.HOLDS if below else Verdict.VIOLATED

    @property
    def told(self) -> str:
        """The estimate, and whether it is only a lower bound."""
        return f"{'≥ ' if self.interval.at_least else ''}{self.interval.estimate:.4g}"

    @property
    def told_censored(self) -> str:
        """In how many runs the measure had not come to pass, and what that means, in a sentence; empty if in none."""
        if not self.interval.censored:
            return ""
        runs = f"{self.interval.censored:,} of {self.interval.size:,} runs"
        ended = f"{self.asked.measure} had not come to pass in {runs} when they ended"
        return ended + ("; they count as beyond the target" if self.target is not None else "")


class CellFindings(NamedTuple):
    """What the runs of a cell say: how many there are, how many violate which invariants, and the findings."""

    cell: Cell
    runs: int
    violated: Counter[str]
    findings: tuple[Finding, ...]
    verdict: Verdict


def parse_measure(text: str) -> Estimand:
    """What a text such as `p95 of rpo` or `rpo` asks for; the mean unless it says otherwise. Raises UnusableInput."""
    words = text.split()
    if len(words) == 3 and words[1] == "of":
        asked = Estimand(words[0], words[2])
    elif len(words) == 1:
        asked = Estimand("mean", words[0])
    else:
        raise UnusableInput(f"--measure {text!r}: give a measure, or a statistic of one: 'p95 of rpo'")
    check_measure(asked.measure)
    interval([0.0, 1.0], asked.statistic)
    return asked


def findings(swept: SweepOutcome, asked: Sequence[Estimand] = ()) -> tuple[CellFindings, ...]:
    """What a sweep says of each cell: what its stopping rule is about, what was asked for, or else the mean of each measure that
    the scenario has a target for.
    """
    until = swept.plan.until
    ruled = [_ruled(until)] if until else []
    chosen = list(dict.fromkeys([*ruled, *(asked or (Estimand("mean", measure) for measure in TARGETS))]))
    return tuple(_of_cell(cell, rows, chosen, until) for cell, rows in zip(swept.plan.cells, swept.rows, strict=True))


def overall(cells: Sequence[CellFindings]) -> Verdict:
    """The worst verdict of any cell."""
    return worst([cell.verdict for cell in cells])


def facts(swept: SweepOutcome, cells: Sequence[CellFindings], programs: str = "") -> dict[str, object]:
    """The outcome as plain values, for programs. What is unknown or without end is None; every violated run has its string."""
    strings = [
        [
            replay_string(cell.scenario, row.seed, row.digest, programs)
            for row in rows
            if row.invariants is Verdict.VIOLATED
        ]
        for cell, rows in zip(swept.plan.cells, swept.rows, strict=True)
    ]
    outcome: dict[str, object] = msgspec.to_builtins(
        {
            "verdict": overall(cells),
            "made": swept.made,
            "seeds": [swept.plan.seeds.start, swept.plan.seeds.stop - 1],
            "cells": [
                {
                    "scenario_hash": each.cell.scenario.hash,
                    "parameters": dict(each.cell.parameters),
                    "runs": each.runs,
                    "violated": dict(each.violated),
                    "strings": strings[place],
                    "verdict": each.verdict,
                    "findings": [_facts(found) for found in each.findings],
                }
                for place, each in enumerate(cells)
            ],
        }
    )
    return outcome


def _ruled(until: Stopping) -> Estimand:
    return Estimand(until.statistic, until.measure)


def _of_cell(cell: Cell, rows: Sequence[Row], asked: Sequence[Estimand], until: Stopping | None) -> CellFindings:
    found = tuple(_findings(cell, rows, asked, until))
    broken = Counter(invariant for row in rows for invariant in row.violated.split())
    verdicts = [verdict for row in rows for verdict in (row.invariants, row.hypotheses)]
    verdicts += [each.verdict for each in found if each.verdict is not None]
    return CellFindings(cell, len(rows), broken, found, worst(verdicts))


def _findings(cell: Cell, rows: Sequence[Row], asked: Sequence[Estimand], until: Stopping | None) -> Iterator[Finding]:
    for each in asked:
        pairs = zip(column(rows, each.measure), censored(rows, each.measure), strict=True)
        known = [(value, cut) for value, cut in pairs if not isnan(value)]
        if not known:
            continue  # the scenario gives no occasion, such as an RPO where no region is lost
        sample, mask = zip(*known, strict=True)
        target: float | None = getattr(cell.scenario.slo, each.measure) if each.measure in TARGETS else None
        over = None if target is None else sum(value > target or cut for value, cut in known)
        beyond = None if over is None else proportion_interval(over, len(known))
        found = (
            until.interval(sample, mask)
            if until and each == _ruled(until)
            else interval(sample, each.statistic, censored=mask)
        )
        yield Finding(each, found, target, beyond)


def _facts(found: Finding) -> dict[str, object]:
    low, estimate, high = (x if isfinite(x) else None for x in found.interval[:3])
    return {
        "statistic": found.asked.statistic,
        "measure": found.asked.measure,
        "low": low,
        "estimate": estimate,
        "high": high,
        "size": found.interval.size,
        "censored": found.interval.censored,
        "at_least": found.interval.at_least,
        "target": None if found.target is None else float(found.target),
        "beyond": found.beyond and list(found.beyond[:3]),
        "verdict": found.verdict,
    }
