"""Messages between places: delayed, lost, repeated, or cut off while a fault holds."""

from collections.abc import Iterator
from math import prod

from flk.sim.engine import Call, Clockwork
from flk.sim.faults import Latency, LinkFault, Loss, Partition
from flk.sim.randomness import Chance, exponential
from flk.sim.topology import Network, Path, directed, expand, places


class Wire:
    """One direction between two places, as the faults of the moment leave it: the delay and the share of messages lost."""

    __slots__ = ("_faults", "delay", "loss", "path")

    def __init__(self, path: Path) -> None:
        self.path = path
        self._faults: list[LinkFault] = []
        self._refresh()

    def begin(self, fault: LinkFault) -> None:
        """Let a fault take hold."""
        self._faults.append(fault)
        self._refresh()

    def end(self, fault: LinkFault) -> None:
        """Let a fault go."""
        self._faults.remove(fault)
        self._refresh()

    def _refresh(self) -> None:
        self.delay = self.path.delay + sum(fault.extra for fault in self._faults if isinstance(fault, Latency))
        self.loss = 1.0 - (1.0 - self.path.loss) * prod(map(_passing, self._faults))


def _passing(fault: LinkFault) -> float:
    """The share of messages that a fault lets through."""
    match fault:
        case Partition():
            return 0.0
        case Loss():
            return 1.0 - fault.share
        case _:
            return 1.0


class Net:
    """All wires of a topology.

    A message meets the state its wire has when it is sent; what is under way when a partition begins still arrives.
    """

    def __init__(self, clockwork: Clockwork, network: Network, regions: tuple[str, ...], seed: int) -> None:
        everywhere = places(regions)
        self._clockwork = clockwork
        self._regions = regions
        self._chance = Chance(seed, "message")
        self._copies = Chance(seed, "copy")
        self._wires = {(a, b): Wire(network.default) for a in everywhere for b in everywhere}
        for link in network.links:
            for pair in directed(link.between[:1], link.between[1:], link.direction):
                self._wires[pair] = Wire(link)

    def send(self, sender: str, receiver: str, message: str, arrive: Call) -> None:
        """Call `arrive` when the message arrives: once, not at all, or twice. `message` is what its luck is keyed by."""
        wire = self._wires[sender, receiver]
        fate, jitter, copy = self._chance.triple(f"{sender}>{receiver}/{message}")
        if fate < wire.loss:
            return
        path = wire.path
        self._clockwork.after(wire.delay + path.jitter * exponential(jitter), arrive)
        if copy < path.duplication:
            later = self._copies.exponential(f"{sender}>{receiver}/{message}")
            self._clockwork.after(wire.delay + path.jitter * later, arrive)

    def wires(self, fault: LinkFault) -> Iterator[Wire]:
        """The wires that a fault is on."""
        first, second = (expand(side, self._regions) for side in fault.sides)
        return (self._wires[pair] for pair in directed(first, second, fault.direction))
