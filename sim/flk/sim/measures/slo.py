"""Service-level objectives: targets, what was measured, and the verdict."""

from math import isnan, nan
from typing import NamedTuple

import msgspec

from flk.sim.measures.audit_logs import worst as worst_lag
from flk.sim.measures.measures import Measures
from flk.sim.measures.metrics import Span, metric
from flk.sim.measures.recovery import worst
from flk.sim.measures.series import Reading
from flk.sim.scenarios.faults import ProcessCrash
from flk.sim.scenarios.policy import Objectives
from flk.sim.scenarios.scenario import Scenario
from flk.spec.measures import BY_OBJECTIVE
from flk.spec.verdict import Verdict

LABELS = {Verdict.HOLDS: "met", Verdict.VIOLATED: "missed", Verdict.UNDECIDED: "undecided"}


class Objective(msgspec.Struct, frozen=True):
    """A target and what came of it. `measured` is NaN where the run gave no occasion to measure it. It is `censored` where the run
    ended before what it measures came to pass: then it is a lower bound.
    """

    name: str
    meaning: str
    unit: str
    target: float
    measured: float
    censored: bool = False

    @property
    def verdict(self) -> Verdict:
        """Whether the target was met; a target that could not be measured, or not to its end, is undecided, unless it is already
        exceeded.
        """
        if isnan(self.measured):
            return Verdict.UNDECIDED
        if self.measured > self.target:
            return Verdict.VIOLATED
        return Verdict.UNDECIDED if self.censored else Verdict.HOLDS

    @property
    def label(self) -> str:
        """The verdict in the words of service levels."""
        return LABELS[self.verdict]


class Figures(NamedTuple):
    """What objectives are held against, from whichever tier. None: the scenario gives no occasion, so nothing is asked."""

    latency_p95: Reading
    escalation: Reading
    errors: Reading
    lag_p95: Reading | None = None
    rpo: Reading | None = None
    rto: Reading | None = None
    audit_p99: Reading | None = None
    audit_uncovered: Reading | None = None
    audit_log_lag: Reading | None = None
    anchor_lag: Reading | None = None
    siem_lag: Reading | None = None


def figures(scenario: Scenario, measures: Measures) -> Figures:
    """The figures of a run of the message tier: RPO only if it loses a region, RTO also if only the process dies there."""
    loses = not all(isinstance(crash, ProcessCrash) for crash in scenario.crashes)
    audited = [row for row in measures.audit.values() if row.tasks]
    return Figures(
        latency_p95=Reading(measures.latency["acknowledged"].p95),
        escalation=Reading(measures.escalated),
        errors=Reading(metric("errors", measures, Span(0.0, scenario.duration)).value),
        lag_p95=Reading(max(lag.summary.p95 for lag in measures.lags)) if measures.lags else None,
        rpo=Reading(max((loss.seconds for loss in measures.losses), default=nan)) if loses else None,
        rto=worst(each.reading("rto") for each in measures.recoveries) if scenario.crashes else None,
        audit_p99=worst(Reading(row.settle.p99, not row.settled) for row in audited) if audited else None,
        audit_uncovered=worst(Reading(row.uncovered) for row in audited) if audited else None,
        audit_log_lag=worst_lag(measures.audit_logs, "published"),
        anchor_lag=worst_lag(measures.audit_logs, "anchored"),
        siem_lag=worst_lag(measures.audit_logs, "told"),
    )


def objectives(slo: Objectives, found: Figures) -> tuple[Objective, ...]:
    """The objectives of a scenario, held against what was found: the same rules for every tier."""
    rows = (
        ("RPO", slo.rpo, found.rpo),
        ("RTO", slo.rto, found.rto),
        ("lag p95", slo.lag_p95, found.lag_p95),
        ("latency p95", slo.latency_p95, found.latency_p95),
        ("errors", slo.errors, found.errors),
        ("escalations", slo.escalation, found.escalation),
        ("audit p99", slo.audit_p99, found.audit_p99),
        ("audit uncovered", slo.audit_uncovered, found.audit_uncovered),
        ("audit log lag", slo.audit_log_lag, found.audit_log_lag),
        ("anchor lag", slo.anchor_lag, found.anchor_lag),
        ("SIEM lag", slo.siem_lag, found.siem_lag),
    )
    return tuple(
        _objective(name, float(target), reading)
        for name, target, reading in rows
        if target is not None and reading is not None
    )


def _objective(name: str, target: float, reading: Reading) -> Objective:
    measure = BY_OBJECTIVE[name]
    unit = "" if measure.unit == "%" else measure.unit
    return Objective(name, measure.definition, unit, target, reading.value, reading.censored)
