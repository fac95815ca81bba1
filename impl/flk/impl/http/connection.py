"""One connection: requests wait their turn, answers leave in order, and it ends when either side is done (HTTP-5, HTTP-7, HTTP-8).

A request is handed to the handler as soon as it is whole, and answered whenever the handler says so, one request of a connection at
a time. No task and no future stands between socket and handler: on the submit path those cost more than the rest of HTTP.
"""

import asyncio
from collections import deque
from http import HTTPStatus
from math import inf
from typing import cast

import msgspec
import structlog

from flk.impl.http.messages import Answer, Request, encode
from flk.impl.http.pool import IDLE, READ_BYTES, UNFINISHED, Peer, Pool, peer_address
from flk.impl.http.reader import BETWEEN, RETRY_SECONDS, Reader

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

log = structlog.get_logger()


class Connection(asyncio.BufferedProtocol):
    """A client's connection, a member of the pool."""

    def __init__(self, pool: Pool) -> None:
        self.deadline = self.standing = inf
        self._pool = pool
        self._limits = pool.limits
        self._handler = pool.handler
        self._transport: asyncio.Transport
        self._peer: Peer
        self._reader: Reader
        self._queue: deque[Request | Answer] = deque()
        self._handling: Request | None = None
        self._in_loop = False  # parsing what has come, or handling what waits
        self._next_turn = False  # to be handled on in the next turn of the event loop
        self._paused = False  # not reading
        self._waiting = False  # to read on in a later turn
        self._blocked = False  # the client does not read its answers
        self._unread = 0  # bytes of them that count as held
        self._half_closed = False  # the client has said all
        self._lingering = False  # the last answer is out
        self._continue_owed = False

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        address = peer_address(transport.get_extra_info("peername"))
        peer = self._pool.enter(self, address)
        self._peer = peer or Peer(address)
        self._reader = Reader(self._pool, self._peer, self)
        if peer is None:
            self._say_last(HTTPStatus.SERVICE_UNAVAILABLE, "HTTP-5", "no connection is free", RETRY_SECONDS)
            return
        self._stand()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._reader.end()
        asked = sum(item.held for item in self._queue if isinstance(item, Request))
        self._pool.release(self._peer, asked + self._unread)
        self._queue.clear()
        self._pool.leave(self, self._peer)

    def get_buffer(self, sizehint: int) -> memoryview:
        del sizehint
        return self._pool.buffer

    def buffer_updated(self, nbytes: int) -> None:
        reader = self._reader
        self._in_loop = True
        reader.feed(self._pool.buffer[:nbytes])
        self._in_loop = False
        if self._queue:
            self._handle_queued(more=nbytes == READ_BYTES)
        elif reader.part is not BETWEEN and not reader.deaf:
            self._stand()
        if self._pool.read(self._peer, nbytes) and not self._waiting and not self._transport.is_closing():
            self._waiting = True
            self._pause()
            self._peer.waiting.append(self._read_on)

    def eof_received(self) -> bool:
        """The client has said all; whether it still gets an answer (RFC 9112, section 9.6)."""
        self._half_closed = True
        if self._reader.part is not BETWEEN and not self._reader.deaf:
            detail = "the connection ends before the request does"
            self.end_with(self._handler.refuse(HTTPStatus.BAD_REQUEST, "HTTP-8", detail))
        self._reader.deaf = True
        return self.is_busy() and not self._transport.is_closing()

    def pause_writing(self) -> None:
        self._blocked = True
        unread = self._transport.get_write_buffer_size()
        if not self._pool.hold(self._peer, unread):
            self._transport.abort()
            return
        self._unread = unread
        self._pause()
        self._stand()

    def resume_writing(self) -> None:
        self._blocked = False
        self._pool.release(self._peer, self._unread)
        self._unread = 0
        self._stand()
        self._handle_queued()
        self._listen()

    # What the listener and the pool call.

    def is_busy(self) -> bool:
        """Whether an answer is due."""
        return self._handling is not None or bool(self._queue)

    def give_way(self) -> None:
        """End at once, so that the descriptor is free; the client of an unfinished request is told, if that takes no time."""
        if self._reader.part is BETWEEN or self._reader.deaf:
            self.abort()
        else:
            self._say_last(HTTPStatus.REQUEST_TIMEOUT, "HTTP-5", "the connection was needed for another client")

    def expire(self) -> None:
        """End because the client took too long: with 408 in the middle of a request, else without a word (HTTP-8)."""
        if self._reader.part is BETWEEN or self._reader.deaf or self._blocked:
            self._hang_up()
        else:
            detail = "the request was not whole in time"
            self.end_with(self._handler.refuse(HTTPStatus.REQUEST_TIMEOUT, "HTTP-8", detail))

    def finish(self) -> None:
        """Hear no more, and close once what was asked is answered."""
        self._reader.deaf = True
        if not self.is_busy():
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    # What the reader calls.

    def expect(self) -> None:
        self._continue_owed = True
        self._let_continue()

    def ask(self, item: Request | Answer) -> None:
        self._continue_owed = False
        self._queue.append(item)

    def end_with(self, answer: Answer) -> None:
        """Say no more than this, after what was asked before."""
        if not self._reader.deaf:
            self._reader.close()
            self._queue.append(msgspec.structs.replace(answer, close=True))
            self._handle_queued()

    def fail(self, error: Exception) -> None:
        """Answer for a handler that raised this (OBS-4)."""
        self.end_with(self._failed(error))

    # Answers.

    def _handle_queued(self, *, more: bool = False) -> None:
        """Handle what waits, some in this turn of the event loop and the rest in the next; a later answer comes back here.

        With `more` another read follows in this turn, and what it brings waits for the next if anything was handled.
        """
        if self._in_loop or self._next_turn:
            return
        self._in_loop = True
        most = left = self._limits.answers_per_turn
        while left and self._queue and self._handling is None and not self._blocked:
            left -= 1
            self._handle(self._queue.popleft())
        self._in_loop = False
        if not left or (more and left < most):
            self._next_turn = True
            self._pool.later(self._take_turn)
        if len(self._queue) >= self._limits.max_pipelined:
            self._pause()

    def _take_turn(self) -> None:
        self._next_turn = False
        self._handle_queued()
        self._listen()

    def _handle(self, item: Request | Answer) -> None:
        self.deadline = self.standing = inf
        if isinstance(item, Answer):
            self._handling = Request()
            self._respond(item)
            return
        self._handling = item
        try:
            self._handler.handle(item, self._respond)
        except Exception as error:  # noqa: BLE001  (whatever it is, the client gets an answer and the server goes on)
            answer = self._failed(error)
            if self._handling is item:
                self._respond(answer)

    def _respond(self, answer: Answer) -> None:
        request, self._handling = self._handling, None
        if request is None:
            return
        if request.held:
            self._pool.release(self._peer, request.held)
        if self._transport.is_closing():
            return
        last = request.close or self._pool.stopping or (self._half_closed and not self._queue)
        close, bare = answer.close or last, answer.bare or request.method == b"HEAD"
        self._transport.write(encode(answer, self._pool.common, close=close, bare=bare))
        if answer.close and not self._half_closed:
            self._linger()
        elif answer.close or last:
            self._end()
        else:
            self._stand()
            if self._continue_owed:
                self._let_continue()
            if self._queue:
                self._handle_queued()
            if self._paused:
                self._listen()

    def _failed(self, error: Exception) -> Answer:
        log.error("request.failed", exc_info=error)
        return self._handler.refuse(HTTPStatus.INTERNAL_SERVER_ERROR, "OBS-4", "the server failed to answer this")

    def _let_continue(self) -> None:
        """Ask for a body, once all that was asked before is answered: interim answers keep the order, too."""
        if not self.is_busy():
            self._continue_owed = False
            if self._reader.is_waiting_for_body():
                self._transport.write(_CONTINUE)

    def _stand(self) -> None:
        """Reckon by when it ends unless something comes, and what it would lose by giving way before."""
        now = self._pool.now
        if self._lingering:
            self.deadline = self.standing = now + self._limits.linger_seconds
        elif self._handling is not None or (self._queue and not self._blocked):
            self.deadline = self.standing = inf
        elif self._blocked:
            self.deadline = self.standing = now + self._limits.idle_seconds
        elif self._reader.part is BETWEEN:
            self.deadline = now + self._limits.idle_seconds
            self.standing = IDLE + self.deadline
        else:
            self.deadline = self._reader.due
            self.standing = UNFINISHED + self.deadline

    def _pause(self) -> None:
        self._paused = True
        self._transport.pause_reading()

    def _listen(self) -> None:
        """Read on, unless the client does not read, or has asked enough, or its turn is still to come."""
        has_to_wait = self._blocked or self._waiting or len(self._queue) >= self._limits.max_pipelined
        if not has_to_wait and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()

    def _read_on(self) -> None:
        self._waiting = False
        self._listen()

    def _linger(self) -> None:
        """Let the client close, or have time to read: a reset for what it still sends would take the answer from it."""
        self._lingering = True
        self._transport.write_eof()
        self._transport.resume_reading()
        self._stand()

    def _end(self) -> None:
        """Close once the client has what was written, which it gets some time for."""
        self._lingering = True
        self._transport.close()
        self._stand()

    def _say_last(self, status: HTTPStatus, requirement: str, detail: str, retry_after: int | None = None) -> None:
        """Say this and close at once, if that takes no time."""
        self._reader.close()
        if not self._transport.get_write_buffer_size():
            answer = self._handler.refuse(status, requirement, detail, retry_after)
            self._transport.write(encode(answer, self._pool.common, close=True, bare=False))
            self._end_at_once()
        else:
            self._transport.abort()

    def _end_at_once(self) -> None:
        """Close when what was written is out."""
        self._transport.close()

    def _hang_up(self) -> None:
        """Close; what a client does not read is dropped."""
        if self._transport.get_write_buffer_size() or self._transport.is_closing():
            self._transport.abort()
        else:
            self._end()
