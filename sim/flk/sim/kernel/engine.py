"""Simulated time on SimPy, and the three queues that everything in the simulator waits in.

SimPy's own Store and Resource keep waiters in lists and slow down with the square of the backlog, which is what a partition
makes. Here a queue is a deque with one server, however many wait; and instead of a process for each request there is a
callback at the moment when something is due.
"""

import gc
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from heapq import heappop, heappush
from operator import attrgetter
from typing import Any, Generic, TypeVar

from simpy import Environment, Event
from simpy.events import NORMAL

T = TypeVar("T")
Call = Callable[[], None]
After = Callable[[float, Call], None]


class Simulator(Environment):
    """A SimPy environment with its own loop. `events` counts what has happened.

    A call that is due stands in SimPy's queue as it is, without an event around it; SimPy's events, and so its processes, may
    stand there, too.
    """

    now = property(attrgetter("_now"))  # read at every event: a call of C instead of one of Python

    def __init__(self) -> None:
        super().__init__()
        self.events = 0
        self._calls: list[Any] = self._queue

    def after(self, delay: float, call: Call) -> None:
        """Call `call` in `delay` seconds. Raises ValueError for a moment that is past."""
        if delay < 0:
            raise ValueError(f"nothing can happen {-delay} s ago")
        heappush(self._calls, (self._now + delay, NORMAL, next(self._eid), call))

    def step(self) -> None:
        """Let happen what is due next."""
        if self._calls and not isinstance(self._calls[0][3], Event):
            self._now, _, _, call = heappop(self._calls)
            call()
        else:
            super().step()

    def run_until(self, end: float, pulse: int, on_pulse: Call) -> None:
        """Let happen all that is due by `end`; call `on_pulse` after every `pulse` events."""
        queue = self._calls
        while queue and queue[0][0] <= end:
            due = queue[0][3]
            if isinstance(due, Event):
                self.step()
            else:
                self._now = heappop(queue)[0]
                due()
            self.events += 1
            if not self.events % pulse:
                on_pulse()
        self._now = end


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Let Python look for cyclic garbage seldom: a run leaves little of it, and much that lives to the end, which is looked through
    in vain each time.
    """
    before = gc.get_threshold()
    gc.set_threshold(1_000_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


class Station:
    """One server and a line of any length, first come, first served."""

    def __init__(self, after: After) -> None:
        self._after = after
        self._line: deque[tuple[float, Call]] = deque()
        self._busy = False

    def enter(self, seconds: float, served: Call) -> None:
        """Wait for one's turn, be served for `seconds`, then call `served`."""
        self._line.append((seconds, served))
        if not self._busy:
            self._next()

    def _next(self) -> None:
        self._busy = bool(self._line)
        if self._busy:
            seconds, served = self._line.popleft()
            self._after(seconds, lambda: self._finish(served))

    def _finish(self, served: Call) -> None:
        served()
        self._next()


class GroupCommit(Generic[T]):
    """A disk that synchronises one batch at a time: what is written during one synchronisation shares the next (WAL-7).

    `batch` is what is being synchronised. While the disk is held nothing further is written. Unless a batch `survives` its
    synchronisation, nothing of it is committed.
    """

    def __init__(
        self,
        after: After,
        seconds: Callable[[], float],
        commit: Callable[[T], None],
        survives: Callable[[], bool] = lambda: True,
    ) -> None:
        self.waiting: deque[T] = deque()
        self.batch: deque[T] = deque()
        self._after = after
        self._seconds = seconds
        self._commit = commit
        self._survives = survives
        self._held = False

    def write(self, item: T) -> None:
        """Wait for a synchronisation, then have `commit` called; items come through in the order they were written."""
        self.waiting.append(item)
        self._begin()

    def hold(self) -> None:
        """Begin no further synchronisation."""
        self._held = True

    def release(self) -> None:
        """Go on."""
        self._held = False
        self._begin()

    def _begin(self) -> None:
        if self.waiting and not self.batch and not self._held:
            self.batch, self.waiting = self.waiting, deque()
            self._after(self._seconds(), self._finish)

    def _finish(self) -> None:
        if self._survives():
            for item in self.batch:
                self._commit(item)
        self.batch = deque()
        self._begin()


class Wait(Generic[T]):
    """Something awaited. The first answer counts; a second copy, or an answer past its time, changes nothing."""

    __slots__ = ("_then", "over")

    def __init__(self, then: Callable[[T], None]) -> None:
        self.over = False
        self._then = then

    def end(self, answer: T) -> None:
        """Give the answer, unless there has been one."""
        if not self.over:
            self.over = True
            then, self._then = self._then, _past
            then(answer)


def _past(answer: object) -> None:
    """What a wait that is over leads to; what it did lead to need not live until the deadline."""
    del answer


class Deadlines(Generic[T]):
    """Waits that all have the same limit: they run out in the order they began, so one alarm serves them all.

    A wait that runs out is given the answer `late`.
    """

    def __init__(self, simulator: Simulator, limit: float, late: T) -> None:
        self._simulator = simulator
        self._limit = limit
        self._late = late
        self._line: deque[tuple[float, Wait[T]]] = deque()
        self._armed = False

    def begin(self, then: Callable[[T], None]) -> Wait[T]:
        """A wait that begins now."""
        wait = Wait(then)
        self._line.append((self._simulator.now + self._limit, wait))
        self._arm()
        return wait

    def _arm(self) -> None:
        if self._line and not self._armed:
            self._armed = True
            self._simulator.after(max(0.0, self._line[0][0] - self._simulator.now), self._ring)

    def _ring(self) -> None:
        self._armed = False
        while self._line and (self._line[0][1].over or self._line[0][0] <= self._simulator.now):
            self._line.popleft()[1].end(self._late)
        self._arm()
