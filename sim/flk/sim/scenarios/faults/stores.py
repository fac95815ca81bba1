"""Faults of what a node asks: its store and the shards, tiers and queues of it, and the object store."""

from typing import Annotated, ClassVar, TypeAlias

from msgspec import Meta

from flk.sim.scenarios.faults.base import Factor, FaultBase, RegionFault, Share


class StoreOutage(RegionFault, frozen=True, tag="store_outage"):
    """The dedup store of a region does not answer."""

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"the store of {self.region} does not answer"


class SlowStore(RegionFault, frozen=True, tag="slow_store"):
    """Whatever the dedup store of a region does takes `factor` times as long."""

    severity: ClassVar[str] = "factor"
    harmless: ClassVar[float] = 1.0
    factor: Factor

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"the store of {self.region} is {self.factor:g} times as slow"


class ShardCrash(RegionFault, frozen=True, tag="shard_crash"):
    """One replica of a shard of a region's store is gone, or all of its replicas; at the end it is back with what it had."""

    shard: Annotated[int, Meta(ge=0)] = 0
    all_replicas: bool = False

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"shard {self.shard} of {self.region} is gone{' with all replicas' if self.all_replicas else ''}"


class ColdOutage(RegionFault, frozen=True, tag="cold_outage"):
    """The cold tier of a region's store does not answer; it keeps what it has."""

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"the cold tier of {self.region} does not answer"


class DualWriteFailure(RegionFault, frozen=True, tag="dual_write_failure"):
    """While a region's store is being migrated, a `share` of the writes to the shard that follows fails."""

    severity: ClassVar[str] = "share"
    share: Share = 1.0

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"{self.share:.0%} of second writes of {self.region} fail"


class MigratorCrash(RegionFault, frozen=True, tag="migrator_crash"):
    """The migrator of a region dies; at the end of the fault it goes on in the phase that is on record."""

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"the migrator of {self.region} is dead"


class WorkerCrash(RegionFault, frozen=True, tag="worker_crash"):
    """A `share` of the audit workers of a region dies, each in the middle of its task, and is back at the end."""

    severity: ClassVar[str] = "share"
    share: Share = 1.0

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"{self.share:.0%} of the audit workers of {self.region} are dead"


class RowLoss(RegionFault, frozen=True, tag="row_loss"):
    """The store of a region loses a `share` of its entries, and says nothing. Those that another region lacks stay."""

    severity: ClassVar[str] = "share"
    share: Share

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"the store of {self.region} loses {self.share:.0%} of its entries"


class ObjectStoreOutage(FaultBase, frozen=True, tag="object_store_outage"):
    """The object store answers every request with an error."""

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return "the object store refuses every request"


class ObjectStoreThrottle(FaultBase, frozen=True, tag="object_store_throttle"):
    """The object store serves `rate` requests a second, of those that come together a second's worth, and refuses the others."""

    severity: ClassVar[str] = "rate"
    harmless: ClassVar[float] = float("inf")
    rate: Factor

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"the object store serves {self.rate:g} requests/s"


StoreFault: TypeAlias = (
    StoreOutage
    | SlowStore
    | ShardCrash
    | ColdOutage
    | DualWriteFailure
    | MigratorCrash
    | WorkerCrash
    | RowLoss
    | ObjectStoreOutage
    | ObjectStoreThrottle
)
