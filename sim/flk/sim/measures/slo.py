"""Service-level objectives: targets, what was measured, and the verdict."""

from collections.abc import Iterator
from math import isnan, nan

import msgspec

from flk.sim.measures.measures import Measures
from flk.sim.measures.metrics import Span, metric
from flk.sim.scenarios.faults import ProcessCrash
from flk.sim.scenarios.scenario import Scenario
from flk.spec.verdict import Verdict

LABELS = {Verdict.HOLDS: "met", Verdict.VIOLATED: "missed", Verdict.UNDECIDED: "undecided"}


class Objective(msgspec.Struct, frozen=True):
    """A target and what came of it. `measured` is NaN where the run gave no occasion to measure it."""

    name: str
    meaning: str
    unit: str
    target: float
    measured: float

    @property
    def verdict(self) -> Verdict:
        """Whether the target was met; a target that could not be measured is undecided."""
        if isnan(self.measured):
            return Verdict.UNDECIDED
        return Verdict.HOLDS if self.measured <= self.target else Verdict.VIOLATED

    @property
    def label(self) -> str:
        """The verdict in the words of service levels."""
        return LABELS[self.verdict]


def objectives(scenario: Scenario, measures: Measures) -> tuple[Objective, ...]:
    """The objectives of a scenario, measured: RPO only if it loses a region, RTO also if only the process dies there."""
    return tuple(_objectives(scenario, measures))


def _objectives(scenario: Scenario, measures: Measures) -> Iterator[Objective]:
    slo = scenario.slo
    if not all(isinstance(crash, ProcessCrash) for crash in scenario.crashes):
        rpo = max((loss.seconds for loss in measures.losses), default=nan)
        yield Objective("RPO", "age of the oldest acknowledged record that was lost with a region", "s", slo.rpo, rpo)
    if scenario.crashes:
        rto = _most(recovery.rto for recovery in measures.recoveries)
        yield Objective("RTO", "from the loss of a region until all its agents are served again", "s", slo.rto, rto)
    if measures.lags:
        lag = max(lag.summary.p95 for lag in measures.lags)
        yield Objective("lag p95", "replication lag over time, worst pair of regions", "s", slo.lag_p95, lag)
    latency = measures.latency["acknowledged"].p95
    yield Objective("latency p95", "one acknowledged attempt, as the agent sees it", "s", slo.latency_p95, latency)
    if slo.errors is not None:
        meaning = "share of answered attempts that the service failed"
        errors = metric("errors", measures, Span(0.0, scenario.duration))
        yield Objective("errors", meaning, "", slo.errors, errors)
    escalation = measures.escalated
    yield Objective("escalations", "share of stored outcomes that are escalated", "", slo.escalation, escalation)
    audited = [row for row in measures.audit.values() if row.tasks]
    if audited:
        settle = _most(row.settle.p99 for row in audited)
        yield Objective("audit p99", "from a first write until its audit task is finished", "s", slo.audit_p99, settle)
        uncovered = _most(row.uncovered for row in audited)
        yield Objective("audit uncovered", "share of tasks without effect", "", slo.audit_uncovered, uncovered)


def _most(values: Iterator[float]) -> float:
    """The greatest; NaN if any of them is, or if there is none."""
    found = list(values)
    return nan if any(map(isnan, found)) else max(found, default=nan)
