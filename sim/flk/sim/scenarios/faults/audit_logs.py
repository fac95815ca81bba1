"""What befalls audit logs: whoever has a region's key signs two histories, or who is told about the log is away."""

from enum import StrEnum
from typing import Annotated, ClassVar, TypeAlias

from msgspec import Meta

from flk.sim.scenarios.faults.base import FaultBase, RegionFault


class Outside(StrEnum):
    """Services that are no part of the regions: the first time-stamping authority, or the SIEM of all regions."""

    AUTHORITY = "authority"
    SIEM = "siem"


class LogFork(RegionFault, frozen=True, tag="log_fork"):
    """Whoever has the key of the region's audit log signs another history, and shows it to the region `shown_to` alone, until the
    end. It has other leaves in place of the last `rewritten` that were published at the start, and one more.
    """

    severity: ClassVar[str] = "rewritten"
    shown_to: str
    rewritten: Annotated[int, Meta(ge=0)] = 0

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return (
            f"the audit log of {self.region} shows {self.shown_to} another history, from {self.rewritten} leaves back"
        )


class OutsideOutage(FaultBase, frozen=True, tag="outside_outage"):
    """A service answers nobody: the first of the time-stamping authorities, or the SIEM."""

    service: Outside

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"the {'first time-stamping authority' if self.service is Outside.AUTHORITY else 'SIEM'} answers nobody"


AuditLogFault: TypeAlias = LogFork | OutsideOutage
