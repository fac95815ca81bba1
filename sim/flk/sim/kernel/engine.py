"""Simulated time on SimPy, and the three queues that everything in the simulator waits in.

SimPy's own Store and Resource keep waiters in lists and slow down with the square of the backlog, which is what a partition
makes. Here a queue is a deque with one server, however many wait; and instead of a process for each request there is a
call at the moment when something is due.
"""

from collections import deque
from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from math import inf
from typing import Any, Generic, Protocol, TypeVar, TypeVarTuple

from simpy import Environment, Event
from simpy.core import EmptySchedule, StopSimulation
from simpy.events import NORMAL

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
Call = Callable[[], None]


class After(Protocol):
    """Calls `call` with `args` in `delay` seconds."""

    def __call__(self, delay: float, call: Callable[[*Ts], object], /, *args: *Ts) -> None:
        """Schedule the call."""
        ...


class Simulator(Environment):
    """A SimPy environment with its own loop. `now` is in seconds, `events` counts what has happened.

    Whatever is due stands in the queue as a call with its arguments, without an event around it: a closure for each would cost more
    than what most of them do. SimPy's events, and so its processes, stand there as calls, too.
    """

    now: float = (
        0  # SimPy has a property, which costs a call at every reading; an integer as there: traces tell 1 from 1.0
    )

    def __init__(self) -> None:
        super().__init__()
        self.events = 0
        self._calls: list[Any] = (
            self._queue
        )  # by when they are due, SimPy's priority, and the order in which they were scheduled

    def after(self, delay: float, call: Callable[[*Ts], object], *args: *Ts) -> None:
        """Call `call` with `args` in `delay` seconds. Raises ValueError for a moment that is past."""
        if delay < 0:
            raise ValueError(f"nothing can happen {-delay} s ago")
        heappush(self._calls, (self.now + delay, NORMAL, next(self._eid), call, args))

    def schedule(self, event: Event, priority: Any = NORMAL, delay: float = 0.0) -> None:
        """SimPy's way of letting an event happen."""
        heappush(self._calls, (self.now + delay, priority, next(self._eid), self._happen, (event,)))

    def step(self) -> None:
        """Let happen what is due next. Raises EmptySchedule if there is nothing."""
        if not self._calls:
            raise EmptySchedule
        self.now, _, _, call, args = heappop(self._calls)
        call(*args)

    def run_until(self, end: float, pulse: int, on_pulse: Call) -> None:
        """Let happen all that is due by `end`; call `on_pulse` after every `pulse` events."""
        queue, events = self._calls, self.events  # counted in a local: this loop is the hottest of all
        while queue and queue[0][0] <= end:
            self.now, _, _, call, args = heappop(queue)
            call(*args)
            events += 1
            if not events % pulse:
                self.events = events
                on_pulse()
        self.now, self.events = end, events

    def upcoming(self) -> str:
        """What is due next, in words: the function, and what of its arguments has a name."""
        if not self._calls:
            return "nothing"
        _, _, _, call, args = self._calls[0]
        names = [str(each.name) for each in _spread(args) if hasattr(each, "name")]
        return f"{getattr(call, '__qualname__', call)}{' of ' + ', '.join(names) if names else ''}"

    def _happen(self, event: Event) -> None:
        """What SimPy's `step` does with an event."""
        callbacks, event.callbacks = event.callbacks, None  # type: ignore[assignment]  # SimPy's sign of an event that is over
        for number, callback in enumerate(callbacks):
            try:
                callback(event)
            except StopSimulation:
                event.callbacks = callbacks[number + 1 :]  # the rest when the simulation goes on
                self.schedule(event, -1)
                raise
        if not event._ok and not hasattr(event, "_defused"):  # noqa: SLF001 - nobody handles the failure
            raise event._value  # noqa: SLF001


def _spread(args: tuple[object, ...]) -> Iterator[Any]:
    """Arguments, and those that are arguments of arguments."""
    for each in args:
        if isinstance(each, tuple):
            yield from _spread(each)
        else:
            yield getattr(each, "__self__", each)


class Living(Protocol):
    """Something that may end, and then does nothing more."""

    alive: bool


class _Forever:
    """What never ends."""

    alive = True


class Station:
    """One server and a line of any length, first come, first served. With the `host` that it belongs to it stops where it is."""

    __slots__ = ("_after", "_busy", "_host", "_line")

    def __init__(self, after: After, host: Living | None = None) -> None:
        self._after = after
        self._host = host or _Forever()
        self._line: deque[tuple[float, Callable[..., object], tuple[Any, ...]]] = deque()
        self._busy = False

    def enter(self, seconds: float, served: Callable[[*Ts], object], *args: *Ts) -> None:
        """Wait in line, be served for `seconds`, then call `served`."""
        if self._busy:
            self._line.append((seconds, served, args))
        else:
            self._busy = True
            self._after(seconds, self._finish, served, args)

    def _finish(self, served: Callable[..., object], args: tuple[object, ...]) -> None:
        if not self._host.alive:
            return
        served(*args)
        if self._line:
            seconds, served, args = self._line.popleft()
            self._after(seconds, self._finish, served, args)
        else:
            self._busy = False


class GroupCommit(Generic[*Ts]):
    """A disk that synchronises one batch at a time: what is written during one synchronisation shares the next (WAL-7).

    `batch` is what is being synchronised. While the disk is held nothing further is written. Unless a batch `survives` its
    synchronisation, nothing of it is committed (None: all do). What has to be known before one begins, `prepare` finds out, and
    then calls what it is given (None: nothing has to be).
    """

    def __init__(
        self,
        after: After,
        seconds: Callable[[], float],
        commit: Callable[[*Ts], None],
        survives: Callable[[], bool] | None = None,
        prepare: Callable[[Call], None] | None = None,
    ) -> None:
        self.waiting: list[tuple[*Ts]] = []
        self.batch: list[tuple[*Ts]] = []
        self._after = after
        self._seconds = seconds
        self._commit = commit
        self._survives = survives
        self._prepare = prepare
        self._held = False

    def write(self, *item: *Ts) -> None:
        """Wait for a synchronisation, then have `commit` called; items come through in the order they were written."""
        self.waiting.append(item)
        if not self.batch and not self._held:
            self._begin()

    def hold(self) -> None:
        """Begin no further synchronisation."""
        self._held = True

    def release(self) -> None:
        """Go on."""
        self._held = False
        if self.waiting and not self.batch:
            self._begin()

    def give_up(self) -> list[tuple[*Ts]]:
        """Write nothing of the batch, which is returned, and go on with what waits."""
        batch, self.batch = self.batch, []
        if self.waiting and not self._held:
            self._begin()
        return batch

    def _begin(self) -> None:
        self.batch, self.waiting = self.waiting, []
        if self._prepare is None:
            self._after(self._seconds(), self._finish)
        else:
            self._prepare(self._synchronise)

    def _synchronise(self) -> None:
        self._after(self._seconds(), self._finish)

    def _finish(self) -> None:
        if self._survives is None or self._survives():
            for item in self.batch:
                self._commit(*item)
        self.batch = []
        if self.waiting and not self._held:
            self._begin()


class Wait(Generic[T]):
    """Something awaited, until it is `due`. The first answer counts; a second copy, or one past its time, changes nothing."""

    __slots__ = ("_then", "due")

    def __init__(self, then: Callable[[T], None], due: float = inf) -> None:
        self._then: Callable[[T], None] | None = then
        self.due = due

    @property
    def over(self) -> bool:
        """Whether there has been an answer."""
        return self._then is None

    def end(self, answer: T) -> None:
        """Give the answer, unless there has been one. What it led to need not live until the deadline."""
        then, self._then = self._then, None
        if then is not None:
            then(answer)


class Deadlines(Generic[T]):
    """Waits that all have the same limit: they run out in the order they began, so one alarm serves them all.

    A wait that runs out is given the answer `late`.
    """

    def __init__(self, simulator: Simulator, limit: float, late: T) -> None:
        self._simulator = simulator
        self._limit = limit
        self._late = late
        self._line: deque[Wait[T]] = deque()
        self._armed = False

    def begin(self, then: Callable[[T], None]) -> Wait[T]:
        """A wait that begins now."""
        wait = Wait(then, self._simulator.now + self._limit)
        self._line.append(wait)
        if not self._armed:
            self._arm()
        return wait

    def _arm(self) -> None:
        self._armed = True
        self._simulator.after(max(0.0, self._line[0].due - self._simulator.now), self._ring)

    def _ring(self) -> None:
        line, now = self._line, self._simulator.now
        self._armed = False
        while line and (line[0]._then is None or line[0].due <= now):  # noqa: SLF001 - a property would be a call for each
            line.popleft().end(self._late)
        if line and not self._armed:
            self._arm()
