"""How the nodes and agents of a scenario are set up, and what is asked of them."""

from typing import Annotated

import msgspec
from msgspec import Meta

from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import Share
from flk.spec.constants import CONSTANTS, Breaker, Failover, Outbox, Pressure


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Intervals and speeds, in seconds.

    A synchronisation of a node's disk takes `fsync` on average and covers everything written before it began; one of an agent's
    disk takes `agent_fsync`, always. The store of a region serves one request after another: a claim takes `service` on average,
    an entry that is merged takes `merge`. The object store answers `object_service` after a request reached it; a node gives up
    on it, or on another region, after `timeout`. A segment is sealed when it has `segment_bytes`, or when it is time to ship. Every
    `check_interval` a node looks for the objects that it shipped, and in every `check_round` it reads all of them and its own log.

    A node turns away what exceeds `max_in_flight`; with `pressure` the limit adapts below that. Agents follow `retry` and move
    between regions by `failover`. With `breaker`, agents hold back from a region, and nodes from the object store, while it fails.
    """

    ship_interval: Seconds = Seconds(CONSTANTS.replication.ship_interval_seconds)
    replay_interval: Seconds = Seconds(CONSTANTS.replication.replay_interval_seconds)
    check_interval: Seconds = Seconds(CONSTANTS.replication.check_interval_seconds)
    check_round: Seconds = Seconds(CONSTANTS.replication.check_round_seconds)
    divergence_interval: Seconds = Seconds(60)
    segment_bytes: Annotated[int, Meta(ge=1)] = CONSTANTS.wal.max_segment_bytes
    fsync: Seconds = Seconds(0.004)
    agent_fsync: Seconds = Seconds(0.004)
    service: Seconds = Seconds(0.002)
    merge: Seconds = Seconds(0.0002)
    object_service: Seconds = Seconds(0.03)
    timeout: Seconds = Seconds(10)
    max_in_flight: Annotated[int, Meta(ge=1)] = CONSTANTS.node.max_in_flight
    pressure: Pressure | None = None
    breaker: Breaker | None = None
    retry: Outbox = CONSTANTS.outbox
    failover: Failover = CONSTANTS.failover


class Objectives(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Targets, each an upper bound. RPO and RTO are asked only of a scenario that loses a region.

    `convergence` bounds the time in which all regions come to store the same entry for a key, counted from when the entry was
    claimed, or from the end of the faults that held meanwhile. `errors` is the share of attempts that are answered with 5xx.
    Of a scenario with an audit queue, `audit_p99` bounds the time in which 99 % of the tasks are settled, and `audit_uncovered` the
    share of those that are settled, or should be by then, without having taken effect.

    Of one with audit logs, `audit_log_lag` bounds the time from when an outcome is stored until a published checkpoint has it,
    `anchor_lag` that until an anchored one has it, and `siem_lag` that until the SIEM was told; each for the last of all outcomes.
    """

    rpo: Seconds = Seconds(CONSTANTS.slo.rpo_seconds)
    rto: Seconds = Seconds(CONSTANTS.slo.rto_seconds)
    lag_p95: Seconds = Seconds(CONSTANTS.slo.lag_p95_seconds)
    latency_p95: Seconds = Seconds(CONSTANTS.slo.latency_p95_seconds)
    escalation: Share = CONSTANTS.slo.escalation_fraction
    errors: Share | None = None
    audit_p99: Seconds = Seconds(CONSTANTS.slo.audit_p99_seconds)
    audit_uncovered: Share = CONSTANTS.slo.audit_uncovered_fraction
    audit_log_lag: Seconds = Seconds(CONSTANTS.slo.audit_log_lag_seconds)
    anchor_lag: Seconds = Seconds(CONSTANTS.slo.anchor_lag_seconds)
    siem_lag: Seconds = Seconds(CONSTANTS.slo.siem_lag_seconds)
    convergence: Seconds = Seconds(CONSTANTS.slo.rto_seconds)
