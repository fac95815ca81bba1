"""A connection without a socket: its far end, and a handler that answers with what it was asked."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus

from flk.impl.http.connection import Connection
from flk.impl.http.listener import Listener
from flk.impl.http.messages import Answer, Request
from flk.impl.http.pool import READ_BYTES
from flk.spec.constants import CONSTANTS, Http

LIMIT = 100_000
HTTP = CONSTANTS.http
Respond = Callable[[Answer], None]


class Echo:
    """Answers with what it was asked, at once or when told to; takes bodies of up to LIMIT bytes."""

    def __init__(self, *, at_once: bool = True) -> None:
        self.at_once = at_once
        self.waiting: list[tuple[Request, Respond]] = []
        self.checked: list[int] = []
        self.turns: list[Callable[[], None]] = []  # what the server is to do in the next turn of its loop

    def check(self, request: Request, size: int) -> Answer | None:
        assert request.peer.startswith(("192.0.2.", "127.0.0."))
        self.checked.append(size)
        return Answer(413, b"too large") if size > LIMIT else None

    def handle(self, request: Request, respond: Respond) -> None:
        self.waiting.append((request, respond))
        if self.at_once:
            self.answer_next()

    def refuse(self, status: HTTPStatus, requirement: str, detail: str, retry_after: int | None = None) -> Answer:
        headers = {} if retry_after is None else {b"retry-after": b"%d" % retry_after}
        return Answer(status, f"{requirement}: {detail}".encode(), headers=headers)

    def answer_next(self) -> None:
        request, respond = self.waiting.pop(0)
        tenant = request.headers.get(b"x-tenant-id", b"-")
        respond(Answer(200, b"|".join((request.method, request.path, tenant, request.body))))


class Wire(asyncio.Transport):
    """A transport that keeps what is written and what is done to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.reading = True
        self.ended = False
        self.closed = False

    def get_extra_info(self, name: str, default: object = None) -> object:
        return ("192.0.2.7", 4711) if name == "peername" else default

    def get_write_buffer_size(self) -> int:
        return 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.ended
        self.written += bytes(data)

    def write_eof(self) -> None:
        self.ended = True

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Client:
    """A connection, its far end, and its server. What the server does not read yet waits, and so does its next turn."""

    def __init__(self, listener: Listener, echo: Echo, wire: Wire | None = None) -> None:
        self.listener = listener
        self.echo = echo
        self.wire = wire or Wire()
        self.turns = echo.turns
        self.unread = b""
        listener.pool.later = self.turns.append  # type: ignore[assignment,method-assign]  # the test's
        self.connection = Connection(listener.pool)
        self.connection.connection_made(self.wire)

    def send(self, data: bytes) -> bytes:
        """What is written in return, without the dates."""
        before = len(self.wire.written)
        self.unread += data
        self.run()
        return self.wire.written[before:].replace(self.listener.pool.common, b"")

    def run(self) -> None:
        """Read and take turns until there is nothing to be done."""
        while (self.unread and self.wire.reading) or self.turns:
            read, self.unread = (
                (self.unread[:READ_BYTES], self.unread[READ_BYTES:]) if self.wire.reading else (b"", self.unread)
            )
            if read:
                self.listener.pool.buffer[: len(read)] = read
                self.connection.buffer_updated(len(read))
            turns, self.turns[:] = self.turns[:], []
            for turn in turns:
                turn()

    def bodies(self) -> list[bytes]:
        """The bodies answered so far."""
        return [part.partition(b"\r\n\r\n")[2] for part in self.wire.written.split(b"HTTP/1.1 200 OK\r\n")[1:]]


def connect(*, at_once: bool = True, limits: Http = HTTP) -> Client:
    """A client of a server of its own."""
    echo = Echo(at_once=at_once)
    return Client(Listener(echo, limits), echo)


def post(body: bytes = b"", path: bytes = b"/p", head: bytes = b"", version: bytes = b"1.1") -> bytes:
    """A request with a body of known length."""
    return b"POST %b HTTP/%b\r\nhost: a\r\ncontent-length: %d\r\n%b\r\n%b" % (path, version, len(body), head, body)


def chunked(body: bytes) -> bytes:
    """A request with the same body in one chunk."""
    return b"POST /p HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
