"""The measures of a run, computed from what its recorders noted: RPO, RTO, lag, latency, goodput, divergence, and counts."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import nan
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from flk.model.entries.entry import Entry, Key
from flk.model.flow.answers import ACKNOWLEDGED
from flk.model.programs.outbox import Delivery
from flk.sim.checkers.convergence import Agreement
from flk.sim.clients.items import Item
from flk.sim.measures.audit import AuditMeasures, AuditRecorder
from flk.sim.measures.audit_logs import AuditLogMeasures, AuditLogRecorder
from flk.sim.measures.costs import Costs
from flk.sim.measures.recorder import Comparison, Recorder
from flk.sim.measures.recovery import RegionRecovery, recoveries
from flk.sim.measures.replication import Behind, Replication
from flk.sim.measures.series import Column, Quantiles, Spells, Steps, quantiles, steps
from flk.sim.measures.stores import StoreMeasures, StoreRecorder
from flk.sim.scenarios.scenario import Scenario
from flk.sim.statistics.warmup import mser5
from flk.sim.world.events import NO_ANSWER, Intent

GRID = 1.0  # seconds between two samples of what is followed over time
BIN = 5.0  # seconds over which rates are counted


class Lag(NamedTuple):
    """How far a target is behind a source: at each moment the age in seconds of the oldest record that it lacks (`lag_max`), or of
    what it is known to have (`sync_max`). A region that lost its store is a target of its own log, too.
    """

    source: str
    target: str
    age: Column
    summary: Quantiles


class Loss(NamedTuple):
    """A region loss: acknowledged records that nothing outside the region held, the age of the oldest in seconds, their bytes."""

    fault: str
    region: str
    disk: str
    seconds: float
    records: int
    size: int


class Attempts(NamedTuple):
    """All honest attempts of all agents, in the order they were over; status 0 stands for no answer."""

    sent: Column
    over: Column
    status: NDArray[np.int64]

    @property
    def seconds(self) -> Column:
        """How long each took."""
        return self.over - self.sent

    def since(self, moment: float) -> "Attempts":
        """Those that were sent at the moment or later."""
        later = self.sent >= moment
        return Attempts(self.sent[later], self.over[later], self.status[later])


class Given(NamedTuple):
    """The records that agents were given: when, and when each was acknowledged, NaN if it was not."""

    came: Column
    over: Column


class Counts(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """How often what happened.

    `offered` counts the honest records that agents were given, `repeated` of these what repeats an earlier one; what became of
    them and how often they were sent is counted of these alone. Beside them `forged` and `equivocating` records were given to
    agents, and attackers sent recorded ones again, `replayed` times. `duplicates` are acknowledgements, whoever got them, that
    state an entry which was there before. `withheld` are requests that a circuit breaker held back. `lost` are the
    acknowledged keys that no region stores any more.
    """

    offered: int
    repeated: int
    acknowledged: int
    dead: int
    undelivered: int
    attempts: int
    retries: int
    duplicates: int
    supersessions: int
    moves: int
    lost: int
    forged: int
    equivocating: int
    replayed: int
    withheld: int

    @property
    def besides(self) -> str:
        """What came or was kept back beside the honest records, in a sentence; empty if nothing was."""
        kinds = {
            "forged": self.forged,
            "equivocating": self.equivocating,
            "sent again by attackers": self.replayed,
            "held back by circuit breakers": self.withheld,
        }
        named = ", ".join(f"{number} {kind}" for kind, number in kinds.items() if number)
        return f"Besides: {named}." if named else ""


class Measures(NamedTuple):
    """Everything measured in one run. Times are seconds of the run; `grid` are the moments of what is followed over time.

    Statuses, attempts, latency, delivery and goodput are of honest traffic; `hostile` has the statuses that other attempts got, by
    their intent. `stores` is there if the layout has several shards or tiers. Of a steady scenario, the first `warmup` seconds do
    not count for latency and lag: they are cut off by MSER-5 (`statistics.warmup`).
    """

    grid: Column
    warmup: float
    counts: Counts
    statuses: Mapping[int, int]
    hostile: Mapping[Intent, Mapping[int, int]]
    attempts: Attempts
    given: Given
    latency: Mapping[str, Quantiles]
    delivery: Quantiles
    goodput: Column
    lags: tuple[Lag, ...]
    syncs: tuple[Lag, ...]
    losses: tuple[Loss, ...]
    recoveries: tuple[RegionRecovery, ...]
    entries: Mapping[str, Steps]
    divergence: Steps
    spells: Spells
    comparisons: tuple[Comparison, ...]
    escalated: float
    audit: Mapping[str, AuditMeasures]
    audit_logs: Mapping[str, AuditLogMeasures]
    stores: Mapping[str, StoreMeasures]
    costs: Costs


def measure(
    scenario: Scenario,
    *,
    recorder: Recorder,
    replication: Replication,
    costs: Costs,
    agreement: Agreement,
    items: Sequence[Item],
    homes: Mapping[str, str],
    entries: Mapping[str, Mapping[Key, Entry]],
    lost: int,
    audit: AuditRecorder,
    audit_logs: AuditLogRecorder,
    stores: StoreRecorder,
) -> Measures:
    """The measures of a run that is over; `homes` are the agents' home regions, `lost` the keys that no region has any more."""
    grid = np.arange(0.0, scenario.duration + GRID / 2, GRID)
    attempts = _attempts(recorder)
    warm = warmup(attempts, scenario.duration) if scenario.steady else 0.0
    honest = [item for item in items if item.intent is Intent.HONEST]
    acknowledged = [item for item in honest if item.delivery is Delivery.ACKNOWLEDGED]
    over = np.array([item.over for item in acknowledged])
    came = np.array([item.arrival.at for item in acknowledged])
    return Measures(
        grid=grid,
        warmup=warm,
        counts=_counts(recorder, items, lost),
        statuses=Counter(attempts.status.tolist()),
        hostile=_hostile(recorder),
        attempts=attempts,
        given=_given(honest),
        latency=dict(_latency(attempts.since(warm))),
        delivery=quantiles(over - came),
        goodput=np.histogram(over, bins=np.arange(0.0, scenario.duration + BIN, BIN))[0] / BIN,
        lags=tuple(_lag(behind, grid, warm) for behind in replication.lags(grid)),
        syncs=tuple(_lag(behind, grid, warm) for behind in replication.syncs(grid)),
        losses=tuple(
            Loss(loss.fault.id, loss.fault.region, str(loss.fault.disk), loss.seconds, len(loss.exposed), loss.size)
            for loss in recorder.losses
        ),
        recoveries=recoveries(recorder, agreement, homes, float(scenario.duration)),
        entries={region: steps(series) for region, series in recorder.entries.items()},
        divergence=steps(agreement.changes),
        spells=Spells(*np.array(agreement.spells, dtype=np.float64).reshape(-1, 2).T),
        comparisons=tuple(recorder.comparisons),
        escalated=_escalated(entries),
        audit=audit.measures(grid, scenario.slo.audit_p99) if scenario.layout.audit else {},
        audit_logs=audit_logs.measures(scenario.slo) if scenario.layout.audit_log else {},
        stores=stores.measures() if scenario.layout.has_stores else {},
        costs=costs,
    )


def warmup(attempts: Attempts, duration: float) -> float:
    """Seconds until attempts take as long as they do later, by MSER-5 over their means second by second. A second without attempts
    is like the one before it.
    """
    second = attempts.sent.astype(np.int64)
    sums = np.bincount(second, weights=attempts.seconds, minlength=int(duration))
    numbers = np.bincount(second, minlength=int(duration))
    known = np.maximum.accumulate(np.where(numbers > 0, np.arange(numbers.size), 0))
    means = (sums / np.maximum(numbers, 1))[known]
    return float(mser5(means).cut)


def _attempts(recorder: Recorder) -> Attempts:
    rows = [row for row in recorder.attempts if row.intent is Intent.HONEST]
    return Attempts(
        np.array([row.sent for row in rows], dtype=np.float64),
        np.array([row.over for row in rows], dtype=np.float64),
        np.array([row.status for row in rows], dtype=np.int64),
    )


def _given(honest: Sequence[Item]) -> Given:
    came = np.array([item.arrival.at for item in honest], dtype=np.float64)
    over = [item.over if item.delivery is Delivery.ACKNOWLEDGED else nan for item in honest]
    return Given(came, np.array(over, dtype=np.float64))


def _hostile(recorder: Recorder) -> dict[Intent, Counter[int]]:
    """How attempts that were not honest were answered."""
    found: dict[Intent, Counter[int]] = {}
    for row in recorder.attempts:
        if row.intent is not Intent.HONEST:
            found.setdefault(row.intent, Counter())[row.status] += 1
    return found


def _latency(attempts: Attempts) -> Iterable[tuple[str, Quantiles]]:
    """The quantiles of answered attempts: those that were acknowledged, then each status for itself."""
    yield "acknowledged", quantiles(attempts.seconds[np.isin(attempts.status, list(ACKNOWLEDGED))])
    for status in np.unique(attempts.status).tolist():
        if status != NO_ANSWER:
            yield str(status), quantiles(attempts.seconds[attempts.status == status])


def _counts(recorder: Recorder, items: Sequence[Item], lost: int) -> Counts:
    given = Counter(item.intent for item in items)
    honest = [item for item in items if item.intent is Intent.HONEST]
    ends = Counter(item.delivery for item in honest)
    tried = Counter(row.intent for row in recorder.attempts)
    return Counts(
        offered=len(honest),
        repeated=sum(not item.arrival.fresh for item in honest),
        acknowledged=ends[Delivery.ACKNOWLEDGED],
        dead=ends[Delivery.DEAD],
        undelivered=len(honest) - ends[Delivery.ACKNOWLEDGED] - ends[Delivery.DEAD],
        attempts=tried[Intent.HONEST],
        retries=sum(max(0, item.attempts - 1) for item in honest),
        duplicates=recorder.repeats,
        supersessions=len(recorder.superseded),
        moves=len(recorder.moves),
        lost=lost,
        forged=given[Intent.FORGED],
        equivocating=given[Intent.EQUIVOCATING],
        replayed=tried[Intent.REPLAYED],
        withheld=recorder.withheld,
    )


def _lag(behind: Behind, grid: Column, warm: float) -> Lag:
    return Lag(behind.source, behind.target, behind.age, quantiles(behind.age[grid >= warm]))


def _escalated(entries: Mapping[str, Mapping[Key, Entry]]) -> float:
    """The share of stored outcomes that are escalated; NaN if nothing is stored."""
    outcomes = [entry.outcome.escalated for stored in entries.values() for entry in stored.values()]
    return sum(outcomes) / len(outcomes) if outcomes else nan
