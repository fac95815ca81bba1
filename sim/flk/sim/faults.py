"""What can go wrong in a scenario. Each fault has an id, an absolute start and a duration, so removing one never moves the rest."""

from enum import StrEnum
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from flk.sim.duration import Seconds, human

Share = Annotated[float, Meta(ge=0, le=1)]
Sides: TypeAlias = tuple[tuple[str, ...], tuple[str, ...]]


class Direction(StrEnum):
    """Which way between two sides: from the first to the second, from the second to the first, or both."""

    FORWARD = "forward"
    BACKWARD = "backward"
    BOTH = "both"


class Disk(StrEnum):
    """What a crashed region finds when it starts again: its log and store as they were, or empty ones."""

    KEPT = "kept"
    LOST = "lost"


class FaultBase(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind"):
    """What every fault has: a name, and when it holds, in seconds from the start of the run."""

    id: str
    start: Seconds
    duration: Seconds

    @property
    def end(self) -> float:
        """When it is over."""
        return self.start + self.duration

    @property
    def kind(self) -> str:
        """The name of its kind, as the scenario file writes it."""
        return str(self.__struct_config__.tag)


class Partition(FaultBase, frozen=True, tag="partition"):
    """No message passes between two sides, in one direction or in both."""

    sides: Sides
    direction: Direction = Direction.BOTH

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"no messages {_between(self.sides, self.direction)}"


class Latency(FaultBase, frozen=True, tag="latency"):
    """Every message between two sides takes `extra` seconds longer."""

    sides: Sides
    extra: Seconds
    direction: Direction = Direction.BOTH

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"{human(self.extra)} more {_between(self.sides, self.direction)}"


class Loss(FaultBase, frozen=True, tag="loss"):
    """A further `share` of the messages between two sides is lost."""

    sides: Sides
    share: Share
    direction: Direction = Direction.BOTH

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"{self.share:.0%} of messages lost {_between(self.sides, self.direction)}"


class RegionCrash(FaultBase, frozen=True, tag="region_crash"):
    """A region stops in the middle of whatever it does; at the end of the fault it starts again and recovers."""

    region: str
    disk: Disk = Disk.KEPT

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"{self.region} is down, its disk {self.disk}"


class StoreOutage(FaultBase, frozen=True, tag="store_outage"):
    """The dedup store of a region does not answer."""

    region: str

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"the store of {self.region} does not answer"


class ObjectStoreOutage(FaultBase, frozen=True, tag="object_store_outage"):
    """The object store answers every request with an error."""

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return "the object store refuses every request"


class ClockSkew(FaultBase, frozen=True, tag="clock_skew"):
    """The wall clock of a region is off by `offset` seconds: ahead if positive, behind if negative."""

    region: str
    offset: Seconds

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"the clock of {self.region} is {human(abs(self.offset))} {'ahead' if self.offset > 0 else 'behind'}"


LinkFault: TypeAlias = Partition | Latency | Loss
Fault: TypeAlias = LinkFault | RegionCrash | StoreOutage | ObjectStoreOutage | ClockSkew


def _between(sides: Sides, direction: Direction) -> str:
    first, second = (", ".join(side) for side in sides)
    if direction is Direction.BOTH:
        return f"between {first} and {second}"
    return f"from {first} to {second}" if direction is Direction.FORWARD else f"from {second} to {first}"
