"""Taking turns with log and store, of which each has one user at a time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from flk.impl.wal import LogFailed
from flk.model.admission import unavailable


class Turns:
    """Turns are had in the order in which they are asked for. `failed` is called when the log fails in one (WAL-7)."""

    def __init__(self, failed: Callable[[], None]) -> None:
        self._lock = asyncio.Lock()
        self._failed = failed
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
                self._failed()
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
