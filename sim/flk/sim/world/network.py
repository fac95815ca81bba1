"""Messages between places: delayed, lost, repeated, overtaken, kept waiting for bandwidth, or cut off while a fault holds."""

from collections.abc import Callable, Iterable, Iterator
from math import inf, prod
from typing import NamedTuple, TypeVarTuple

from flk.sim.kernel.engine import Call, Simulator, Station
from flk.sim.kernel.processor import Pace
from flk.sim.kernel.random_streams import Leg, RandomStream, exponential
from flk.sim.scenarios.faults import (
    Bandwidth,
    Direction,
    Duplication,
    Latency,
    LinkFault,
    Loss,
    Partition,
    Reorder,
)
from flk.sim.scenarios.layout import Layout
from flk.sim.scenarios.topology import Network, Path, directed, expand, nodes_of, places, store_of
from flk.sim.world.message_sizes import size_of

Ts = TypeVarTuple("Ts")
ALONE = Layout()
ENVELOPE = 256  # bytes of a message beside what it carries


class Wire:
    """One direction between two places, as the faults of the moment leave it: the delay, the shares of messages that are lost or
    arrive twice, what holds messages back, and the line in which they wait for bandwidth.
    """

    __slots__ = ("_faults", "_line", "_pace", "delay", "duplication", "limited", "loss", "path", "reorders")

    def __init__(self, path: Path, simulator: Simulator) -> None:
        self.path = path
        self._faults: list[LinkFault] = []
        self._pace = Pace(simulator, inf)
        self._line = Station(self._pace.after)
        self.limited = (
            False  # whether messages may wait for bandwidth: there has been a limit, and a backlog may be left of it
        )
        self._refresh()

    def begin(self, fault: LinkFault) -> None:
        """Let a fault take hold."""
        self._faults.append(fault)
        self._refresh()

    def end(self, fault: LinkFault) -> None:
        """Let a fault go."""
        self._faults.remove(fault)
        self._refresh()

    @property
    def is_free(self) -> bool:
        """Whether messages wait for nothing."""
        return self._pace.rate == inf and not self._pace.busy

    def carry(self, size: int, carried: Call) -> None:
        """Call `carried` when `size` bytes are under way, after those of every earlier message; without a limit at once."""
        if self.is_free:
            carried()
        else:
            self._line.enter(size, carried)

    def _refresh(self) -> None:
        path, faults = self.path, self._faults
        self.delay = path.delay + sum(fault.extra for fault in faults if isinstance(fault, Latency))
        self.loss = 1.0 - (1.0 - path.loss) * prod(map(_passing, faults))
        self.duplication = path.duplication
        for fault in faults:
            if isinstance(fault, Duplication):
                self.duplication += (1.0 - self.duplication) * fault.share
        self.reorders = [fault for fault in faults if isinstance(fault, Reorder)]
        self._pace.change(min([path.bandwidth or inf, *(f.rate for f in faults if isinstance(f, Bandwidth))]))
        self.limited = self.limited or self._pace.rate < inf


def _passing(fault: LinkFault) -> float:
    """The share of messages that a fault lets through."""
    match fault:
        case Partition():
            return 0.0
        case Loss():
            return 1.0 - fault.share
        case _:
            return 1.0


class Message(NamedTuple):
    """A message that was sent at a moment, and the moments at which it arrives: none if it is lost, two if it is doubled."""

    sender: str
    receiver: str
    name: str
    sent: float
    arrives: tuple[float, ...]


class Net:
    """All wires of a topology.

    A message meets the state its wire has when it is sent: what is under way, or waits for bandwidth, when a partition begins still
    arrives. Bandwidth alone is that of the moment: a backlog flows off faster when a limit is lifted. What is lost takes none, and
    what arrives twice was carried once. `on_message` gets every message, if it is set.
    """

    def __init__(
        self, simulator: Simulator, network: Network, regions: tuple[str, ...], seed: int, layout: Layout = ALONE
    ) -> None:
        everywhere = places(regions, layout.nodes)
        self.on_message: Callable[[Message], None] | None = None
        self._simulator = simulator
        self._regions = regions
        self._nodes = layout.nodes
        self._random = RandomStream(seed, "message")
        self._copies = RandomStream(seed, "copy")
        self._held = RandomStream(seed, "reorder")
        self._wires = {(a, b): Wire(network.default, simulator) for a in everywhere for b in everywhere}
        for region in regions if layout.nodes > 1 else ():
            for pair in directed(nodes_of(region, layout.nodes), (store_of(region),), Direction.BOTH):
                self._wires[pair] = Wire(layout.to_store, simulator)
        for link in network.links:
            for pair in directed(*self._sides((link.between[0],), (link.between[1],)), link.direction):
                self._wires[pair] = Wire(link, simulator)

    def send(
        self,
        sender: str,
        receiver: str,
        message: str,
        arrive: Callable[[*Ts], None],
        *args: *Ts,
        drawn: tuple[Leg, int] | None = None,
        content: object = None,
        envelope: int = ENVELOPE,
    ) -> None:
        """Call `arrive` with `args` when the message arrives: once, not at all, or twice.

        `message` is the key of its random numbers, unless they were `drawn` already; `content` what it carries. It takes bandwidth
        for that and for `envelope` bytes.
        """
        wire = self._wires[sender, receiver]
        if drawn is None:
            fate, jitter, copy = self._random.triple(f"{sender}>{receiver}/{message}")
        else:
            leg, number = drawn
            jitter = leg.jitter.at(number)
            fate = leg.fate.at(number) if wire.loss else 1.0
            copy = leg.copy.at(number) if wire.duplication else 1.0
        sent = self._simulator.now
        if fate < wire.loss:
            if self.on_message is not None:
                self.on_message(Message(sender, receiver, message, sent, ()))
            return
        path = wire.path
        delay = wire.delay
        if wire.reorders:
            delay += self._overtaken(wire, f"{sender}>{receiver}/{message}")
        delay_of_first = delay + path.jitter * exponential(jitter)
        doubled = copy < wire.duplication
        if not (doubled or wire.limited or self.on_message):  # as nearly always
            self._simulator.after(delay_of_first, arrive, *args)
            return
        times = [delay_of_first]
        if doubled:
            times.append(delay + path.jitter * self._copies.exponential(f"{sender}>{receiver}/{message}"))

        def carried() -> None:
            for time in times:
                self._simulator.after(time, arrive, *args)
            if self.on_message is not None:
                now = self._simulator.now
                self.on_message(Message(sender, receiver, message, sent, tuple(now + time for time in times)))

        wire.carry(envelope + size_of(content), carried)

    def _overtaken(self, wire: Wire, message: str) -> float:
        """By how many seconds faults hold a message back."""
        return sum(f.by for f in wire.reorders if self._held.uniform(f"{f.id}/{message}") < f.share)

    def wire(self, sender: str, receiver: str) -> Wire:
        """The wire from one place to another."""
        return self._wires[sender, receiver]

    def wires(self, fault: LinkFault) -> Iterator[Wire]:
        """The wires that a fault is on."""
        return (self._wires[pair] for pair in directed(*self._sides(*fault.sides), fault.direction))

    def _sides(self, one: Iterable[str], other: Iterable[str]) -> tuple[Iterator[str], Iterator[str]]:
        return expand(one, self._regions, self._nodes), expand(other, self._regions, self._nodes)
