"""The numbers of a run that a hypothesis may bound, by name. A number is one line of the table `NUMBERS`.

Most are of a span of time, the whole run or the time in which a fault held: then latencies and shares are of what was sent in it.
"""

from collections.abc import Callable, Iterable, Mapping
from math import nan
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from flk.model.flow.answers import ACKNOWLEDGED
from flk.sim.world.events import NO_ANSWER

if TYPE_CHECKING:  # what a scenario may name is known before there are runs to measure
    from flk.sim.measures.measures import Column, Measures, Steps


class Span(NamedTuple):
    """From a moment of the run to a later one, in seconds."""

    start: float
    end: float


class Metric(NamedTuple):
    """What a name stands for. NaN where the run gave nothing to measure. One that is not `narrowed` is of the whole run.

    A share is from 0 to 1, though people are told it in percent.
    """

    meaning: str
    unit: str
    measure: "Callable[[Measures, Span], float]"
    narrowed: bool = True


def _within(times: "Column", span: Span) -> NDArray[np.bool_]:
    """Which of the moments are in a span, its end included."""
    inside: NDArray[np.bool_] = (times >= span.start) & (times <= span.end)
    return inside


def _latency(share: float) -> "Callable[[Measures, Span], float]":
    def measure(measures: "Measures", span: Span) -> float:
        rows = measures.attempts
        return _quantile(rows.seconds[_within(rows.sent, span) & np.isin(rows.status, list(ACKNOWLEDGED))], share)

    return measure


def _share(of: Callable[[int], bool], among: Callable[[int], bool]) -> "Callable[[Measures, Span], float]":
    """The share of attempts with one kind of status among those with another."""

    def measure(measures: "Measures", span: Span) -> float:
        statuses = measures.attempts.status[_within(measures.attempts.sent, span)].tolist()
        counted = sum(map(among, statuses))
        return sum(map(of, statuses)) / counted if counted else nan

    return measure


def _answered(status: int) -> bool:
    return status != NO_ANSWER


def _attempts(measures: "Measures", span: Span) -> float:
    return float(_within(measures.attempts.sent, span).sum())


def _goodput(measures: "Measures", span: Span) -> float:
    rows = measures.attempts
    good = _within(rows.over, span) & np.isin(rows.status, list(ACKNOWLEDGED))
    return float(good.sum()) / (span.end - span.start)


def _delivered(measures: "Measures", span: Span) -> float:
    came = _within(measures.given.came, span)
    return float((came & ~np.isnan(measures.given.over)).sum() / came.sum()) if came.any() else nan


def _delivery(share: float) -> "Callable[[Measures, Span], float]":
    def measure(measures: "Measures", span: Span) -> float:
        came, over = measures.given
        return _quantile((over - came)[_within(came, span) & ~np.isnan(over)], share)

    return measure


def _lag(share: float) -> "Callable[[Measures, Span], float]":
    def measure(measures: "Measures", span: Span) -> float:
        inside = _within(measures.grid, span)
        return _most(_quantile(lag.age[inside], share) for lag in measures.lags)

    return measure


def _level(of: "Callable[[Measures], Iterable[Steps]]") -> "Callable[[Measures, Span], float]":
    """The greatest of some numbers that change over time: what they are when the span begins counts, too."""

    def measure(measures: "Measures", span: Span) -> float:
        return _most(_highest(steps, span) for steps in of(measures))

    return measure


def _highest(steps: "Steps", span: Span) -> float:
    before = max(int(np.searchsorted(steps.at, span.start, side="right")) - 1, 0)
    levels = steps.level[before : int(np.searchsorted(steps.at, span.end, side="right"))]
    return float(levels.max()) if levels.size else nan


def _of_run(meaning: str, unit: str, of: "Callable[[Measures], float]") -> Metric:
    return Metric(meaning, unit, lambda measures, _: of(measures), narrowed=False)


def _quantile(sample: "Column", share: float) -> float:
    return float(np.quantile(sample, share)) if sample.size else nan


def _most(values: Iterable[float]) -> float:
    """The greatest; NaN if any of them is, or if there is none."""
    found = list(values)
    return float(np.max(found)) if found else nan


METRICS: Mapping[str, Metric] = {
    "latency_p50": Metric("half of the acknowledged attempts took no longer", "s", _latency(0.5)),
    "latency_p95": Metric("95 % of the acknowledged attempts took no longer", "s", _latency(0.95)),
    "latency_p99": Metric("99 % of the acknowledged attempts took no longer", "s", _latency(0.99)),
    "latency_max": Metric("the longest acknowledged attempt", "s", _latency(1)),
    "attempts": Metric("attempts to deliver", "", _attempts),
    "errors": Metric(
        "share of answered attempts with a status of 500 or more", "%", _share(lambda s: s >= 500, _answered)
    ),
    "shed": Metric(
        "share of answered attempts that were turned away with 429", "%", _share(lambda s: s == 429, _answered)
    ),
    "unanswered": Metric(
        "share of attempts without an answer", "%", _share(lambda s: not _answered(s), lambda _: True)
    ),
    "goodput": Metric("acknowledgements a second", "1/s", _goodput),
    "delivered": Metric("share of what agents were given that was acknowledged in the end", "%", _delivered),
    "delivery_p95": Metric(
        "95 % of what was acknowledged took no longer, from when an agent was given it", "s", _delivery(0.95)
    ),
    "delivery_max": Metric(
        "the longest time from when an agent was given something to its acknowledgement", "s", _delivery(1)
    ),
    "lag_p95": Metric("replication lag, 95 % of the time, worst pair of regions", "s", _lag(0.95)),
    "lag_max": Metric("greatest replication lag of any pair of regions", "s", _lag(1)),
    "differing_max": Metric("most keys that not all regions stored alike", "keys", _level(lambda m: [m.divergence])),
    "audit_backlog_max": Metric(
        "most audit tasks of a region that were not settled",
        "tasks",
        _level(lambda m: [a.backlog for a in m.audit.values()]),
    ),
    "owed_max": Metric(
        "most claims that waited for a tier of a region's store",
        "claims",
        _level(lambda m: [s.owed for s in m.stores.values()]),
    ),
    "rpo": _of_run(
        "age of the oldest record that a region took down with it", "s", lambda m: _most(x.seconds for x in m.losses)
    ),
    "rto": _of_run(
        "from the loss of a region until its agents are served again", "s", lambda m: _most(x.rto for x in m.recoveries)
    ),
    "escalated": _of_run("share of stored outcomes that are escalated", "%", lambda m: m.escalated),
    "lost": _of_run("acknowledged records that are nowhere any more", "records", lambda m: m.counts.lost),
    "dead": _of_run("honest records that were refused for good", "records", lambda m: m.counts.dead),
    "forged": _of_run("forged records that agents were given", "records", lambda m: m.counts.forged),
    "equivocating": _of_run("equivocating records that agents were given", "records", lambda m: m.counts.equivocating),
    "replayed": _of_run("recorded submissions that attackers sent again", "", lambda m: m.counts.replayed),
    "withheld": _of_run("requests that a circuit breaker kept from being sent", "", lambda m: m.counts.withheld),
    "retries": _of_run("attempts beyond the first of each record", "", lambda m: m.counts.retries),
    "undelivered": _of_run(
        "records that no answer had settled when the run ended", "records", lambda m: m.counts.undelivered
    ),
    "refused_near": _of_run(
        "claims of hot and warm keys that were refused for a tier that was away",
        "claims",
        lambda m: _most(s.refused_near for s in m.stores.values()),
    ),
    "audit_uncovered": _of_run(
        "share of settled audit tasks without effect, worst region",
        "%",
        lambda m: _most(a.uncovered for a in m.audit.values()),
    ),
}
"""Every number that a hypothesis may bound."""
