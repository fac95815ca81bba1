"""HTTP/1.1 on an event loop: connections, requests, responses. It knows nothing of records.

llhttp (through httptools) parses; this module limits what is read and decides how connections end. A request is handed to the
handler as soon as its body is whole, and answered whenever the handler says so, one request of a connection at a time. No task and
no future stands between socket and handler: on the submit path those cost more than the rest of HTTP.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from math import inf
from time import monotonic
from typing import Protocol, cast

import httptools
import msgspec

MAX_CONNECTIONS = 8192
MAX_HEAD_BYTES = 16384
MAX_DRAIN_BYTES = (
    65536  # a refused body of at most this size is read and dropped; with a larger one the connection ends
)
MAX_PIPELINED = 64  # requests of one connection that may wait before the rest of it is left unread
IDLE_SECONDS = 75.0  # between requests
REQUEST_SECONDS = 30.0  # from a request's first byte to its last
LINGER_SECONDS = 2.0  # after the last answer, for a client that is still sending to read it
STOP_SECONDS = 10.0  # for requests in flight when the server stops
SWEEP_SECONDS = 1.0
BACKLOG = 4096

Headers = dict[bytes, bytes]

_STATUS_LINE = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Request(msgspec.Struct):
    """A request. Names of headers are in lower case; one that is given more than once has all its values, with commas between
    (RFC 9110, section 5.3). `close` tells that the client expects no further answer.
    """

    method: bytes = b""
    path: bytes = b""
    headers: Headers = {}
    body: bytes = b""
    close: bool = False


class Answer(msgspec.Struct, frozen=True):
    """A response. `close` ends the connection after it."""

    status: int
    body: bytes = b""
    content_type: bytes = b"application/json"
    headers: Headers = {}
    close: bool = False


class Handler(Protocol):
    """What a server does with requests."""

    def check(self, size: int) -> Answer | None:
        """Asked before a body is read, and as it comes: `size` bytes are announced or have come. An answer refuses it."""
        ...

    def handle(self, request: Request, respond: Callable[[Answer], None]) -> None:
        """Answer a whole request by one call of `respond`, now or later."""
        ...


class Listener:
    """The connections of a server, and the clock they share."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.connections: set[_Connection] = set()
        self.stopping = False
        self.now = monotonic()
        self.date = _date()
        self._server: asyncio.Server | None = None
        self._ticker: asyncio.Task[None] | None = None

    async def listen(self, bound: socket.socket) -> None:
        """Accept connections on a bound socket from now on."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), sock=bound, backlog=BACKLOG)
        self._ticker = loop.create_task(self._tick())

    async def close(self) -> None:
        """Accept no more, answer what is in flight, and end every connection."""
        self.stopping = True
        if self._server is not None:
            self._server.close()
        until = monotonic() + STOP_SECONDS
        for connection in tuple(self.connections):
            connection.finish()
        while any(connection.is_busy() for connection in self.connections) and monotonic() < until:
            await asyncio.sleep(0.01)
        for connection in tuple(self.connections):
            connection.abort()
        if self._ticker is not None:
            self._ticker.cancel()

    def sweep(self, now: float) -> None:
        """Set the clock, and end every connection whose time is up."""
        self.now, self.date = now, _date()
        for connection in tuple(self.connections):
            if connection.deadline < now:
                connection.abort()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self.sweep(monotonic())


class _Connection(asyncio.Protocol):
    """One connection. Requests wait in a queue while one is being handled, so answers leave in order.

    A connection turns deaf when nothing that the client may still send will be answered: after refusing a body that is not worth
    reading, after a malformed request, and when either side wants to close.
    """

    def __init__(self, listener: Listener) -> None:
        self.deadline = inf
        self._listener = listener
        self._handler = listener.handler
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        self._request = Request()
        self._refusal: Answer | None = None
        self._head_bytes = 0
        self._in_head = False
        self._queue: deque[Request | Answer] = deque()
        self._handling: Request | None = None
        self._deaf = False
        self._in_loop = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if len(self._listener.connections) >= MAX_CONNECTIONS:
            self._transport.abort()
            return
        self._listener.connections.add(self)
        self.deadline = self._listener.now + IDLE_SECONDS

    def connection_lost(self, exc: Exception | None) -> None:
        del exc, self._parser  # it calls back, so the two hold each other
        self._deaf = True
        self._queue.clear()
        self._listener.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:  # no other protocol is spoken here; what follows is not HTTP/1.1
            self._deaf = True
        except httptools.HttpParserError:
            self._end_with(Answer(HTTPStatus.BAD_REQUEST))
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._end_with(Answer(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE))

    def pause_writing(self) -> None:
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._transport.resume_reading()

    def is_busy(self) -> bool:
        """Whether a request is being handled."""
        return self._handling is not None

    def finish(self) -> None:
        """Hear no more, and close once what was asked is answered."""
        self._deaf = True
        if not self.is_busy():
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    # What the parser calls, in the order of a request's parts.

    def on_message_begin(self) -> None:
        self._request = Request()
        self._refusal = None
        self._in_head = True
        self._head_bytes = 0
        if self._handling is None:
            self.deadline = self._listener.now + REQUEST_SECONDS

    def on_url(self, url: bytes) -> None:
        self._request.path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        headers, name, value = self._request.headers, name.lower(), value.strip(b" \t")
        headers[name] = b"%b, %b" % (headers[name], value) if name in headers else value

    def on_headers_complete(self) -> None:
        self._in_head = False
        request = self._request
        request.method = self._parser.get_method()
        headers = request.headers
        size = int(headers.get(b"content-length", 0))
        if size or b"transfer-encoding" in headers:
            self._refuse_body(size)
            if b"expect" in headers and not self._refusal and not self._deaf:
                self._transport.write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        if self._deaf or self._refusal:
            return
        request = self._request
        request.body = request.body + body if request.body else body
        if len(request.body) != len(body):
            self._refuse_body(len(request.body))

    def on_message_complete(self) -> None:
        if self._deaf:
            return
        request = self._request
        request.close = not self._parser.should_keep_alive()
        request.path = _path(request.path)
        self._deaf = request.close
        self._queue.append(request if self._refusal is None else self._refusal)
        self._handle_queued()

    def _refuse_body(self, size: int) -> None:
        self._refusal = self._handler.check(size)
        if self._refusal is not None and size > MAX_DRAIN_BYTES:
            self._end_with(self._refusal)

    def _end_with(self, answer: Answer) -> None:
        """Say no more than this, after what was asked before."""
        if not self._deaf:
            self._deaf = True
            self._queue.append(msgspec.structs.replace(answer, close=True))
            self._handle_queued()

    def _handle_queued(self) -> None:
        """Handle what waits, one after the other; an answer that comes later comes back here."""
        while self._queue and self._handling is None and not self._in_loop:
            self._in_loop = True
            item = self._queue.popleft()
            self._handling = item if isinstance(item, Request) else Request()
            self.deadline = inf
            if isinstance(item, Request):
                self._handler.handle(item, self._respond)
            else:
                self._respond(item)
            self._in_loop = False
        if len(self._queue) >= MAX_PIPELINED:
            self._transport.pause_reading()

    def _respond(self, answer: Answer) -> None:
        request, self._handling = self._handling, None
        if request is None or self._transport.is_closing():
            return
        close = answer.close or request.close or self._listener.stopping
        self._transport.write(_encode(answer, self._listener.date, close=close, bare=request.method == b"HEAD"))
        if answer.close:
            self._linger()
        elif close:
            self._transport.close()
        else:
            self.deadline = self._listener.now + IDLE_SECONDS
            if not self._queue:
                self._transport.resume_reading()
            self._handle_queued()

    def _linger(self) -> None:
        """Let the client close, or have time to read: a reset for what it still sends would take the answer from it."""
        self._transport.write_eof()
        self._transport.resume_reading()
        self.deadline = self._listener.now + LINGER_SECONDS


def _encode(answer: Answer, date: bytes, *, close: bool, bare: bool) -> bytes:
    """The bytes of a response; `bare` leaves out the body, as HEAD asks."""
    more = b"".join([b"%b: %b\r\n" % header for header in answer.headers.items()]) if answer.headers else b""
    return b"%b%bcontent-type: %b\r\ncontent-length: %d\r\n%b%b\r\n%b" % (
        _STATUS_LINE[answer.status],
        date,
        answer.content_type,
        len(answer.body),
        more,
        b"connection: close\r\n" if close else b"",
        b"" if bare else answer.body,
    )


def _path(target: bytes) -> bytes:
    """The path of a request target, without its query."""
    if not target.startswith(b"/"):
        try:
            return httptools.parse_url(target).path or b"/"
        except httptools.HttpParserInvalidURLError:
            return target
    return target.partition(b"?")[0]


def _date() -> bytes:
    return f"date: {formatdate(usegmt=True)}\r\n".encode()
