"""Faults of a region's machines: power, processes, disks."""

from enum import StrEnum
from typing import Annotated, ClassVar, TypeAlias

from msgspec import Meta

from flk.sim.scenarios.faults.base import Factor, MachineFault, Share


class Disk(StrEnum):
    """What a crashed region finds when it starts again: its logs and its store as they were, or empty ones. One node of several
    loses its log alone, and begins another: the store is its region's.
    """

    KEPT = "kept"
    LOST = "lost"


class LogLoss(StrEnum):
    """What has become of a segment of its log meanwhile: nothing; or it is missing, a copy of another, cut where a frame ends, or
    has a page of zeros.
    """

    NONE = "none"
    MISSING = "missing"
    COPIED = "copied"
    CUT = "cut"
    ZEROED = "zeroed"


class RegionCrash(MachineFault, frozen=True, tag="region_crash"):
    """A region stops in the middle of whatever it does; at the end of the fault it starts again and recovers.

    With `log`, a segment is damaged on a disk that it kept. What is lost so the operator accepts a while after the restart.
    """

    disk: Disk = Disk.KEPT
    log: LogLoss = LogLoss.NONE

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        damage = "" if self.log is LogLoss.NONE else f", a segment of its log {self.log}"
        return f"{self.where} is down, its disk {self.disk}{damage}"


class ProcessCrash(MachineFault, frozen=True, tag="process_crash"):
    """The node's process dies and is started again at the end. The machine stays up, so nothing half-written is on the disk: of
    what was being synchronised there is all or, if the process died before it wrote it, nothing.
    """

    disk: ClassVar[Disk] = Disk.KEPT

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"the process of {self.where} is dead"


class TornWrite(MachineFault, frozen=True, tag="torn_write"):
    """The power fails in the middle of a write to the log, of which just this `share` of the bytes reached the disk, and is back at
    the end. It is the write under way at the start or the next one; if none comes before the end, the power does not fail.
    """

    disk: ClassVar[Disk] = Disk.KEPT

    severity: ClassVar[str] = "share"
    share: Share = 0.5

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"{self.where} loses power with {self.share:.0%} of a write on its disk"


class SlowNode(MachineFault, frozen=True, tag="slow_node"):
    """Whatever the node of a region does itself takes `factor` times as long: its log, its store, what it asks of the object store.
    It does not fail, and answers as it should, if anybody still waits.
    """

    severity: ClassVar[str] = "factor"
    harmless: ClassVar[float] = 1.0
    factor: Factor

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"the node of {self.where} is {self.factor:g} times as slow"


class DiskStall(MachineFault, frozen=True, tag="disk_stall"):
    """The region's disk completes nothing until the end of the fault."""

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"the disk of {self.where} hangs"


class SlowDisk(MachineFault, frozen=True, tag="slow_disk"):
    """Whatever the region's disk does takes `factor` times as long."""

    severity: ClassVar[str] = "factor"
    harmless: ClassVar[float] = 1.0
    factor: Factor

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"the disk of {self.where} is {self.factor:g} times as slow"


class FsyncFailure(MachineFault, frozen=True, tag="fsync_failure"):
    """A `share` of the synchronisations of the region's log fails; nothing of such a batch counts as durable (WAL-7), although some
    first part of it may be on the disk. The process ends, and another starts and recovers.
    """

    severity: ClassVar[str] = "share"
    share: Share = 1.0

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"{self.share:.0%} of the synchronisations of {self.where} fail"


class BitRot(MachineFault, frozen=True, tag="bit_rot"):
    """Over its duration, at even intervals, `flips` bits change in segments on the region's disk that have not been shipped."""

    severity: ClassVar[str] = "flips"
    flips: Annotated[int, Meta(ge=0)] = 1

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"{self.flips} bits rot on the disk of {self.where}"


NodeFault: TypeAlias = RegionCrash | ProcessCrash | TornWrite | SlowNode | DiskStall | SlowDisk | FsyncFailure | BitRot
Stop: TypeAlias = RegionCrash | ProcessCrash | TornWrite
"""The faults during which a region has no node."""
