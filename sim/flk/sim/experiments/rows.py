"""One run as one row of a table."""

from collections.abc import Iterable, Sequence
from itertools import accumulate, chain
from math import isinf, isnan, nan

import msgspec

from flk.sim.alerts.alerts import unnoticed
from flk.sim.measures.measures import Counts, Measures
from flk.sim.measures.series import Reading
from flk.sim.outcome import Run
from flk.sim.scenarios.faults import Fault
from flk.sim.world.events import NO_ANSWER
from flk.spec.verdict import Verdict, worst


class Row(Counts, frozen=True, kw_only=True, array_like=False):
    """What a run amounted to. `measures.toml` defines every number; times are in seconds, shares between 0 and 1. None says that
    the run gave no occasion to measure it. Beside the numbers, and the fields of `Counts` from which it inherits:

    - `scenario`, `scenario_hash`, `seed`, `digest`: which run it is, and the name of all that happened in it
    - `verdict`: holds, violated or undecided, over invariants and objectives; `violated`: the names of the violated invariants,
      `missed`: of the missed objectives, each list joined by spaces; `invariants`: the verdict over the invariants alone
    - `censored`: the measures that had not come to pass when the run ended, joined by spaces; their value is the time until then,
      a lower bound
    - `hypotheses`: the verdict over the scenario's hypotheses; `refuted`: what the violated ones are about, joined by spaces
    - `alerts`: the alerts that fired, joined by spaces; it and the measures of alerts are None if alerts were not evaluated
    - `fault_kinds`: of which kinds the faults were, joined by spaces
    """

    scenario: str
    scenario_hash: str
    seed: int
    digest: str
    verdict: Verdict
    invariants: Verdict
    violated: str
    missed: str
    censored: str
    events: int
    rpo: float | None
    rpo_records: int | None
    rpo_bytes: int | None
    rto: float | None
    rto_detect: float | None
    rto_redirect: float | None
    rto_answer: float | None
    rto_recover: float | None
    rto_catch_up: float | None
    lag_p50: float | None
    lag_p95: float | None
    lag_max: float | None
    sync_p95: float | None
    sync_max: float | None
    divergence_max: int
    heal: float | None
    goodput: float
    latency_p50: float | None
    latency_p95: float | None
    latency_p99: float | None
    latency_max: float | None
    delivery_p95: float | None
    errors: float | None
    unanswered: float | None
    escalation: float | None
    audit_backlog_max: int | None
    audit_age_max: float | None
    audit_uncovered: float | None
    tier_owed_max: int | None
    store_errors: int | None
    uploads: int
    uploaded_bytes: int
    downloaded_bytes: int
    object_requests: int
    stored_bytes: int
    log_bytes: int
    heartbeats: int
    hypotheses: Verdict
    refuted: str
    alerts: str | None
    alert_delay: float | None
    false_alarms: int | None
    unnoticed: int | None
    faults: int
    fault_kinds: str
    fault_time: float
    fault_overlap: int


COLUMNS = tuple(sorted(msgspec.structs.fields(Row), key=lambda field: field.name in Counts.__struct_fields__))
"""The columns of the table, the counts last."""
MEASURES = tuple(
    field.name for field in COLUMNS if field.type in {int, float, float | None, int | None} and field.name != "seed"
)
"""The columns that are numbers to average: all numbers but the seed."""


def row(run: Run) -> Row:
    """The row of a run."""
    found: dict[str, object] = {
        "scenario": run.scenario.name,
        "scenario_hash": run.scenario.hash,
        "seed": run.seed,
        "digest": run.digest,
        "verdict": str(run.verdict),
        "invariants": str(safety(run)),
        "violated": " ".join(violated(run)),
        "missed": " ".join(each.name.replace(" ", "_") for each in run.objectives if each.verdict is Verdict.VIOLATED),
        "events": run.events,
        **_of_losses(run.measures),
        **_of_replication(run),
        **_of_attempts(run),
        **msgspec.structs.asdict(run.measures.counts),
        **_of_stores(run.measures),
        **run.measures.costs._asdict(),
        "hypotheses": str(worst([each.verdict for each in run.hypotheses])),
        "refuted": " ".join(each.subject for each in run.hypotheses if each.verdict is Verdict.VIOLATED),
        **_of_alerts(run),
        **_of_faults(run.scenario.faults),
    }
    readings = _of_recoveries(run)
    found |= {name: reading.value for name, reading in readings.items()}
    found["censored"] = " ".join(name for name, reading in readings.items() if reading.censored)
    return msgspec.convert({key: None if _is_nan(value) else value for key, value in found.items()}, Row)


def safety(run: Run) -> Verdict:
    """The verdict over the invariants alone, whatever the objectives say."""
    return worst([result.verdict for result in run.results])


def violated(run: Run) -> tuple[str, ...]:
    """The violated invariants, the one that was violated first before the others."""
    broken = [result for result in run.results if result.verdict is Verdict.VIOLATED]
    return tuple(result.invariant for result in sorted(broken, key=lambda result: result.examples[0].at))


def healed(faults: Iterable[Fault], measures: Measures, end: float) -> Reading:
    """Seconds from the end of the last fault until what the regions stored differently by then was alike, censored if it never was
    in a run that ended at a moment; NaN without faults.
    """
    last = max((fault.end for fault in faults), default=nan)
    seconds = measures.spells.healed(last)
    return Reading(end - last, censored=True) if isinf(seconds) else Reading(nan if isnan(last) else seconds)


def _of_losses(measures: Measures) -> dict[str, object]:
    """The worst region loss."""
    loss = max(measures.losses, key=lambda each: each.seconds, default=None)
    return {"rpo": loss and loss.seconds, "rpo_records": loss and loss.records, "rpo_bytes": loss and loss.size}


def _of_recoveries(run: Run) -> dict[str, Reading]:
    """The longest recovery, one that had not come to its end before any other; and how long the regions took to be alike."""
    recovery = max(
        run.measures.recoveries,
        key=lambda each: ("rto" in each.censored, -1.0 if isnan(each.rto) else each.rto),
        default=None,
    )
    phases = ("rto", "detect", "redirect", "answer", "recover", "catch_up")
    found = {
        name if name == "rto" else f"rto_{name}": Reading(nan) if recovery is None else recovery.reading(name)
        for name in phases
    }
    return {**found, "heal": healed(run.scenario.faults, run.measures, float(run.scenario.duration))}


def _of_replication(run: Run) -> dict[str, object]:
    measures = run.measures
    lags = [lag.summary for lag in measures.lags]
    return {
        "lag_p50": max((lag.p50 for lag in lags), default=None),
        "lag_p95": max((lag.p95 for lag in lags), default=None),
        "lag_max": max((lag.most for lag in lags), default=None),
        "divergence_max": int(measures.divergence.level.max()),
        "sync_p95": max((sync.summary.p95 for sync in measures.syncs), default=None),
        "sync_max": max((sync.summary.most for sync in measures.syncs), default=None),
        "escalation": measures.escalated,
    }


def _of_attempts(run: Run) -> dict[str, object]:
    measures = run.measures
    latency = measures.latency["acknowledged"]
    total = sum(measures.statuses.values())
    unanswered = measures.statuses.get(NO_ANSWER, 0)
    failed = sum(number for status, number in measures.statuses.items() if status >= 500)
    return {
        "goodput": measures.counts.acknowledged / run.scenario.duration,
        "latency_p50": latency.p50,
        "latency_p95": latency.p95,
        "latency_p99": latency.p99,
        "latency_max": latency.most,
        "delivery_p95": measures.delivery.p95,
        "errors": failed / (total - unanswered) if total > unanswered else None,
        "unanswered": unanswered / total if total else None,
    }


def _of_stores(measures: Measures) -> dict[str, object]:
    """The worst region's audit queue and tiers, and the errors of all shards."""
    audits, stores = measures.audit.values(), measures.stores.values()
    uncovered = [audit.uncovered for audit in audits if not isnan(audit.uncovered)]
    errors = [shard.errors for store in stores for shard in store.shards.values()]
    return {
        "audit_backlog_max": max((int(audit.backlog.level.max()) for audit in audits), default=None),
        "audit_age_max": max((float(audit.age.max()) for audit in audits), default=None),
        "audit_uncovered": max(uncovered, default=None),
        "tier_owed_max": max((int(store.deferred.level.max()) for store in stores), default=None),
        "store_errors": sum(errors) if errors else None,
    }


def _of_alerts(run: Run) -> dict[str, object]:
    if not run.alerts:
        return dict.fromkeys(("alerts", "alert_delay", "false_alarms", "unnoticed"))
    first: dict[str, float] = {}
    for firing in chain.from_iterable(alert.firings for alert in run.alerts):
        if firing.fault and firing.delay is not None:
            first[firing.fault] = min(firing.delay, first.get(firing.fault, firing.delay))
    return {
        "alerts": " ".join(alert.name for alert in run.alerts if alert.firings),
        "alert_delay": max(first.values(), default=None),
        "false_alarms": sum(len(alert.false_alarms) for alert in run.alerts),
        "unnoticed": len(unnoticed(run.scenario.faults, run.alerts)),
    }


def _of_faults(faults: Sequence[Fault]) -> dict[str, object]:
    """How many faults there are, of which kinds, and how they lie in time."""
    edges = sorted([(fault.start, 1) for fault in faults] + [(fault.end, -1) for fault in faults])
    holding = list(accumulate(change for _, change in edges))
    held = sum(
        after - before for (before, _), (after, _), number in zip(edges, edges[1:], holding, strict=False) if number > 0
    )
    return {
        "faults": len(faults),
        "fault_kinds": " ".join(sorted({fault.kind for fault in faults})),
        "fault_time": held,
        "fault_overlap": max(holding, default=0),
    }


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and isnan(value)
