"""What a fault does to a region's wall clock."""

from flk.sim.scenarios.faults import ClockFault, ClockJump


def offset(fault: ClockFault, now: float) -> float:
    """By how many seconds the fault has the clock ahead at a moment while it holds; a jump is made good evenly."""
    if isinstance(fault, ClockJump):
        return fault.offset * max(0.0, fault.end - now) / fault.duration
    return fault.offset
