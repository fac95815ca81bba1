"""A node on real parts, for tests: what it synchronised, in what order claims came, and where it stops."""

import asyncio
import errno
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from tests.support.model.world import EXAMINE, Crash, pcs, submission

from flk.impl.server.metrics import Metrics
from flk.impl.server.node import RealNode
from flk.impl.server.runtime import Runtime
from flk.impl.server.trace import Trace
from flk.impl.storage.objects import Objects
from flk.impl.storage.sqlite import SqliteStore
from flk.impl.storage.wal import FileDisk
from flk.model.effects import INBOX, Effect, Program
from flk.model.entries.entry import Claim, Entry, Key
from flk.model.flow.submission import Response, Submission
from flk.model.flow.timekeeping import Timekeeper
from flk.model.log.frames import scan
from flk.model.programs.ingest import ingest
from flk.model.programs.recover import Recovery, recover
from flk.model.refusal import Unavailable

R = TypeVar("R")
MANY = [submission(pcs(epoch=epoch)) for epoch in range(40)]


class Watched(SqliteStore):
    """A store that keeps the order in which claims came, and stops answering when told to."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.claimed: list[list[Claim]] = []
        self.down = False

    def insert_or_get(self, claims: Sequence[Claim]) -> list[Entry]:
        if self.down:
            raise Unavailable("ORD-4", "down", retry_after=1)
        self.claimed.append(list(claims))
        return super().insert_or_get(claims)

    def marked(self, name: str) -> str:
        if self.down:
            raise Unavailable("ORD-4", "down", retry_after=1)
        return super().marked(name)


class Rig:
    """A node in a directory, its runtime, and what its disk was told to synchronise."""

    def __init__(
        self,
        directory: Path,
        *,
        region: str = "eu",
        objects: Objects | None = None,
        trace: Trace | None = None,
        in_thread: bool = True,
        now: Callable[[], float] = time.time,
        timekeeper: Timekeeper | None = None,
        **options: Any,
    ) -> None:
        self.region = region
        self.synchronised = 0
        self.failing = False
        self.synchronise: Callable[[int], None] = os.fdatasync
        disk = FileDisk(directory, region, growth=4096, synchronise=self._synchronise, **options)
        self.store = Watched(directory / "entries.sqlite")
        self.node = RealNode(disk, self.store, Metrics(), now, objects=objects, timekeeper=timekeeper)
        self.runtime = Runtime(self.node, partial(recover, region, EXAMINE), in_thread=in_thread, trace=trace)

    def recover(self) -> Recovery:
        return self.runtime.perform(recover(self.region, EXAMINE))

    def serve(self, story: Callable[["Rig"], Awaitable[R]]) -> R:
        """Recover, then run batches while the story lasts."""

        async def whole() -> R:
            self.runtime.recover()
            batches = asyncio.create_task(self.runtime.serve())
            try:
                return await story(self)
            finally:
                self.runtime.stop()
                await batches

        return asyncio.run(whole())

    async def submit(self, sent: Submission) -> Response:
        return await self.runtime.start(ingest(sent, self.region, EXAMINE))

    async def background(self, program: Program[R]) -> R:
        return await self.runtime.background.run(program, lambda effect, result: None)

    async def submit_all(self, sent: Sequence[Submission]) -> list[Response]:
        return await asyncio.gather(*map(self.submit, sent))

    def logged(self) -> list[bytes]:
        names = self.node.disk.names(INBOX)
        return [frame.payload for name in names for frame in scan(self.node.disk.read(name)).frames]

    def entries(self) -> dict[Key, Entry]:
        keys = self.store.sample(1000)
        return {key: entry for key, entry in zip(keys, self.store.fetch(keys), strict=True) if entry}

    def close(self) -> None:
        self.node.close()

    def _synchronise(self, fd: int) -> None:
        if self.failing:
            raise OSError(errno.EIO, "bad disk")
        self.synchronised += 1
        self.synchronise(fd)


class Stopping:
    """Performs effects until the one to crash at; counts them."""

    def __init__(self, crash_at: int | None, *, after: bool) -> None:
        self.effects = 0
        self._crash_at = crash_at
        self._after = after

    def on(self, rig: Rig) -> Callable[[Effect[Any]], Any]:
        """What performs effects on this node."""
        return partial(self._perform, rig.node)

    def _perform(self, node: RealNode, effect: Effect[Any]) -> Any:
        index, self.effects = self.effects, self.effects + 1
        if index != self._crash_at:
            return node.perform(effect)
        if self._after:
            node.perform(effect)
        raise Crash(type(effect).__name__)


def lose(rig: Rig) -> None:
    """What a killed process leaves: files as they are, nothing flushed, the lock released."""
    rig.node.disk.close()
