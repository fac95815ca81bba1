"""The metrics of a node (OBS-1): those of the table in `spec`, and no other.

Children are looked up once and held, since looking one up by its labels costs three times as much as counting.
"""

import platform
from bisect import bisect_left
from collections import Counter as Counts
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics import MetricWrapperBase

from flk.impl.server.tenant_metrics import ByTenant
from flk.model.entries.entry import Claim, Entry
from flk.spec import __version__
from flk.spec.metrics import METRICS, Metric, Type


class Observations(Histogram):
    """A histogram that also takes many equal observations at once."""

    def observe_many(self, amount: float, times: int) -> None:
        """As so many calls of `observe`."""
        self._sum.inc(amount * times)
        self._buckets[bisect_left(self._upper_bounds, amount)].inc(times)


_MAKE: dict[Type, Callable[[Metric, CollectorRegistry], MetricWrapperBase]] = {
    Type.COUNTER: lambda metric, registry: Counter(metric.name, metric.help, metric.labels, registry=registry),
    Type.GAUGE: lambda metric, registry: Gauge(metric.name, metric.help, metric.labels, registry=registry),
    Type.HISTOGRAM: lambda metric, registry: Observations(
        metric.name, metric.help, metric.labels, registry=registry, buckets=metric.buckets
    ),
}

M = TypeVar("M", bound=MetricWrapperBase)

disable_created_metrics()  # type: ignore[no-untyped-call]  # unannotated; the table has no `_created` series


def registered(registry: CollectorRegistry, names: Iterable[str]) -> dict[str, MetricWrapperBase]:
    """These metrics of the table, made in a registry."""
    return {name: _MAKE[METRICS[name].type](METRICS[name], registry) for name in names}


class Metrics:
    """What a node counts and measures, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._all = registered(self._registry, METRICS)
        ProcessCollector(registry=self._registry)
        self._gauge("flk_build_info", __version__, platform.python_version()).set(1)
        self.ingest = self._counter("flk_ingest_total")
        self.submit_seconds = self._histogram("flk_submit_seconds")
        self.wal_bytes = self._counter("flk_wal_bytes_total")
        self.wal_fsyncs = self._counter("flk_wal_fsyncs_total")
        self.wal_batch_frames = self._histogram("flk_wal_batch_frames")
        self.wal_errors = self._counter("flk_wal_errors_total")
        self.wal_truncations = self._counter("flk_wal_truncations_total")
        self.wal_damage = self._counter("flk_wal_damage_total")
        self.recovered_frames = self._counter("flk_recovered_frames_total")
        self.store_damage = self._counter("flk_store_damage_total")
        self.rows_rotten = self._gauge("flk_store_rows_rotten")
        self.rows_put_back = self._counter("flk_store_rows_put_back_total")
        self.pages_compared = self._counter("flk_store_pages_compared_total")
        self.row_errors = self._counter("flk_store_row_errors_total")
        self.claim_seconds = self._histogram("flk_store_seconds", "claim")
        self.merge_seconds = self._histogram("flk_store_seconds", "merge")
        self.dual_writes = self._counter("flk_dual_writes_total")
        self.takeovers = self._counter("flk_store_takeovers_total")
        self.supersessions = self._counter("flk_supersessions_total")
        self.snapshot_bytes = self._gauge("flk_snapshot_bytes")
        self.snapshot_seconds = self._gauge("flk_snapshot_seconds")
        self.retention_errors = self._counter("flk_retention_errors_total")
        self.divergence_refused = self._counter("flk_divergence_refused_total")
        self.proposals_open = self._gauge("flk_proposals_open")
        self.audit_leaves = self._counter("flk_audit_leaves_total")
        self.audit_size = self._gauge("flk_audit_published_leaves")
        self.audit_forks = self._counter("flk_audit_forks_total")
        self.segments_shipped = self._counter("flk_segments_shipped_total")
        self._signature_errors = self._counter("flk_signature_errors_total")
        self._dedup_hits = self._counter("flk_dedup_hits_total")
        self._equivocations = self._counter("flk_equivocations_total")
        self._accepted = self._counter("flk_outcomes_total", "accepted")
        self._escalated = self._counter("flk_outcomes_total", "escalated")
        self._rejected = self._counter("flk_outcomes_total", "rejected")
        self.shadow_seconds = self._counter("flk_policy_shadow_seconds_total")
        self.handshake_errors = self._counter("flk_tls_handshake_errors_total")
        self.by_tenant = ByTenant(self._counter, self._gauge)
        self._refusals: dict[tuple[int, str], Counter] = {}

    def watch(self, in_flight: Callable[[], float], limit: Callable[[], float], ready: Callable[[], float]) -> None:
        """Ask these for the gauges at every scrape."""
        self._gauge("flk_in_flight").set_function(in_flight)
        self._gauge("flk_in_flight_limit").set_function(limit)
        self._gauge("flk_ready").set_function(ready)

    def watch_clock(self, trusted: Callable[[], float], **off: Callable[[], float]) -> None:
        """Ask at every scrape whether the node logs by the time it has, and by how much it is off against what (HLC-5)."""
        self._gauge("flk_clock_trusted").set_function(trusted)
        for against, seconds in off.items():
            self._gauge("flk_clock_off_seconds", against).set_function(seconds)

    def watch_pages(self, age: Callable[[], float]) -> None:
        """Ask this for how long ago all pages of the store were compared, at every scrape (DUP-8)."""
        self._gauge("flk_store_compared_seconds").set_function(age)

    def watch_breaker(self, place: str, is_open: Callable[[], float]) -> None:
        """Ask at every scrape whether a place is left alone (CRR-12)."""
        self._gauge("flk_breaker_open", place).set_function(is_open)

    def segments_replayed(self, source: str) -> Counter:
        """Segments of a peer that were merged."""
        return self._counter("flk_segments_replayed_total", source)

    def crr_errors(self, stage: str, source: str) -> Counter:
        """Passes of a stage that did not go to the end."""
        return self._counter("flk_crr_errors_total", stage, source)

    def objects_restored(self, found: str) -> Counter:
        """Objects of the node's own that were put back, since they were found so."""
        return self._counter("flk_objects_restored_total", found)

    def snapshot_errors(self, work: str) -> Counter:
        """Snapshots that were not written, or not read."""
        return self._counter("flk_snapshot_errors_total", work)

    def watch_snapshots(self, age: Callable[[], float]) -> None:
        """Ask this for the age of the latest snapshot, at every scrape."""
        self._gauge("flk_snapshot_age_seconds").set_function(age)

    def shadow(self, reason: str, other: str, *, changed: bool) -> Counter:
        """Records that were judged, and in shadow by the other policy: by both reasons, and whether the outcome would change."""
        return self._counter("flk_policy_shadow_total", reason, other, "yes" if changed else "no")

    def removed(self, what: str) -> Counter:
        """What was removed, since snapshots cover it."""
        return self._counter("flk_removed_total", what)

    def watch_certificate(self, listener: str, expires_in: Callable[[], float]) -> None:
        """Ask at every scrape how long the certificates of a listener still count (TLS-5)."""
        self._gauge("flk_tls_certificate_expires_seconds", listener).set_function(expires_in)

    def exported(self, signal: str) -> Counter:
        """Spans or log records that a collector took: "traces" or "logs" (OBS-10)."""
        return self._counter("flk_otlp_exported_total", signal)

    def not_exported(self, signal: str, reason: str) -> Counter:
        """The same that none got, since there were too many ("rate", "full"), or since it did not take them ("refused", "lost")."""
        return self._counter("flk_otlp_dropped_total", signal, reason)

    def watch_retention(self, age: Callable[[], float]) -> None:
        """Ask at every scrape how long nothing could be removed."""
        self._gauge("flk_retention_age_seconds").set_function(age)

    def divergence(self, peer: str, kind: str) -> Gauge:
        """The divergence from a peer in percent, by "count" or "sample"."""
        return self._gauge("flk_divergence_percent", peer, kind)

    def differing(self, peer: str, standing: str) -> Gauge:
        """Entries that differ from a peer's: "in_flight", "lost" or "unproven" (DIV-3)."""
        return self._gauge("flk_divergence_entries", peer, standing)

    def divergence_errors(self, work: str) -> Counter:
        """Passes that did not complete: "compare" or "reconcile"."""
        return self._counter("flk_divergence_errors_total", work)

    def proposals(self, action: str, state: str) -> Counter:
        """Proposals that were made, and what came of them (DIV-5, DIV-6)."""
        return self._counter("flk_proposals_total", action, state)

    def tier(self, what: str, tier: str, entries: int) -> None:
        """Entries of a tier were found ("hit"), or "promoted", "demoted" or "expired" from it (TIR-*)."""
        if what == "hit":
            self._counter("flk_tier_hits_total", tier).inc(entries)
        else:
            self._counter("flk_tier_moves_total", what, tier).inc(entries)

    def cold(self, what: str) -> None:
        """An object of the cold tier was asked for a key: "found" or "missed"; or was found to be "damaged" (TIR-5, TIR-6)."""
        if what == "damaged":
            self._counter("flk_cold_damage_total").inc()
        else:
            self._counter("flk_cold_reads_total", what).inc()

    def watch_tiers(self, deferred: Callable[[], float], available: Callable[[], float]) -> None:
        """Ask these, at every scrape, how many claims wait for the cold tier, and whether that answers (TIR-3)."""
        self._gauge("flk_tier_deferred").set_function(deferred)
        self._gauge("flk_cold_available").set_function(available)

    def watch_takeovers(self, awaited: Callable[[], float]) -> None:
        """Ask at every scrape how many nodes a store waits for that was taken over (ORD-10)."""
        self._gauge("flk_store_awaited_nodes").set_function(awaited)

    def watch_shard(self, name: str, available: Callable[[], float]) -> None:
        """Ask at every scrape whether a shard answers (RNG-4)."""
        self._gauge("flk_shard_available", name).set_function(available)

    def unwatch_shard(self, name: str) -> None:
        """Ask no more: the shard has left the ring."""
        self._all["flk_shard_available"].remove(name)

    def clock_ahead(self, source: str) -> Counter:
        """Timestamps of a peer that ran too far ahead."""
        return self._counter("flk_clock_ahead_total", source)

    def watch_lag(self, stage: str, source: str, lag: Callable[[], float]) -> None:
        """Ask this for the seconds that a stage lags, at every scrape."""
        self._gauge("flk_crr_lag_seconds", stage, source).set_function(lag)

    def claimed(self, claims: Sequence[Claim], stored: Sequence[Entry]) -> None:
        """Claims met the store: each was a first write, a duplicate, or equivocation (DUP-1, DUP-2, DUP-3)."""
        self.by_tenant.claimed(claims, stored)
        for counter, times in Counts(map(self._kind, claims, stored)).items():
            counter.inc(times)

    def _kind(self, claim: Claim, stored: Entry) -> Counter:
        if stored is not claim.entry:
            return self._dedup_hits if stored.digest == claim.entry.digest else self._equivocations
        if not stored.outcome.escalated:
            return self._accepted
        return self._escalated if stored.outcome.accepted else self._rejected

    def refused(self, status: int, requirement: str) -> None:
        """A request ended without an outcome."""
        child = self._refusals.get((status, requirement))
        if child is None:
            child = self._refusals[status, requirement] = self._counter("flk_refusals_total", str(status), requirement)
        child.inc()
        if requirement.startswith("SIGN-"):
            self._signature_errors.inc()

    def doubted(self, requirement: str) -> None:
        """A record was taken that would be refused if proofs of seeds were enforced (VRF-6)."""
        self._counter("flk_vrf_doubts_total", requirement).inc()

    def exposition(self) -> bytes:
        """The text format of Prometheus."""
        return generate_latest(self._registry)

    def _counter(self, name: str, *labels: str) -> Counter:
        return _child(self._all[name], Counter, labels)

    def _gauge(self, name: str, *labels: str) -> Gauge:
        return _child(self._all[name], Gauge, labels)

    def _histogram(self, name: str, *labels: str) -> Observations:
        return _child(self._all[name], Observations, labels)


def _child(metric: MetricWrapperBase, kind: type[M], labels: tuple[str, ...]) -> M:
    """The metric, or its child under these labels."""
    child = metric.labels(*labels) if labels else metric
    if not isinstance(child, kind):
        raise TypeError(f"the table says that this metric is no {kind.__name__.lower()}")
    return child
