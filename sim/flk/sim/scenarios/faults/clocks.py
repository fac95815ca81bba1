"""Faults of a region's wall clock."""

from typing import ClassVar, TypeAlias

from flk.sim.scenarios.duration import Seconds, human
from flk.sim.scenarios.faults.base import MachineFault


class ClockFaultBase(MachineFault, frozen=True):
    """A clock that is off by `offset` seconds: ahead if positive, behind if negative."""

    severity: ClassVar[str] = "offset"
    offset: Seconds

    @property
    def amount(self) -> str:
        """How far off, in words."""
        return f"{human(abs(self.offset))} {'ahead' if self.offset > 0 else 'behind'}"


class ClockSkew(ClockFaultBase, frozen=True, tag="clock_skew"):
    """The wall clock of a region is off for the duration of the fault."""

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"the clock of {self.where} is {self.amount}"


class ClockJump(ClockFaultBase, frozen=True, tag="clock_jump"):
    """The wall clock of a region jumps, and is brought back evenly over the duration of the fault, as NTP slews a clock."""

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"the clock of {self.where} jumps, {self.amount}"


ClockFault: TypeAlias = ClockSkew | ClockJump
