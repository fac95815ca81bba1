"""The health of a region's disk: how fast it is, and whether what it has synchronised is durable."""

from math import prod
from typing import TypeAlias

from flk.sim.kernel.engine import Simulator
from flk.sim.kernel.processor import Pace
from flk.sim.kernel.random_streams import RandomStream
from flk.sim.scenarios.faults import DiskStall, FsyncFailure, SlowDisk, SlowNode

DiskFault: TypeAlias = DiskStall | SlowDisk | SlowNode | FsyncFailure


class DiskHealth:
    """The active disk faults of one region, whichever node uses the disk. What the disk does takes place at its `pace`."""

    def __init__(self, region: str, simulator: Simulator, seed: int) -> None:
        self.pace = Pace(simulator)
        self._random = RandomStream(seed, f"disk/{region}")
        self._faults: list[DiskFault] = []

    def begin(self, fault: DiskFault) -> None:
        """Let a fault take hold."""
        self._faults.append(fault)
        self._refresh()

    def end(self, fault: DiskFault) -> None:
        """Let a fault go."""
        self._faults.remove(fault)
        self._refresh()

    def fails(self, synchronisation: str) -> bool:
        """Whether a synchronisation that is over has failed. Its name keys the draw."""
        return any(
            self._random.uniform(f"{fault.id}/{synchronisation}") < fault.share
            for fault in self._faults
            if isinstance(fault, FsyncFailure)
        )

    def _refresh(self) -> None:
        stalled = any(isinstance(fault, DiskStall) for fault in self._faults)
        slowness = prod(fault.factor for fault in self._faults if isinstance(fault, SlowDisk | SlowNode))
        self.pace.change(0.0 if stalled else 1.0 / slowness)
