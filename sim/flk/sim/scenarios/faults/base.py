"""What every fault has: a name, a start, a duration, and a field that says how bad it is."""

from enum import StrEnum
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from flk.sim.scenarios.duration import Seconds

Share = Annotated[float, Meta(ge=0, le=1)]
Factor = Annotated[float, Meta(gt=0)]


class Direction(StrEnum):
    """Which way between two sides: from the first to the second, from the second to the first, or both."""

    FORWARD = "forward"
    BACKWARD = "backward"
    BOTH = "both"


class FaultBase(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind"):
    """What every fault has: a name, and when it holds, in seconds from the start of the run.

    `severity` names the field that says how bad it is, and `harmless` the value at which it would do nothing: shrinking moves
    the field towards it. A fault without such a field is weakened by its duration alone.
    """

    severity: ClassVar[str] = ""
    harmless: ClassVar[float] = 0.0

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


class RegionFault(FaultBase, frozen=True):
    """A fault of one region."""

    region: str


class MachineFault(RegionFault, frozen=True, kw_only=True):
    """A fault of the machines of a region: of the node with that number, counted from 1, or without one of all its nodes."""

    node: Annotated[int, Meta(ge=1)] | None = None

    @property
    def where(self) -> str:
        """Whose fault it is, for the reader."""
        return self.region if self.node is None else f"node {self.node} of {self.region}"
