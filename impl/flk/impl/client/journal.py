"""An outbox for an event loop: programs that append at the same time are made durable by one synchronisation, in a thread."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from flk.impl.agent.outbox import Outbox
from flk.model.log.hlc import Timestamp

R = TypeVar("R")


class Journal:
    """The outbox in a directory, for one event loop, until it is closed.

    Its disk is used in a thread of its own, so that a slow one stops nobody.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "outbox")
        self._appending: list[tuple[bytes, asyncio.Future[Timestamp]]] = []
        self._writing: asyncio.Task[None] | None = None
        self.outbox: Outbox

    async def open(self, directory: Path) -> None:
        """Open the outbox, as `Outbox` does. Raises UnusableInput."""
        try:
            self.outbox = await self._apart(lambda: Outbox(directory))
        except BaseException:
            self._thread.shutdown(wait=False)
            raise

    async def append(self, payload: bytes) -> Timestamp:
        """Make a payload durable at the end of the log. Raises as the effect `Append` does."""
        appended: asyncio.Future[Timestamp] = asyncio.get_running_loop().create_future()
        self._appending.append((payload, appended))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        return await appended

    async def damage(self) -> list[str]:
        """What of the outbox is lost, a sentence each (OUT-7)."""
        return await self._apart(self.outbox.damage)

    async def close(self) -> None:
        """Seal the log, behind all that is being appended, and let go of the directory."""
        if self._writing is not None:
            await self._writing
        try:
            await self._apart(self.outbox.close)
        finally:
            self._thread.shutdown()

    async def _write(self) -> None:
        """Append what came while the disk was busy, until nothing did."""
        while self._appending:
            group, self._appending = self._appending, []
            try:
                timestamps = await self._apart(partial(self.outbox.append, [payload for payload, _ in group]))
            except Exception as failure:  # noqa: BLE001  # each who waits for it is told
                for _, appended in group:
                    if not appended.done():
                        appended.set_exception(failure)
                continue
            for (_, appended), timestamp in zip(group, timestamps, strict=True):
                if not appended.done():  # whoever waited may have been cancelled
                    appended.set_result(timestamp)
        self._writing = None

    async def _apart(self, work: Callable[[], R]) -> R:
        """Do it in the outbox's thread, to its end whoever is cancelled."""
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, work))
