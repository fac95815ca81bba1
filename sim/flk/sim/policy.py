"""How the nodes and agents of a scenario are set up, and what is asked of them."""

import msgspec

from flk.sim.duration import Seconds
from flk.spec.constants import CONSTANTS, Failover, Outbox


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Intervals and speeds, in seconds.

    A synchronisation of a disk takes `fsync` on average and covers everything written before it began. The store of a region
    serves one request after another: a claim takes `service` on average, an entry that is merged takes `merge`. The object store
    answers `object_service` after a request reached it; a node gives up on it, or on another region, after `timeout`. Agents
    follow `retry` and move between regions by `failover`.
    """

    ship_interval: Seconds = Seconds(CONSTANTS.replication.ship_interval_seconds)
    replay_interval: Seconds = Seconds(CONSTANTS.replication.replay_interval_seconds)
    divergence_interval: Seconds = Seconds(60)
    fsync: Seconds = Seconds(0.004)
    service: Seconds = Seconds(0.002)
    merge: Seconds = Seconds(0.0002)
    object_service: Seconds = Seconds(0.03)
    timeout: Seconds = Seconds(10)
    retry: Outbox = CONSTANTS.outbox
    failover: Failover = CONSTANTS.failover


class Objectives(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Targets, each an upper bound. RPO and RTO are asked only of a scenario that loses a region.

    `convergence` bounds the time in which all regions come to store the same entry for a key, counted from when the entry was
    claimed, or from the end of the faults that held meanwhile.
    """

    rpo: Seconds = Seconds(CONSTANTS.slo.rpo_seconds)
    rto: Seconds = Seconds(CONSTANTS.slo.rto_seconds)
    lag_p95: Seconds = Seconds(CONSTANTS.slo.lag_p95_seconds)
    latency_p95: Seconds = Seconds(CONSTANTS.slo.latency_p95_seconds)
    escalation: float = CONSTANTS.slo.escalation_fraction
    convergence: Seconds = Seconds(CONSTANTS.slo.rto_seconds)
