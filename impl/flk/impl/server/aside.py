"""Running programs beside the batches of the runtime: `ship` and `replay`.

What such a program computes, and what it asks of the object store, is done in threads, at the same time as all else; its effects on
log and store take turns with the batches. So neither a store that is slow nor a segment that takes long to verify keeps a request
waiting.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from flk.impl.server.exclusive import Turns
from flk.impl.server.trace import Run, Runs, Untraced
from flk.model.effects import Effect, GetObject, ListObjects, Merge, Program, PutObject
from flk.model.refusal import Refused
from flk.model.runtime import Perform

R = TypeVar("R")

MERGE_CLAIMS = 1000  # that are merged before a batch has its turn: some milliseconds

_ON_OBJECTS = (PutObject, GetObject, ListObjects)


class Aside:
    """Runs programs, any number at a time. Effects in a turn are performed in `log_thread`."""

    def __init__(
        self, perform: Perform, turns: Turns, log_thread: ThreadPoolExecutor, runs: Runs, trace: Untraced
    ) -> None:
        self._perform = perform
        self._turns = turns
        self._log_thread = log_thread
        self._runs = runs
        self._trace = trace
        self._threads = ThreadPoolExecutor(thread_name_prefix="aside")

    async def run(self, program: Program[R], seen: Callable[[Effect[Any], Any], None]) -> R:
        """The program's result. `seen` is called with each effect that took place, and its result.

        Raises what the program raises; LogFailed, which also ends the runtime; Unavailable once that has ended. A program that
        is cancelled stops between two effects, as in a crash.
        """
        run = self._runs.begin(program)
        try:
            result: R = await self._drive(program, run, seen)
        except Exception as error:
            self._trace.end(run, error)
            raise
        self._trace.end(run, result)
        return result

    def close(self) -> None:
        """Begin no more work in threads. What a thread is at, it brings to its end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _drive(self, program: Program[R], run: Run, seen: Callable[[Effect[Any], Any], None]) -> R:
        perform = self._trace.around(self._perform, run)
        step: Callable[[Any], Effect[Any]] = program.send
        value: object = None
        while True:
            effect = await self._beside(partial(_advanced, step, value))
            if isinstance(effect, StopIteration):
                result: R = effect.value
                return result
            try:
                value = await self._performed(effect, perform)
            except Refused as refusal:
                step, value = program.throw, refusal
            else:
                step = program.send
                seen(effect, value)

    async def _performed(self, effect: Effect[Any], perform: Perform) -> Any:
        if isinstance(effect, _ON_OBJECTS):
            return await self._beside(partial(perform, effect))
        if not isinstance(effect, Merge):
            return await self._in_turn(partial(perform, effect))
        parts = [effect.claims[at : at + MERGE_CLAIMS] for at in range(0, len(effect.claims), MERGE_CLAIMS)]
        return sum([await self._in_turn(partial(perform, Merge(part))) for part in parts or [()]])

    async def _beside(self, work: Callable[[], R]) -> R:
        self._turns.require()
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def _in_turn(self, work: Callable[[], R]) -> R:
        """Work on log or store. It is not left half done: it goes on if who waits for it is cancelled."""

        async def turn() -> R:
            async with self._turns.alone():
                return await asyncio.get_running_loop().run_in_executor(self._log_thread, work)

        return await asyncio.shield(turn())


def _advanced(step: Callable[[Any], Effect[Any]], value: object) -> Effect[Any] | StopIteration:
    """A program's next effect, or its end: which a future cannot carry as an exception."""
    try:
        return step(value)
    except StopIteration as stop:
        return stop
