"""Programs that only read what is stored (API-2, API-5): all that wait are served at once, in one turn between two batches.

So however many ask, a batch of submissions waits for one look into the store at most; and who asks waits for one batch. What only
a cold tier knows is asked of it outside, where nobody waits for it.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, NamedTuple

from flk.impl.server.background import Background
from flk.impl.server.daemon import in_daemon
from flk.impl.server.node import RealNode
from flk.impl.storage.rows import Damaged
from flk.impl.storage.segment_file import LogFailed
from flk.model.effects import Effect, Program, Recall
from flk.model.entries.entry import Entry, Key
from flk.model.flow.submission import Response
from flk.model.refusal import OutOfReach, Overloaded, unavailable
from flk.spec.constants import CONSTANTS

GROUP = 64  # programs served at once: one look stays short
MOST = CONSTANTS.node.max_recalls


class _Waiting(NamedTuple):
    """A program, the key at which it waits, and the functions to call when it ends."""

    program: Program[Response]
    key: Key
    done: Callable[[Response], None]
    failed: Callable[[Exception], None]


class Reading:
    """Runs programs whose only effect is `Recall`, beside the batches of a runtime."""

    def __init__(self, node: RealNode, background: Background) -> None:
        self._node = node
        self._background = background
        self._waiting: deque[_Waiting] = deque()
        self._alone: deque[_Waiting] = deque()  # to be served by themselves, since of a group one could not be
        self._tasks: set[asyncio.Task[None]] = set()
        self._serving = False
        self._open = 0

    def begin(
        self, program: Program[Response], done: Callable[[Response], None], failed: Callable[[Exception], None]
    ) -> None:
        """Begin a program; `done` is called with its result, `failed` with an exception that is no refusal.

        Raises Overloaded if as many as there may be are on their way.
        """
        if self._open >= MOST:
            raise Overloaded("API-5", f"{MOST} questions are on their way", retry_after=1)
        self._open += 1
        self._run_on(program, done, failed, program.send, None)
        self._wake()

    def _wake(self) -> None:
        if not self._serving and (self._waiting or self._alone):
            self._serving = True
            self._spawn(self._serve())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self) -> None:
        try:
            while group := self._next():
                await self._look_up(group)
        finally:
            self._serving = False

    async def _look_up(self, group: Sequence[_Waiting]) -> None:
        steps = self._node.recalled([waiting.key for waiting in group])
        try:
            begun = await self._background.exclusively(steps.begin)
        except LogFailed as failure:
            self._fail(group, unavailable(str(failure)))
        except Exception as error:  # noqa: BLE001  (it belongs to who asked)
            self._fail(group, error)
        else:
            if self._node.tiers is None:
                self._tell(group, begun)
            else:
                self._spawn(self._finish(group, partial(steps.finish, begun)))

    def _next(self) -> list[_Waiting]:
        if self._alone:
            return [self._alone.popleft()]
        return [self._waiting.popleft() for _ in range(min(len(self._waiting), GROUP))]

    async def _finish(self, group: Sequence[_Waiting], finish: Callable[[], Sequence[Entry | None]]) -> None:
        try:
            found = await in_daemon(finish)
        except Exception as error:  # noqa: BLE001  (it belongs to who asked)
            self._fail(group, error)
            self._wake()
        else:
            self._tell(group, found)

    def _tell(self, group: Sequence[_Waiting], found: Sequence[Entry | None]) -> None:
        for (program, _, done, failed), entry in zip(group, found, strict=True):
            self._run_on(program, done, failed, program.send, entry)

    def _fail(self, group: Sequence[_Waiting], error: Exception) -> None:
        """What is wrong with one key says nothing of the others: each is looked up by itself then."""
        if isinstance(error, Damaged | OutOfReach) and len(group) > 1:
            self._alone.extend(group)
            return
        for program, _, done, failed in group:
            self._run_on(program, done, failed, program.throw, error)

    def _run_on(
        self,
        program: Program[Response],
        done: Callable[[Response], None],
        failed: Callable[[Exception], None],
        step: Callable[[Any], Effect[object]],
        value: object,
    ) -> None:
        """Run a program on until it waits, or ends."""
        try:
            effect = step(value)
            assert isinstance(effect, Recall)
        except StopIteration as stop:
            self._open -= 1
            done(stop.value)
        except Exception as error:  # noqa: BLE001  (what a program raises belongs to its caller)
            self._open -= 1
            failed(error)
        else:
            self._waiting.append(_Waiting(program, effect.key, done, failed))
