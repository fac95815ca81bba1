"""Running programs in the background, beside the batches of the runtime: `ship` and `replay`.

Their computation and their requests to the object store run in threads, at the same time as everything else. Their effects on log
and store run in the exclusive section, between two batches. So neither a slow store nor a long verification delays a request.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from flk.impl.server.daemon import in_daemon
from flk.impl.server.exclusive import ExclusiveSection
from flk.impl.server.trace import Run, Runs, Untraced
from flk.impl.storage.tiers import Apart
from flk.model.effects import (
    DeleteObject,
    Effect,
    FindLeaves,
    GetBeginning,
    GetObject,
    Integrated,
    ListObjects,
    Merge,
    Program,
    PutObject,
    ReplaceObject,
    TakeIn,
)
from flk.model.refusal import Refused, unavailable
from flk.model.runtime import Perform

R = TypeVar("R")

MERGE_CLAIMS = 1000  # merged at once, in some milliseconds; then a waiting batch runs

_APART = (PutObject, ReplaceObject, GetObject, GetBeginning, ListObjects, DeleteObject, Integrated, FindLeaves, TakeIn)
"""Effects that need neither log nor store."""


class Background:
    """Runs programs, any number at a time. Effects in the exclusive section are performed in `log_thread`.

    `stores_begun` tells how often the store was begun anew; a program that is running then ends, as in a crash. `apart` parts an
    effect that may take long into what needs the store and what does not.
    """

    def __init__(
        self,
        perform: Perform,
        section: ExclusiveSection,
        log_thread: ThreadPoolExecutor,
        runs: Runs,
        trace: Untraced,
        stores_begun: Callable[[], int] = lambda: 0,
        apart: Callable[[Effect[object]], Apart | None] = lambda _: None,
    ) -> None:
        self._perform = perform
        self._apart = apart
        self._stores_begun = stores_begun
        self._section = section
        self._log_thread = log_thread
        self._runs = runs
        self._trace = trace

    async def run(self, program: Program[R], seen: Callable[[Effect[object], Any], None], pause: float = 0.0) -> R:
        """The program's result. `seen` is called with each effect that took place, and its result. After each it pauses for so many
        seconds, while others have their turn.

        Raises what the program raises; LogFailed, which also ends the runtime; Unavailable once that has ended. A program that
        is cancelled stops between two effects, as in a crash.
        """
        run = self._runs.begin(program)
        try:
            result: R = await self._drive(program, run, self._of_one_store(self._perform), seen, pause)
        except Exception as error:
            self._trace.end(run, error)
            raise
        self._trace.end(run, result)
        return result

    def _of_one_store(self, perform: Perform) -> Perform:
        """Perform effects until the store is begun anew: a watermark would then speak of entries that the new one does not have."""
        began = self._stores_begun()

        def guarded(effect: Effect[object]) -> Any:
            if self._stores_begun() != began:
                raise unavailable("the store was begun anew")
            return perform(effect)

        return guarded

    async def _drive(
        self,
        program: Program[R],
        run: Run,
        perform: Perform,
        seen: Callable[[Effect[object], Any], None],
        pause: float,
    ) -> R:
        perform = self._trace.around(perform, run)
        step: Callable[[Any], Effect[object]] = program.send
        value: object = None
        while True:
            effect = await self._in_thread(partial(_advanced, step, value))
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
            if pause:
                await asyncio.sleep(pause)

    async def _performed(self, effect: Effect[object], perform: Perform) -> Any:
        if isinstance(effect, _APART):
            return await self._in_thread(partial(perform, effect))
        if (apart := self._apart(effect)) is not None:
            begun = await self.exclusively(apart.begin)
            return await self._in_thread(partial(apart.finish, begun))
        if not isinstance(effect, Merge):
            return await self.exclusively(partial(perform, effect))
        parts = [effect.claims[at : at + MERGE_CLAIMS] for at in range(0, len(effect.claims), MERGE_CLAIMS)]
        return sum([await self.exclusively(partial(perform, Merge(part))) for part in parts or [()]])

    async def _in_thread(self, work: Callable[[], R]) -> R:
        self._section.require_open()
        return await in_daemon(work)

    async def exclusively(self, work: Callable[[], R]) -> R:
        """Work on log or store, inside the section. It runs to its end even if its caller is cancelled."""

        async def enter() -> R:
            async with self._section.entered():
                return await asyncio.get_running_loop().run_in_executor(self._log_thread, work)

        return await asyncio.shield(enter())


def _advanced(step: Callable[[Any], Effect[object]], value: object) -> Effect[object] | StopIteration:
    """A program's next effect, or its end, which a future cannot carry as an exception."""
    try:
        return step(value)
    except StopIteration as stop:
        return stop
