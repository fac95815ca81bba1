"""What a fault does to a region's wall clock."""

from collections import defaultdict
from collections.abc import Iterable

from flk.sim.scenarios.faults import ClockFault, ClockJump, ClockSkew, Fault
from flk.spec.constants import CONSTANTS


def offset(fault: ClockFault, now: float) -> float:
    """By how many seconds the fault has the clock ahead at a moment while it holds; a jump is made good evenly."""
    if isinstance(fault, ClockJump):
        return fault.offset * max(0.0, fault.end - now) / fault.duration
    return fault.offset


def calm(faults: Iterable[Fault]) -> float:
    """When no fault holds any more and every node may log: what was logged under a clock that was ahead has come within the bound
    (HLC-5), with what another region's timestamps may have added to it (HLC-3).
    """
    ended, ahead = 0.0, defaultdict[str, float](float)
    for fault in faults:
        ended = max(ended, float(fault.end))
        if isinstance(fault, ClockSkew | ClockJump):
            ahead[fault.region] += max(0.0, fault.offset)
    limits = CONSTANTS.clock
    most = max(ahead.values(), default=0.0)
    return ended + max(0.0, most + limits.max_ahead_seconds - limits.max_lead_seconds)
