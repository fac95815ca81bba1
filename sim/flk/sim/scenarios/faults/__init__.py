"""What can go wrong in a scenario. Each fault has an id, an absolute start and a duration, so removing one never moves the rest."""

from typing import TypeAlias

from flk.sim.scenarios.faults.base import Direction, Factor, FaultBase, RegionFault, Share
from flk.sim.scenarios.faults.clocks import ClockFault, ClockJump, ClockSkew
from flk.sim.scenarios.faults.links import (
    Bandwidth,
    Duplication,
    Latency,
    LinkFault,
    LinkFaultBase,
    Loss,
    Partition,
    Reorder,
    Sides,
)
from flk.sim.scenarios.faults.load import Burst, Equivocation, Forgery, KeyRotation, LoadFault, ReplayAttack, RetryStorm
from flk.sim.scenarios.faults.nodes import (
    BitRot,
    Disk,
    DiskStall,
    FsyncFailure,
    NodeFault,
    ProcessCrash,
    RegionCrash,
    SlowDisk,
    Stop,
    TornWrite,
)
from flk.sim.scenarios.faults.stores import (
    ColdOutage,
    DualWriteFailure,
    MigratorCrash,
    ObjectStoreOutage,
    ObjectStoreThrottle,
    ShardCrash,
    SlowStore,
    StoreFault,
    StoreOutage,
    WorkerCrash,
)

Fault: TypeAlias = LinkFault | NodeFault | StoreFault | ClockFault | LoadFault

__all__ = [
    "Bandwidth",
    "BitRot",
    "Burst",
    "ClockFault",
    "ClockJump",
    "ClockSkew",
    "ColdOutage",
    "Direction",
    "Disk",
    "DiskStall",
    "DualWriteFailure",
    "Duplication",
    "Equivocation",
    "Factor",
    "Fault",
    "FaultBase",
    "Forgery",
    "FsyncFailure",
    "KeyRotation",
    "Latency",
    "LinkFault",
    "LinkFaultBase",
    "LoadFault",
    "Loss",
    "MigratorCrash",
    "NodeFault",
    "ObjectStoreOutage",
    "ObjectStoreThrottle",
    "Partition",
    "ProcessCrash",
    "RegionCrash",
    "RegionFault",
    "Reorder",
    "ReplayAttack",
    "RetryStorm",
    "ShardCrash",
    "Share",
    "Sides",
    "SlowDisk",
    "SlowStore",
    "Stop",
    "StoreFault",
    "StoreOutage",
    "TornWrite",
    "WorkerCrash",
]
