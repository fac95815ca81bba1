"""Work whose pace changes while it is under way: of a disk that hangs or slows down, of a wire that is narrowed."""

from collections.abc import Callable
from typing import TypeVarTuple

from flk.sim.kernel.engine import Simulator

Ts = TypeVarTuple("Ts")


class Work:
    """Work under way: how much is left of it, as of `since`. `version` counts how often its end was worked out anew."""

    __slots__ = ("args", "done", "left", "since", "version")

    def __init__(self, amount: float, done: Callable[..., object], args: tuple[object, ...]) -> None:
        self.left = amount
        self.done = done
        self.args = args
        self.since = 0.0
        self.version = 0


class Pace:
    """Does any works at the same time, each at `rate` units a second. At rate 0 nothing is done; what was done stays done."""

    def __init__(self, simulator: Simulator, rate: float = 1.0) -> None:
        self.rate = rate
        self._simulator = simulator
        self._under_way: dict[Work, None] = {}  # ordered, as a set is not

    @property
    def busy(self) -> bool:
        """Whether anything is under way."""
        return bool(self._under_way)

    def after(self, amount: float, done: Callable[[*Ts], object], *args: *Ts) -> None:
        """Call `done` when so many units of work are done."""
        work = Work(amount, done, args)
        self._under_way[work] = None
        self._go_on(work)

    def change(self, rate: float) -> None:
        """Go on at another rate."""
        if rate == self.rate:
            return
        for work in self._under_way:
            elapsed = self._simulator.now - work.since
            if elapsed:  # at an infinite rate none has
                work.left = max(0.0, work.left - elapsed * self.rate)
        self.rate = rate
        for work in self._under_way:
            self._go_on(work)

    def _go_on(self, work: Work) -> None:
        work.since = self._simulator.now
        work.version += 1
        if self.rate:
            self._simulator.after(work.left / self.rate, self._finish, work, work.version)

    def _finish(self, work: Work, version: int) -> None:
        if version == work.version:  # or else its end has moved since
            del self._under_way[work]
            work.done(*work.args)
