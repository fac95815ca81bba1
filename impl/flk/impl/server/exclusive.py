"""Taking turns with log and store, of which each has one user at a time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from flk.impl.storage.wal import LogFailed
from flk.model.refusal import unavailable


class Turns:
    """Turns are had in the order in which they are asked for. The one in which the log fails is the last (WAL-7)."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._failure: LogFailed | None = None
        self._over = False

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """A turn. Raises LogFailed if the log failed in an earlier one, Unavailable after `end`."""
        async with self._lock:
            self.require()
            try:
                yield
            except LogFailed as failure:
                self._failure = failure
                raise

    def require(self) -> None:
        """Return if turns are still to be had. Raises as `alone` does."""
        if self._failure is not None:
            raise self._failure
        if self._over:
            raise unavailable("the node has stopped")

    def end(self) -> None:
        """There are no more turns."""
        self._over = True
