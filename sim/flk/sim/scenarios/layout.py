"""What a region consists of behind its nodes: the shards, replicas and tiers of its store, its migration, its audit queue, and
what keeps it going.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from flk.model.entries.proposals import Mode
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import Share
from flk.sim.scenarios.topology import Path
from flk.spec.constants import CONSTANTS

Count = Annotated[int, Meta(ge=1)]


class Tiers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where entries are kept as they age (TIR-*).

    An entry past `hot_term` is moved from the hot tier to the warm one, past `warm_term` to the cold one, and past `window` it is
    forgotten (DUP-7). A look into a tier takes `hot`, `warm` or `cold` on average. The mover runs every `move_interval`.
    """

    hot_term: Seconds = Seconds(CONSTANTS.tiers.hot_seconds)
    warm_term: Seconds = Seconds(CONSTANTS.tiers.warm_seconds)
    window: Seconds = Seconds(CONSTANTS.dedup.ttl_seconds)
    hot: Seconds = Seconds(0.002)
    warm: Seconds = Seconds(0.02)
    cold: Seconds = Seconds(0.2)
    move_interval: Seconds = Seconds(CONSTANTS.tiers.move_interval_seconds)


class Migration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One shard more, while claims arrive (MIG-*): the keys that the ring gives to the new shard move to it. Or one less: the last
    one `leaves`, and its keys move to the others (MIG-9).

    The migrator of every region begins at `start`, copies and verifies `rate` keys a second, waits `settle` before it cuts over,
    and again before it cleans up. With `roll_back` it goes back instead of cleaning up, and the others keep no copy of what would
    have left.
    """

    start: Seconds
    rate: Annotated[float, Meta(gt=0)] = CONSTANTS.migration.keys_per_second
    settle: Seconds = Seconds(CONSTANTS.migration.settle_seconds)
    roll_back: bool = False
    leaves: bool = False


class Audit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A queue of work that follows each first write, such as enrichment and anchoring (AUD-*).

    A task takes `work` seconds on average, and an attempt fails with probability `failure`. A worker that does not settle its task
    within `lease` loses it to another. After `attempts` failures it writes a dead letter.
    """

    workers: Count = CONSTANTS.audit.workers
    work: Seconds = Seconds(0.5)
    failure: Share = 0.01
    lease: Seconds = Seconds(CONSTANTS.audit.lease_seconds)
    attempts: Count = CONSTANTS.audit.attempts


class Upkeep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What keeps nodes going for years: they write snapshots every `snapshot_interval`, remove what these cover and is older than
    `retain` every `retain_interval` (SNAP-*, RET-*), and every `compare_interval` compare their stores and mend what one has lost,
    in the mode `reconcile` (DIV-*), unless that is `manual` with the help of an operator who approves what no mode does by itself.
    """

    snapshot_interval: Seconds = Seconds(CONSTANTS.snapshot.every_seconds)
    retain_interval: Seconds = Seconds(CONSTANTS.retention.every_seconds)
    retain: Seconds = Seconds(CONSTANTS.retention.stale_seconds)
    compare_interval: Seconds = Seconds(CONSTANTS.divergence.settle_seconds)
    reconcile: Mode = Mode.AUTO_AGGRESSIVE


class AuditLog(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Each region has an audit log (TLOG-*). Nodes add to it what was shipped every `integrate_interval`, and sign and publish it
    every `sign_interval`. Who holds the log's key is not trusted by the others: every `look_interval` each region looks at the logs
    of the others, as `flk audit witness` and `flk audit monitor` do. It cosigns where it is among the first `witnesses` of them,
    without all of which nothing is published and no monitor takes a checkpoint for one.

    With an `anchor_interval`, the first of so many time-stamping `authorities` that answers is asked about what is published
    (ANC-*); with a `stream_interval`, a SIEM is told of the leaves, so many at once (SIEM-*).
    """

    integrate_interval: Seconds = Seconds(CONSTANTS.transparency.every_seconds)
    sign_interval: Seconds = Seconds(CONSTANTS.transparency.every_seconds)
    witnesses: Annotated[int, Meta(ge=0)] = 1
    look_interval: Seconds = Seconds(30)
    anchor_interval: Seconds | None = None
    authorities: Count = 1
    stream_interval: Seconds | None = None
    stream_batch: Count = CONSTANTS.siem.batch_events


class Policies(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nodes have the key that signs policies, and judge by what logs state (POL-*). An operator who wants something of a node asks
    every `ask_interval` until it is so.
    """

    ask_interval: Seconds = Seconds(5)


TO_STORE = Path(delay=Seconds(0.0005), jitter=Seconds(0.0001))
"""From a node to the store of its region, if nothing else is said."""


class Layout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The same for every region. Each of `shards` is a server of its own with `replicas` copies; keys are placed by the
    consistent-hash ring (RNG-*). When a replica is gone, another takes over after `takeover` seconds.

    Several `nodes` each have a log of their own, and share the store (HLC-7, DUP-10). What they ask of it goes over the network, by
    the path `to_store`; a node that is alone has its store beside its log.
    """

    shards: Count = 1
    replicas: Count = 1
    takeover: Seconds = Seconds(1)
    tiers: Tiers | None = None
    migration: Migration | None = None
    audit: Audit | None = None
    upkeep: Upkeep | None = None
    audit_log: AuditLog | None = None
    policies: Policies | None = None
    nodes: Count = 1
    to_store: Path = TO_STORE

    @property
    def has_stores(self) -> bool:
        """Whether a store is more than one server with all entries in it."""
        return self.shards > 1 or self.replicas > 1 or self.tiers is not None
