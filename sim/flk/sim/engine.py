"""Simulated time on SimPy, and the three queues that everything in the simulator waits in.

SimPy's own Store and Resource keep waiters in lists and slow down with the square of the backlog, which is what a partition
makes. Here a queue is a deque with one server, however many wait; and instead of a process for each request there is a
callback at the moment when something is due.
"""

from collections import deque
from collections.abc import Callable
from heapq import heappop
from typing import Generic, TypeVar

from simpy import Environment

T = TypeVar("T")
Call = Callable[[], None]
After = Callable[[float, Call], None]


class Clockwork(Environment):
    """A SimPy environment with its own loop. `events` counts what has happened."""

    def __init__(self) -> None:
        super().__init__()
        self.events = 0

    def after(self, delay: float, call: Call) -> None:
        """Call `call` in `delay` seconds."""
        callbacks = self.timeout(delay).callbacks
        callbacks.append(lambda _: call())

    def run_until(self, end: float, pulse: int, on_pulse: Call) -> None:
        """Let happen all that is due by `end`; call `on_pulse` after every `pulse` events."""
        queue = self._queue
        while queue and queue[0][0] <= end:
            self._now, _, _, event = heappop(queue)
            callbacks, event.callbacks = event.callbacks, None  # type: ignore[assignment]  # SimPy's mark of a past event
            for callback in callbacks:
                callback(event)
            self.events += 1
            if not self.events % pulse:
                on_pulse()
        self._now = end


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

    `batch` is what is being synchronised. While the disk is held nothing further is written.
    """

    def __init__(self, after: After, seconds: Callable[[], float], commit: Callable[[T], None]) -> None:
        self.waiting: deque[T] = deque()
        self.batch: deque[T] = deque()
        self._after = after
        self._seconds = seconds
        self._commit = commit
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
            self._then(answer)


class Deadlines(Generic[T]):
    """Waits that all have the same limit: they run out in the order they began, so one alarm serves them all.

    A wait that runs out is given the answer `late`.
    """

    def __init__(self, clockwork: Clockwork, limit: float, late: T) -> None:
        self._clockwork = clockwork
        self._limit = limit
        self._late = late
        self._line: deque[tuple[float, Wait[T]]] = deque()
        self._armed = False

    def begin(self, then: Callable[[T], None]) -> Wait[T]:
        """A wait that begins now."""
        wait = Wait(then)
        self._line.append((self._clockwork.now + self._limit, wait))
        self._arm()
        return wait

    def _arm(self) -> None:
        if self._line and not self._armed:
            self._armed = True
            self._clockwork.after(max(0.0, self._line[0][0] - self._clockwork.now), self._ring)

    def _ring(self) -> None:
        self._armed = False
        while self._line and (self._line[0][1].over or self._line[0][0] <= self._clockwork.now):
            self._line.popleft()[1].end(self._late)
        self._arm()
