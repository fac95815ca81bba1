"""Running the model's programs in simulated time.

When an effect is performed is the business of its scheduler; an effect without one takes no time. What it does is the business of
the memory runtime, but for the few effects that a host handles itself.
"""

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVarTuple

from flk.model.effects import Effect, Program
from flk.model.log.frames import CorruptSegment
from flk.model.memory.memory import MemoryNode
from flk.model.refusal import Refused
from flk.sim.kernel.budget import STEPS_AT_ONCE, NoProgress
from flk.sim.kernel.engine import Simulator
from flk.sim.kernel.trace import Trace

Ts = TypeVarTuple("Ts")


_AT_ONCE = range(STEPS_AT_ONCE)


class Activity:
    """A program that a host is running, and what to do with its result or with the exception that ended it.

    `number` counts the host's activities: a message that came twice begins two of one name.
    """

    __slots__ = ("ended", "name", "number", "program", "step")

    def __init__(self, name: str, program: Program[object], ended: Callable[[Any], None] | None = None) -> None:
        self.name = name
        self.program = program
        self.ended = ended or nobody
        self.step = 0
        self.number = 0


def nobody(result: object) -> None:
    """Waits for the result of an activity that is over, or that nobody waits for."""
    del result


Scheduler: TypeAlias = Callable[[Any, Any], None]
"""Has an activity's effect performed in its time."""
Handler: TypeAlias = Callable[[Any, Any], object]
"""Performs an activity's effect: its result, or a refusal that it raises."""


class Host:
    """Something that runs programs, until it crashes: then they stop where they are, and nothing it awaits reaches them."""

    def __init__(self, name: str, simulator: Simulator, trace: Trace, memory: MemoryNode) -> None:
        self.name = name
        self.alive = True
        self.begun = 0
        self.memory = memory
        self.simulator = simulator
        self.trace = trace
        self.schedulers: dict[type[Effect[object]], Scheduler] = {}
        self.handlers: dict[type[Effect[object]], Handler] = {}

    def after(self, delay: float, call: Callable[[*Ts], object], *args: *Ts) -> None:
        """Call `call` in `delay` seconds, if the host still lives then."""
        self.simulator.after(delay, self.if_alive, call, args)

    def if_alive(self, call: Callable[..., object], args: tuple[object, ...]) -> None:
        """Call `call`, unless the host has crashed."""
        if self.alive:
            call(*args)

    def every(self, interval: float, first: float, action: Callable[[int], None]) -> None:
        """Call `action` with 0, 1, 2 …: in `first` seconds and then once in every `interval`, as long as the host lives."""
        self.after(first, self._tick, interval, action, 0)

    def _tick(self, interval: float, action: Callable[[int], None], number: int) -> None:
        action(number)
        self.after(interval, self._tick, interval, action, number + 1)

    def start(self, activity: Activity) -> None:
        """Run a program up to its first effect that takes time."""
        self.begun += 1
        activity.number = self.begun
        self.resume(activity, None)

    def resume(self, activity: Activity, result: object) -> None:
        """Hand a program its effect's result, or throw the refusal into it, and run it up to the next effect that takes time."""
        program, schedulers = activity.program, self.schedulers
        for _ in _AT_ONCE:
            if not self.alive:
                return
            try:
                effect = program.throw(result) if isinstance(result, Refused) else program.send(result)
            except StopIteration as stop:
                self._end(activity, stop.value)
                return
            except (Refused, CorruptSegment) as failure:
                self._end(activity, failure)
                return
            activity.step += 1
            scheduler = schedulers.get(type(effect))
            if scheduler is not None:
                scheduler(activity, effect)
                return
            result = self.perform(activity, effect)
        raise NoProgress(
            f"{activity.name} of {self.name} had {STEPS_AT_ONCE:,} effects performed at {self.simulator.now:g} s, without an end"
        )

    def _end(self, activity: Activity, result: object) -> None:
        """Hand over a program's result, and let go of who waited for it: whoever did may well hold the activity in turn."""
        if self.trace.observed:
            self.trace.ended(self.name, activity.name, activity.number, result)
        ended, activity.ended = activity.ended, nobody
        ended(result)

    def complete(self, activity: Activity, effect: Effect[object]) -> None:
        """Perform an effect whose time has come, and go on with the program, if the host still lives."""
        if self.alive:
            self.resume(activity, self.perform(activity, effect))

    def perform(self, activity: Activity, effect: Effect[object], *, awaited: bool = True) -> object:
        """The effect's result, or the refusal it meets; either is traced. A program that does not wait for it any more, or had an
        answer already, is not observed to get one.
        """
        kind = type(effect)
        handler = self.handlers.get(kind)
        try:
            result = self.memory.performers[kind](effect) if handler is None else handler(activity, effect)
        except Refused as refusal:
            result = refusal
        self.trace.effect(
            self.simulator.now, self.name, activity.name, effect, result, activity.number, observed_too=awaited
        )
        return result
