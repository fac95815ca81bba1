"""What a run may use up, and how it is seen that one does not go on.

A program under test may wait for what never comes without letting time pass, or let it pass in ever smaller steps. A run of such a
program is stopped, and the place where it was is what has been found.
"""

import resource
import signal
import sys
import threading
from collections.abc import Callable
from math import inf
from time import monotonic
from types import FrameType
from typing import NamedTuple, TypeVar

from flk.sim.kernel.engine import Simulator

AT_ONCE = 1_000_000
"""Events at one moment, after which a run counts as one that does not go on."""
STEPS_AT_ONCE = 100_000
"""Effects that one program may have performed at one moment."""
_MEGABYTE = 1 << 20
_INSISTENCE = 0.5  # seconds from one interrupt to the next, for work that catches the first
_SOON = 1e-6  # seconds; a timer set to 0 would never go off

T = TypeVar("T")


class NoProgress(Exception):
    """Simulated time does not go on. The text says who keeps it."""


class OutOfBudget(BaseException):
    """A run has used up its budget. The text says of what, and where it was. No program under test catches it by catching all."""


class Budget(NamedTuple):
    """What a run may use up: events, seconds of real time, and megabytes of memory beyond those in use when it began.

    Events give the same verdict everywhere; seconds and megabytes depend on the machine, and are there so that no run hangs.

    >>> Budget(events=1_000_000).seconds
    inf
    """

    events: float = inf
    seconds: float = inf
    megabytes: float = inf


UNLIMITED = Budget()


class Watch:
    """Looks after a run while it is under way."""

    def __init__(self, simulator: Simulator, budget: Budget, pulse: int) -> None:
        self._simulator = simulator
        self._budget = budget
        self._patience = AT_ONCE // pulse
        self._moment = -1.0
        self._pulses = 0
        self._begun = monotonic()
        self._memory = _megabytes()

    def look(self) -> None:
        """Return unless something is used up. Raises NoProgress and OutOfBudget. Called once in a while."""
        simulator, budget = self._simulator, self._budget
        self._pulses = self._pulses + 1 if simulator.now == self._moment else 0
        self._moment = simulator.now
        if self._pulses > self._patience:
            raise NoProgress(f"{AT_ONCE:,} events at {simulator.now:g} s; the next is {simulator.upcoming()}")
        for used, limit, what in (
            (simulator.events, budget.events, "events"),
            (monotonic() - self._begun, budget.seconds, "seconds"),
            (_megabytes() - self._memory, budget.megabytes, "megabytes"),
        ):
            if used > limit:
                raise OutOfBudget(
                    f"{limit:,g} {what} are used up at {simulator.now:g} s; the next is {simulator.upcoming()}"
                )


def within(seconds: float, work: Callable[[], T]) -> T:
    """The result of `work`, which is interrupted if it is not done in so many seconds of real time, even between two events.

    Raises OutOfBudget, again and again as long as the work goes on in spite of it, and at its end if it caught all: what it came to
    is not the work's any more. Once this returns or raises, nothing of it is left: the timer that ran before runs on. Python
    interrupts only the main thread, on POSIX, and there no call of compiled code before it returns: elsewhere the work is not
    interrupted.
    """
    if seconds == inf or threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        return work()
    over = interrupted = False

    def stop(_: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        if over:  # the signal came while the timer was being taken back
            return
        interrupted = True
        where = "nowhere" if frame is None else f"{frame.f_code.co_qualname}, line {frame.f_lineno}"
        raise OutOfBudget(f"{seconds:g} seconds are used up; the run is in {where}")

    begun = monotonic()
    before = signal.signal(signal.SIGALRM, stop)
    left, again = 0.0, 0.0
    try:
        left, again = signal.setitimer(signal.ITIMER_REAL, seconds, _INSISTENCE)
        result = work()
    finally:
        over = True
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(left - (monotonic() - begun), _SOON), again)
    if interrupted:
        raise OutOfBudget(f"{seconds:g} seconds are used up; the run went on all the same")
    return result


def _megabytes() -> float:
    """The most memory that the process has had in use so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / _MEGABYTE
