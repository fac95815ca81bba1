"""The metrics of a run that a hypothesis may bound: how each name of `vocabulary.METRICS` is computed.

Most are of a span of time, the whole run or the time in which a fault held: then latencies and shares are of what was sent in it.
"""

from collections.abc import Callable, Iterable, Mapping
from math import nan
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from flk.model.flow.answers import ACKNOWLEDGED
from flk.sim.measures.audit_logs import worst as worst_lag
from flk.sim.measures.measures import Lag, Measures
from flk.sim.measures.recovery import worst
from flk.sim.measures.series import Column, Reading, Steps
from flk.sim.world.events import NO_ANSWER


class Span(NamedTuple):
    """From a moment of the run to a later one, in seconds."""

    start: float
    end: float


Computation: TypeAlias = Callable[[Measures, Span], float | Reading]


def metric(name: str, measures: Measures, span: Span) -> Reading:
    """The metric of that name in a span of a run; NaN where the run gave nothing to measure. Raises KeyError for another name."""
    found = COMPUTED[name](measures, span)
    return found if isinstance(found, Reading) else Reading(found)


def _within(times: Column, span: Span) -> NDArray[np.bool_]:
    """Which of the moments are in a span, its end included."""
    inside: NDArray[np.bool_] = (times >= span.start) & (times <= span.end)
    return inside


def _latency(share: float) -> Computation:
    def measure(measures: Measures, span: Span) -> float:
        rows = measures.attempts
        return _quantile(rows.seconds[_within(rows.sent, span) & np.isin(rows.status, list(ACKNOWLEDGED))], share)

    return measure


def _share(of: Callable[[int], bool], among: Callable[[int], bool]) -> Computation:
    """The share of attempts with one kind of status among those with another."""

    def measure(measures: Measures, span: Span) -> float:
        statuses = measures.attempts.status[_within(measures.attempts.sent, span)].tolist()
        counted = sum(map(among, statuses))
        return sum(map(of, statuses)) / counted if counted else nan

    return measure


def _answered(status: int) -> bool:
    return status != NO_ANSWER


def _attempts(measures: Measures, span: Span) -> float:
    return float(_within(measures.attempts.sent, span).sum())


def _goodput(measures: Measures, span: Span) -> float:
    rows = measures.attempts
    good = _within(rows.over, span) & np.isin(rows.status, list(ACKNOWLEDGED))
    return float(good.sum()) / (span.end - span.start)


def _delivered(measures: Measures, span: Span) -> float:
    came = _within(measures.given.came, span)
    return float((came & ~np.isnan(measures.given.over)).sum() / came.sum()) if came.any() else nan


def _delivery(share: float) -> Computation:
    def measure(measures: Measures, span: Span) -> float:
        came, over = measures.given
        return _quantile((over - came)[_within(came, span) & ~np.isnan(over)], share)

    return measure


def _lag(share: float, of: Callable[[Measures], Iterable[Lag]]) -> Computation:
    def measure(measures: Measures, span: Span) -> float:
        inside = _within(measures.grid, span)
        return _most(_quantile(lag.age[inside], share) for lag in of(measures))

    return measure


def _level(of: Callable[[Measures], Iterable[Steps]]) -> Computation:
    """The greatest level of some series within the span, the level at its start included."""

    def measure(measures: Measures, span: Span) -> float:
        return _most(_highest(steps, span) for steps in of(measures))

    return measure


def _highest(steps: Steps, span: Span) -> float:
    before = max(int(np.searchsorted(steps.at, span.start, side="right")) - 1, 0)
    levels = steps.level[before : int(np.searchsorted(steps.at, span.end, side="right"))]
    return float(levels.max()) if levels.size else nan


def _quantile(sample: Column, share: float) -> float:
    return float(np.quantile(sample, share)) if sample.size else nan


def _most(values: Iterable[float]) -> float:
    """The greatest; NaN if any of them is, or if there is none."""
    found = list(values)
    return float(np.max(found)) if found else nan


def _whole(of: Callable[[Measures], float | Reading]) -> Computation:
    """A metric of the whole run, whatever the span."""
    return lambda measures, _: of(measures)


COMPUTED: Mapping[str, Computation] = {
    "latency_p50": _latency(0.5),
    "latency_p95": _latency(0.95),
    "latency_p99": _latency(0.99),
    "latency_max": _latency(1),
    "attempts": _attempts,
    "errors": _share(lambda s: s >= 500, _answered),
    "shed": _share(lambda s: s == 429, _answered),
    "unanswered": _share(lambda s: not _answered(s), lambda _: True),
    "goodput": _goodput,
    "delivered": _delivered,
    "delivery_p95": _delivery(0.95),
    "delivery_max": _delivery(1),
    "lag_p95": _lag(0.95, lambda m: m.lags),
    "lag_max": _lag(1, lambda m: m.lags),
    "sync_p95": _lag(0.95, lambda m: m.syncs),
    "sync_max": _lag(1, lambda m: m.syncs),
    "differing_max": _level(lambda m: [m.divergence]),
    "audit_backlog_max": _level(lambda m: [a.backlog for a in m.audit.values()]),
    "owed_max": _level(lambda m: [s.deferred for s in m.stores.values()]),
    "rpo": _whole(lambda m: _most(x.seconds for x in m.losses)),
    "rto": _whole(lambda m: worst(x.reading("rto") for x in m.recoveries)),
    "escalated": _whole(lambda m: m.escalated),
    "lost": _whole(lambda m: m.counts.lost),
    "dead": _whole(lambda m: m.counts.dead),
    "forged": _whole(lambda m: m.counts.forged),
    "equivocating": _whole(lambda m: m.counts.equivocating),
    "replayed": _whole(lambda m: m.counts.replayed),
    "withheld": _whole(lambda m: m.counts.withheld),
    "retries": _whole(lambda m: m.counts.retries),
    "undelivered": _whole(lambda m: m.counts.undelivered),
    "refused_near": _whole(lambda m: _most(s.refused_near for s in m.stores.values())),
    "audit_uncovered": _whole(lambda m: _most(a.uncovered for a in m.audit.values())),
    "audit_log_lag": _whole(lambda m: worst_lag(m.audit_logs, "published") or nan),
    "anchor_lag": _whole(lambda m: worst_lag(m.audit_logs, "anchored") or nan),
    "siem_lag": _whole(lambda m: worst_lag(m.audit_logs, "told") or nan),
    "uploads": _whole(lambda m: m.costs.uploads),
    "uploaded_bytes": _whole(lambda m: m.costs.uploaded_bytes),
    "downloaded_bytes": _whole(lambda m: m.costs.downloaded_bytes),
    "object_requests": _whole(lambda m: m.costs.object_requests),
    "stored_bytes": _whole(lambda m: m.costs.stored_bytes),
    "log_bytes": _whole(lambda m: m.costs.log_bytes),
}
"""How each metric is computed, by its name."""
