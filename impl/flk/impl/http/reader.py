"""From bytes to requests: llhttp (through httptools) parses, this module bounds what is read (HTTP-1 to HTTP-4, HTTP-6).

What is unfinished at the end of a read is measured then; what is whole by then was never more than one read.
"""

from http import HTTPStatus
from math import inf
from typing import Protocol

import httptools
import msgspec

from flk.impl.http.messages import Answer, Headers, Request, path_of, query_of
from flk.impl.http.pool import Peer, Pool
from flk.impl.http.rules import Fault, fault_of, malformed, without_upgrade
from flk.spec.constants import CONSTANTS

FIELD_OVERHEAD = 32  # what a field counts beside its name and value (RFC 9113, section 10.5.1)
RETRY_SECONDS = CONSTANTS.node.unavailable_retry_after_seconds


BETWEEN, HEAD, BODY = 0, 1, 2
"""Where in the stream of requests a reader is. Numbers, for they are looked at many times a request."""


class Asked(Protocol):
    """Who is told what a reader reads."""

    def expect(self) -> None:
        """The client waits to be told to send its body."""
        ...

    def ask(self, item: Request | Answer) -> None:
        """A request is whole, or one that was refused is read to its end. It is handled when what was fed is read."""
        ...

    def end_with(self, answer: Answer) -> None:
        """Nothing more will be read; this is the last answer."""
        ...

    def fail(self, error: Exception) -> None:
        """A handler raised this."""
        ...


class Reader:
    """Reads the requests of one connection until it is `deaf`: nothing that the client may still send will be answered."""

    def __init__(self, pool: Pool, peer: Peer, asked: Asked) -> None:
        self.deaf = False
        self.part = BETWEEN
        self.due = inf  # by when the request must be whole
        self._pool = pool
        self._peer = peer
        self._asked = asked
        self._limits = pool.limits
        self._handler = pool.handler
        self._parser = httptools.HttpRequestParser(self)
        self._request = Request()
        self._headers: Headers | None = None  # while they are read
        self._body: bytes | bytearray = b""
        self._size = 0  # of the body so far, kept or not
        self._held = 0
        self._fields = 0  # octets of the head's fields, then of the trailer's
        self._framing = 0  # octets of an unfinished head, then of a chunked body beside its bytes, by whole reads
        self._chunks = 0
        self._chunk_begun = False  # and none of its bytes has come: if whole reads bring none, it is the last one
        self._fresh = False  # whether the request began in the read that is being parsed
        self._upgrade = False
        self._refusal: Answer | None = None

    def feed(self, data: memoryview) -> None:
        """Parse what has come."""
        if self.deaf:
            return
        part, size, chunk_begun = self.part, self._size, self._chunk_begun
        self._fresh = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data[upgrade.args[0] :])
            return
        except httptools.HttpParserCallbackError as error:
            self._asked.fail(error)
        except httptools.HttpParserError as error:
            self._refuse(malformed(error))
        if self.part is not BETWEEN and not self.deaf:
            if self._fresh:
                self.due = self._pool.now + self._limits.request_seconds
            whole = part is self.part and not self._fresh
            body = self._size if self._fresh else self._size - size
            self._bound(len(data) if whole else body, body, in_trailer=whole and chunk_begun)

    def is_waiting_for_body(self) -> bool:
        """Whether a request's head has come, and nothing of its body."""
        return self.part is BODY and not self._size

    def close(self) -> None:
        """Read no more, and let go of what an unfinished request holds."""
        self.deaf = True
        self._let_go()

    def end(self) -> None:
        """Close for good. Parser and connection call back, so they and the reader hold each other."""
        self.close()
        del self._parser, self._asked

    # What the parser calls, in the order of a request's parts.

    def on_message_begin(self) -> None:
        self._request = request = Request(self._peer.address)
        self._headers = request.headers
        self._refusal = None
        self._fields = self._framing = self._size = 0
        if self._chunks:
            self._chunks = 0
            self._chunk_begun = False
        self._fresh = True
        self.part = HEAD

    def on_url(self, url: bytes) -> None:
        self._request.path += url
        self._fields += len(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields += len(name) + len(value) + FIELD_OVERHEAD
        headers = self._headers
        if headers is None:
            self._bound_trailer(name)
            return
        name, value = name.lower(), value.strip(b" \t")
        headers[name] = b"%b, %b" % (headers[name], value) if name in headers else value

    def on_headers_complete(self) -> None:
        self.part = BODY
        self._headers = None
        if self.deaf:
            return
        request, parser = self._request, self._parser
        request.method = parser.get_method()
        version, headers = parser.get_http_version(), request.headers
        length, coding = headers.get(b"content-length"), headers.get(b"transfer-encoding")
        fields = self._fields
        self._fields = self._framing = 0
        if fields > self._limits.max_head_bytes:
            self._refuse(_HEAD_TOO_LARGE)
        elif fault := fault_of(version, headers.get(b"host"), coding):
            self._refuse(fault)
        elif parser.should_upgrade():
            self._upgrade = True
        elif length is not None or coding is not None:
            self._check(int(length or 0))
            if b"expect" in headers and version == "1.1" and self._refusal is None:
                self._asked.expect()

    def on_chunk_header(self) -> None:
        self._chunks += 1
        self._chunk_begun = True
        if self._chunks > self._limits.max_chunks:
            self._refuse(_TOO_MANY_CHUNKS)

    def on_chunk_complete(self) -> None:
        self._chunk_begun = False

    def on_body(self, piece: bytes) -> None:
        self._chunk_begun = False
        self._size += len(piece)
        if self.deaf or self._refusal is not None:
            return
        if not self._body:
            self._body = piece
            return
        if isinstance(self._body, bytes):
            self._body = bytearray(self._body)
        self._body += piece

    def on_message_complete(self) -> None:
        if self._upgrade:
            return
        self.part = BETWEEN
        if self._chunks and not self.deaf and self._refusal is None:
            self._check(self._size)
        if self.deaf:
            return
        request, refusal = self._request, self._refusal
        self.deaf = close = not self._parser.should_keep_alive()
        if refusal is not None:
            self._asked.ask(msgspec.structs.replace(refusal, close=close, bare=request.method == b"HEAD"))
            return
        request.query, request.path = query_of(request.path), path_of(request.path)
        request.body = self._body if isinstance(self._body, bytes) else bytes(self._body)
        request.close = close
        request.held, self._held = self._held, 0
        self._body = b""
        self._asked.ask(request)

    # Bounds.

    def _bound_trailer(self, name: bytes) -> None:
        """Look at a field of the trailer, which never becomes a header (HTTP-3)."""
        if self._fields > self._limits.max_trailer_bytes:
            self._refuse(_TRAILER_TOO_LARGE)
        elif name.lower() in _FRAMING_FIELDS:
            self._refuse(_FRAMING_TRAILER)

    def _bound(self, octets: int, body: int, *, in_trailer: bool) -> None:
        """Bound a request that goes on beyond this read, which brought so many octets of its part, `body` of them of its body."""
        if self.part is HEAD:
            self._framing += octets
            if self._framing > self._limits.max_head_bytes:
                self._refuse(_HEAD_TOO_LARGE)
        elif in_trailer and not body:
            self._fields += octets
            if self._fields > self._limits.max_trailer_bytes:
                self._refuse(_TRAILER_TOO_LARGE)
        else:
            self._framing += octets - body
            if self._framing > self._limits.max_chunk_overhead_bytes:
                self._refuse(_MOSTLY_FRAMING)
            elif body:
                self._bound_body()

    def _bound_body(self) -> None:
        if self._chunks and self._refusal is None:
            self._check(self._size)
        if self._refusal is not None:
            if self._size > self._limits.max_drain_bytes:
                self._asked.end_with(self._refusal)
        elif not self.deaf:
            more = len(self._body) - self._held
            if self._pool.hold(self._peer, more):
                self._held += more
            else:
                self._refuse(_NO_ROOM, RETRY_SECONDS)

    def _check(self, size: int) -> None:
        """Ask the handler whether it takes a body of this size; one that is refused and large is not read."""
        self._refusal = self._handler.check(self._request, size)
        if self._refusal is not None:
            self._let_go()
            if size > self._limits.max_drain_bytes:
                self._asked.end_with(self._refusal)

    def _let_go(self) -> None:
        self._body = b""
        self._pool.release(self._peer, self._held)
        self._held = 0

    def _refuse(self, fault: Fault, retry_after: int | None = None) -> None:
        if not self.deaf:
            self._asked.end_with(self._handler.refuse(*fault, retry_after))

    def _ignore_upgrade(self, rest: memoryview) -> None:
        """Read the request again as one that asks for no other protocol, and what follows it (HTTP-2)."""
        request, parser = self._request, self._parser
        if self.deaf:
            return
        if request.method == b"CONNECT":
            self._refuse(_NO_PROXY)
            return
        version, keep_alive = parser.get_http_version(), parser.should_keep_alive()
        self._upgrade = False
        self._parser = httptools.HttpRequestParser(self)
        self.feed(memoryview(without_upgrade(request, version, keep_alive=keep_alive)))
        if rest:
            self.feed(rest)


_FRAMING_FIELDS = {b"connection", b"content-length", b"proxy-connection", b"transfer-encoding", b"upgrade"}
_FRAMING_TRAILER = Fault(HTTPStatus.BAD_REQUEST, "HTTP-3", "a trailer cannot say how a request is to be read")
_HEAD_TOO_LARGE = Fault(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "HTTP-4", "the head of the request is too large")
_TRAILER_TOO_LARGE = Fault(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "HTTP-4", "the trailer of the request is too large"
)
_TOO_MANY_CHUNKS = Fault(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "HTTP-4", "the body comes in too many chunks")
_MOSTLY_FRAMING = Fault(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "HTTP-4", "the body's chunks are mostly framing")
_NO_ROOM = Fault(HTTPStatus.SERVICE_UNAVAILABLE, "HTTP-6", "unfinished bodies take all the room there is for them")
_NO_PROXY = Fault(HTTPStatus.METHOD_NOT_ALLOWED, "ORD-8", "this is no proxy")
