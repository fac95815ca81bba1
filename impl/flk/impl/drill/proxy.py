"""What lies between two places: TCP proxies on loopback whose ways can be cut, slowed and made lossy, each direction by itself.

What a cut holds back goes on when the cut ends, as TCP sends again what was not received; nobody is told that a connection is
cut, and one that is opened meanwhile is opened to the proxy alone. A message that is lost is lost with its connection: from then on
nothing passes that way on it, until whoever waits gives up. A message is what one side wrote at once, at most 64 KiB of it.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from random import Random
from threading import Thread
from typing import Any, NamedTuple

CHUNK = 1 << 16
PATIENCE = 10.0  # seconds that the thread of the proxies may take to answer or to end


class Way(NamedTuple):
    """One direction: whether it is cut, and what a message meets on it: `delay` seconds, on top an exponential time of mean
    `jitter` seconds, and a share that is lost.
    """

    cut: bool = False
    delay: float = 0.0
    jitter: float = 0.0
    loss: float = 0.0


class Proxy:
    """One proxy. `port` is where it listens; connections go on to `target`, a port of loopback, or end if nobody is there."""

    def __init__(self, target: Callable[[], int], random: Random) -> None:
        self.port = 0
        self._target = target
        self._random = random
        self._ways = [Way(), Way()]
        self._refuses = False
        self._changed = asyncio.Event()
        self._connections: set[asyncio.Task[None]] = set()

    async def listen(self) -> asyncio.Server:
        """Listen on a free port of loopback."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    def set(self, there: Way, back: Way, *, refuse: bool = False) -> None:
        """How both directions are from now on; with `refuse` every connection is broken off. Runs in the thread of the proxies."""
        self._ways = [there, back]
        self._refuses = refuse
        if refuse:
            self.end()
        self._changed.set()
        self._changed = asyncio.Event()

    @property
    def busy(self) -> bool:
        """Whether any connection is open."""
        return bool(self._connections)

    def end(self) -> None:
        """Break off every connection."""
        for task in self._connections:
            task.cancel()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        ends = [writer]
        try:
            if self._refuses:
                return
            there = await self._first(reader)  # nobody beyond the proxy hears of a connection before a message passes
            if not there:
                return
            farther, onwards = await asyncio.open_connection("127.0.0.1", self._target())
            ends.append(onwards)
            onwards.write(there)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(0, reader, onwards))
                both.create_task(self._pump(1, farther, writer))
        except* (OSError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(task)
            for end in ends:
                end.transport.abort()

    async def _first(self, reader: asyncio.StreamReader) -> bytes:
        chunk = await reader.read(CHUNK)
        if chunk:
            await self._pass(0)
        return b"" if reader.at_eof() else chunk  # who waited has gone

    async def _pump(self, way: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass messages on until one side ends; then the other is told, and what it still says passes, too."""
        while chunk := await reader.read(CHUNK):
            await self._pass(way)
            writer.write(chunk)
            await writer.drain()
        await self._open(way)  # the end of a connection is a message as well
        with suppress(OSError):
            writer.write_eof()

    async def _pass(self, way: int) -> None:
        """Return when a message has come over. Never, if it is lost."""
        met = self._ways[way]
        if met.loss and self._random.random() < met.loss:
            await asyncio.Event().wait()
        if seconds := met.delay + (self._random.expovariate(1 / met.jitter) if met.jitter else 0.0):
            await asyncio.sleep(seconds)
        await self._open(way)

    async def _open(self, way: int) -> None:
        while self._ways[way].cut:
            await self._changed.wait()


class Proxies:
    """A thread with proxies, one for each pair of places between which messages pass; closing it ends them all."""

    def __init__(self, targets: Mapping[tuple[str, str], Callable[[], int]], random: Random) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="proxies", daemon=True)
        self._thread.start()
        self._proxies = {pair: Proxy(target, random) for pair, target in targets.items()}
        self._servers = [self._call(proxy.listen()) for proxy in self._proxies.values()]

    def port(self, pair: tuple[str, str]) -> int:
        """Where the first of two places finds the second."""
        return self._proxies[pair].port

    def set(self, pair: tuple[str, str], there: Way, back: Way, *, refuse: bool = False) -> None:
        """How the two ways between a pair of places are from now on; messages under way come over as they would have. With
        `refuse`, every connection is broken off instead.
        """

        async def change() -> None:
            self._proxies[pair].set(there, back, refuse=refuse)

        self._call(change())

    def close(self) -> None:
        """Break off every connection, and end the thread."""

        async def end() -> None:
            for server in self._servers:
                server.close()
            for proxy in self._proxies.values():
                proxy.end()
            while any(proxy.busy for proxy in self._proxies.values()):
                await asyncio.sleep(0.005)
            await asyncio.sleep(0.01)  # in which the loop lets go of what they closed

        self._call(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    def _call(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE)
