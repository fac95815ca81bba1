"""Whether a node may log by the time that it has (HLC-5, HLC-6). Every runtime asks here before it gives a timestamp.

Two things show from inside a machine. The node's clock is ahead of wall time: its log was written under a clock that has been set
back since. And wall time has parted from the steady clock, which nobody sets: it made a step, forward or back. What is slewed moves
both, and counts as no step; nor does the sleep of a machine, as long as the steady clock counts it.
"""

from collections.abc import Callable
from typing import NamedTuple

from flk.model.log.hlc import wall_seconds
from flk.model.refusal import untimely
from flk.spec.constants import CONSTANTS, Clock

POLICY = CONSTANTS.clock
FOLLOW_SECONDS = 1.0  # at least, between two corrections of what is known


class Moment(NamedTuple):
    """What two clocks show at one moment, in seconds: wall time since 1970, and a clock that is never set, since whenever."""

    wall: float
    steady: float


def apart(known: Moment, now: Moment) -> float:
    """By how many seconds wall time has gone ahead of the steady clock (negative: fallen behind) since they were known to agree.

    >>> apart(Moment(wall=1000.0, steady=5.0), Moment(wall=4610.0, steady=15.0))
    3600.0
    """
    return (now.wall - known.wall) - (now.steady - known.steady)


def has_stepped(known: Moment, now: Moment, policy: Clock = POLICY) -> bool:
    """Whether wall time has parted from the steady clock by more than a step that is let pass, and what the two may have drifted.

    >>> has_stepped(Moment(1000.0, 5.0), Moment(1069.0, 15.0)), has_stepped(Moment(1000.0, 5.0), Moment(1071.0, 15.0))
    (False, True)
    """
    return abs(apart(known, now)) > policy.max_step_seconds + _drift(known, now, policy)


def followed(known: Moment, now: Moment, policy: Clock = POLICY) -> Moment:
    """What is known later: wall time is followed as slowly as sound clocks drift, so that many small steps count as one large one,
    and not at all after a step.
    """
    if has_stepped(known, now, policy):
        return known
    drift = _drift(known, now, policy)
    agreed = known.wall + (now.steady - known.steady)
    return Moment(min(max(now.wall, agreed - drift), agreed + drift), now.steady)


def why_not(known: Moment, now: Moment, clock: int, policy: Clock = POLICY) -> str:
    """Why a node whose clock is at `clock` may not log now, empty if it may (HLC-5)."""
    if has_stepped(known, now, policy):
        by = apart(known, now)
        return (
            f"wall time has made a step of {by:+.0f} s against the machine's steady clock;"
            " set it right, or if it is, restart with --trust-wall-time"
        )
    lead = wall_seconds(clock) - now.wall
    if lead > policy.max_lead_seconds:
        return (
            f"the node's clock is {lead:.0f} s ahead of wall time, and may be {policy.max_lead_seconds:.0f};"
            " set wall time right, or if it is, wait, restart, or begin a new log"
        )
    return ""


def _drift(known: Moment, now: Moment, policy: Clock) -> float:
    return policy.max_drift * max(0.0, now.steady - known.steady)


def _nobody(known: Moment) -> None:
    """Keeps nothing."""


class Timekeeper:
    """The clocks of a machine, and when they were last known to agree: at the start, unless something is `known` from before.

    `trusts_wall`: an operator has said that wall time is right (HLC-6). `keep` is given what is known, whenever that changes.

    >>> wall, steady = [1000.0], [5.0]
    >>> time = Timekeeper(lambda: wall[0], lambda: steady[0])
    >>> wall[0], steady[0] = 4610.0, 15.0
    >>> time.believed(clock=0)
    Traceback (most recent call last):
    flk.model.refusal.Untimely: wall time has made a step of +3600 s …
    >>> wall[0] = 1010.0
    >>> time.believed(clock=0)
    1010.0
    """

    def __init__(
        self,
        wall: Callable[[], float],
        steady: Callable[[], float],
        known: Moment | None = None,
        *,
        trusts_wall: bool = False,
        keep: Callable[[Moment], None] = _nobody,
    ) -> None:
        self._wall = wall
        self._steady = steady
        self._keep = keep
        self.trusts_wall = trusts_wall
        self.known = self.now() if known is None or trusts_wall else known
        keep(self.known)

    def now(self) -> Moment:
        """What the clocks show."""
        return Moment(self._wall(), self._steady())

    def steady(self) -> float:
        """What the clock shows that is never set."""
        return self._steady()

    def believed(self, clock: int) -> float:
        """Wall time, to log with after `clock`. Raises Untimely if it is not to be believed."""
        now = self._follow()
        if reason := why_not(self.known, now, clock):
            raise untimely(reason)
        return now.wall

    def why_not(self, clock: int) -> str:
        """Why a node whose clock is at `clock` may not log now, empty if it may."""
        return why_not(self.known, self._follow(), clock)

    def step(self) -> float:
        """By how many seconds wall time has gone ahead of the steady clock (negative: fallen behind)."""
        return apart(self.known, self._follow())

    def lead(self, clock: int) -> float:
        """By how many seconds a node's clock is ahead of wall time, 0 if it is not."""
        return max(0.0, wall_seconds(clock) - self._wall())

    def _follow(self) -> Moment:
        now = self.now()
        if now.steady - self.known.steady >= FOLLOW_SECONDS:
            self.known = followed(self.known, now)
            self._keep(self.known)
        return now
