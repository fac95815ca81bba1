"""Faults of the messages between two sides."""

from typing import Annotated, ClassVar, TypeAlias

from msgspec import Meta

from flk.sim.scenarios.duration import Seconds, human
from flk.sim.scenarios.faults.base import Direction, FaultBase, Share

Sides: TypeAlias = tuple[tuple[str, ...], tuple[str, ...]]


class LinkFaultBase(FaultBase, frozen=True):
    """A fault of every message that passes between two sides, in one direction or in both."""

    sides: Sides
    direction: Direction = Direction.BOTH

    @property
    def between(self) -> str:
        """Between whom, in words."""
        first, second = (", ".join(side) for side in self.sides)
        if self.direction is Direction.BOTH:
            return f"between {first} and {second}"
        return f"from {first} to {second}" if self.direction is Direction.FORWARD else f"from {second} to {first}"


class Partition(LinkFaultBase, frozen=True, kw_only=True, tag="partition"):
    """No message passes."""

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"no messages {self.between}"


class Latency(LinkFaultBase, frozen=True, kw_only=True, tag="latency"):
    """Every message takes `extra` seconds longer."""

    severity: ClassVar[str] = "extra"
    extra: Seconds

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"{human(self.extra)} more {self.between}"


class Loss(LinkFaultBase, frozen=True, kw_only=True, tag="loss"):
    """A further `share` of the messages is lost."""

    severity: ClassVar[str] = "share"
    share: Share

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"{self.share:.0%} of messages lost {self.between}"


class Duplication(LinkFaultBase, frozen=True, kw_only=True, tag="duplication"):
    """A further `share` of the messages arrives twice."""

    severity: ClassVar[str] = "share"
    share: Share

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"{self.share:.0%} of messages twice {self.between}"


class Reorder(LinkFaultBase, frozen=True, kw_only=True, tag="reorder"):
    """A `share` of the messages is held back `by` seconds, so that later ones overtake them."""

    severity: ClassVar[str] = "share"
    share: Share
    by: Seconds = Seconds(1)

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"{self.share:.0%} of messages overtaken {self.between}"


class Bandwidth(LinkFaultBase, frozen=True, kw_only=True, tag="bandwidth"):
    """Each wire carries at most `rate` bytes a second, one message after another. What waits when it ends goes on without it."""

    severity: ClassVar[str] = "rate"
    harmless: ClassVar[float] = float("inf")
    rate: Annotated[float, Meta(gt=0)]

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"{self.rate:g} bytes/s {self.between}"


LinkFault: TypeAlias = Partition | Latency | Loss | Duplication | Reorder | Bandwidth
