"""The exclusive section around log and store: whoever is in it is their only user."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from flk.impl.storage.segment_file import LogFailed
from flk.model.refusal import unavailable


class ExclusiveSection:
    """Callers enter one at a time, in the order in which they ask. Once the log has failed inside, nobody enters (WAL-7)."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._failure: LogFailed | None = None
        self._closed = False

    @asynccontextmanager
    async def entered(self) -> AsyncIterator[None]:
        """Be inside. Raises LogFailed if the log has failed before, Unavailable after `close`."""
        async with self._lock:
            self.require_open()
            try:
                yield
            except LogFailed as failure:
                self._failure = failure
                raise

    def require_open(self) -> None:
        """Return if the section can still be entered. Raises as `entered` does."""
        if self._failure is not None:
            raise self._failure
        if self._closed:
            raise unavailable("the node has stopped")

    def close(self) -> None:
        """Let nobody enter from now on."""
        self._closed = True
