"""Taking in clients that speak TLS: a handshake counts as a connection, and has so much time and company (TLS-3).

The event loop's own TLS does the work. A handshake is in two pools: in that of the connections, since it has a descriptor, and in
one of its own, since all that are under way may want a signature in one turn of the loop. In both the greediest address gives way.
"""

import asyncio
import errno
import socket
from collections.abc import Callable
from contextlib import suppress
from math import inf
from ssl import SSLContext
from typing import NamedTuple, Protocol, cast

import structlog

from flk.impl.http.connection import Connection
from flk.impl.http.pool import UNFINISHED, Peer, Pool, peer_address

NO_DESCRIPTOR = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
WAIT_SECONDS = 1.0  # for a descriptor to become free
BUFFER_BYTES = 65536  # of answers that a client has not read, before it gets no more; and of what is not decrypted yet

log = structlog.get_logger()


class Tls(NamedTuple):
    """What connections that begin now are encrypted by, and whom to tell of each that came to nothing."""

    context: Callable[[], SSLContext]
    failed: Callable[[], None]


class Handshakes:
    """Accepts on a bound socket, and makes a connection of whoever completes a handshake."""

    def __init__(self, pool: Pool, tls: Tls) -> None:
        self._pool = pool
        self._tls = tls
        self._under_way = Pool(pool.handler, pool.limits, pool.limits.max_handshakes)
        self._tasks: set[asyncio.Task[None]] = set()
        self._bound: socket.socket

    def listen(self, bound: socket.socket, backlog: int) -> None:
        """Accept clients from now on."""
        self._bound = bound
        bound.listen(backlog)
        bound.setblocking(False)  # noqa: FBT003  (as the socket has it)
        self._begin()

    def close(self) -> None:
        """Accept no more. Handshakes under way are members of the pool, and end with it."""
        if self._bound.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._bound)
            self._bound.close()

    def _begin(self) -> None:
        if self._bound.fileno() >= 0:
            asyncio.get_running_loop().add_reader(self._bound, self._accept)

    def _accept(self) -> None:
        """Take in some of those who wait (HTTP-7). Where there is no descriptor, wait for one."""
        loop = asyncio.get_running_loop()
        try:
            for _ in range(self._pool.limits.max_entering):
                self._take_in(*self._bound.accept())
        except OSError as error:
            if error.errno in NO_DESCRIPTOR:
                log.error("connections.no_descriptor", reason=str(error))  # noqa: TRY400  (the reason is all there is)
                loop.remove_reader(self._bound)
                loop.call_later(WAIT_SECONDS, self._begin)

    def _take_in(self, accepted: socket.socket, address: object) -> None:
        handshake = Handshake(accepted, self._pool, self._under_way, peer_address(address))
        if not handshake.enter():
            self._tls.failed()
            accepted.close()
            return
        task = asyncio.get_running_loop().create_task(self._shake(accepted, handshake))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _shake(self, accepted: socket.socket, handshake: "Handshake") -> None:
        limits = self._pool.limits
        accepted.setblocking(False)  # noqa: FBT003  (as the socket has it)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: SecureConnection(self._pool, handshake),
                accepted,
                ssl=self._tls.context(),
                ssl_handshake_timeout=limits.handshake_seconds,
                ssl_shutdown_timeout=limits.linger_seconds,
            )
        except (OSError, asyncio.CancelledError) as error:  # ssl.SSLError is an OSError
            self._tls.failed()
            log.debug("tls.failed", peer=handshake.address, reason=str(error) or type(error).__name__)
            accepted.close()
        finally:
            handshake.leave()


class Handshake:
    """A client that has not completed its handshake: a member of both pools."""

    def __init__(self, accepted: socket.socket, connections: Pool, under_way: Pool, address: str) -> None:
        self.deadline = connections.now + connections.limits.handshake_seconds
        self.standing = UNFINISHED + self.deadline
        self.address = address
        self._accepted = accepted
        self._pools = (connections, under_way)
        self._peers: list[tuple[Pool, Peer]] = []

    def enter(self) -> bool:
        """Whether there is room for it, in place of another if need be."""
        for pool in self._pools:
            peer = pool.enter(self, self.address)
            if peer is None:
                self.leave()
                return False
            self._peers.append((pool, peer))
        return True

    def leave(self) -> None:
        """It has come to an end, one way or the other."""
        peers, self._peers = self._peers, []
        for pool, peer in peers:
            pool.leave(self, peer)

    def is_busy(self) -> bool:
        """No answer is due."""
        return False

    def expire(self) -> None:
        """End because the client took too long; if the loop is still at it, it sees the end of the stream."""
        self.abort()

    def finish(self) -> None:
        """End: nothing was asked."""
        self.abort()

    def give_way(self) -> None:
        """End at once, for another client."""
        self.abort()
        self.leave()

    def abort(self) -> None:
        """End at once."""
        self.deadline = self.standing = inf
        with suppress(OSError):
            self._accepted.shutdown(socket.SHUT_RDWR)


class _Within(Protocol):
    """The transport within TLS."""

    def set_write_buffer_limits(self, high: int) -> None: ...
    def set_read_buffer_limits(self, high: int) -> None: ...


class SecureConnection(Connection):
    """A connection within TLS. It ends for both sides at once: when one has closed, the other cannot write. Who closes waits a
    little for the other to agree.
    """

    def __init__(self, pool: Pool, handshake: Handshake) -> None:
        super().__init__(pool)
        self._handshake = handshake

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._handshake.leave()
        within = cast("_Within", transport)
        within.set_write_buffer_limits(BUFFER_BYTES)
        within.set_read_buffer_limits(BUFFER_BYTES)
        super().connection_made(transport)

    def eof_received(self) -> bool:
        super().eof_received()
        return False

    def _linger(self) -> None:
        self._end()

    def _end_at_once(self) -> None:
        self._pool.later(self._transport.abort)  # what is written leaves at the end of this turn
