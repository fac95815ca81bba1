"""Accepting connections, and the clock by which they end."""

import asyncio
import socket
from functools import partial
from time import monotonic

from flk.impl.http.connection import Connection
from flk.impl.http.handshakes import Handshakes, Tls
from flk.impl.http.messages import Handler
from flk.impl.http.pool import Pool
from flk.spec.constants import CONSTANTS, Http

SWEEP_SECONDS = 1.0
BACKLOG = 4096


class Listener:
    """The connections of a server. `connections` is the most there may be, `limits.max_connections` unless told; `fields` has every
    answer. With `tls` they are within TLS (TLS-1).
    """

    def __init__(
        self,
        handler: Handler,
        limits: Http = CONSTANTS.http,
        connections: int | None = None,
        fields: bytes = b"",
        tls: Tls | None = None,
    ) -> None:
        self.pool = Pool(handler, limits, connections or limits.max_connections, fields)
        self._handshakes = None if tls is None else Handshakes(self.pool, tls)
        self._server: asyncio.Server | None = None
        self._entering: set[asyncio.Task[None]] = set()
        self._ticker: asyncio.Task[None] | None = None

    async def listen(self, bound: socket.socket) -> None:
        """Accept connections on a bound socket from now on."""
        loop = asyncio.get_running_loop()
        if self._handshakes is not None:
            self._handshakes.listen(bound, BACKLOG)
        else:
            self._server = await loop.create_server(partial(self._entered, bound), sock=bound, backlog=BACKLOG)
        self._ticker = loop.create_task(self._tick())

    async def close(self) -> None:
        """Accept no more, answer what is in flight, and end every connection."""
        self.pool.stopping = True
        if self._handshakes is not None:
            self._handshakes.close()
        if self._server is not None:
            self._server.close()
        until = monotonic() + self.pool.limits.stop_seconds
        for connection in tuple(self.pool.members):
            connection.finish()
        while any(connection.is_busy() for connection in self.pool.members) and monotonic() < until:
            await asyncio.sleep(0.01)
        for connection in tuple(self.pool.members):
            connection.abort()
        if self._ticker is not None:
            self._ticker.cancel()

    def sweep(self, now: float) -> None:
        """Set the clock, and end every connection whose time is up."""
        self.pool.set_clock(now)
        for connection in tuple(self.pool.members):
            if connection.deadline < now:
                connection.expire()

    def _entered(self, bound: socket.socket) -> Connection:
        """The connection of a client whom the loop has accepted, after some of those who wait behind it (HTTP-7).

        The loop accepts one a turn. Who came behind 2,000 others waited for 2,000 turns, and these made each as long as they could.
        """
        loop = asyncio.get_running_loop()
        while len(self._entering) < self.pool.limits.max_entering:
            try:
                behind, _address = bound.accept()
            except OSError:  # nobody waits; or there is no descriptor for another, which the loop will tell
                break
            entering = loop.create_task(self._enter(behind))
            self._entering.add(entering)
            entering.add_done_callback(self._entering.discard)
        return Connection(self.pool)

    async def _enter(self, accepted: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(partial(Connection, self.pool), accepted)
        except OSError:  # the client has gone
            accepted.close()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self.sweep(monotonic())
