"""Requests that another reader of the same bytes may understand otherwise (HTTP-1, HTTP-3), and what a server makes of them.

Each is followed by a second request on the connection. A server that answers both has taken what a proxy in front may have
passed as one, or the other way round.
"""

import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

PATIENCE_SECONDS = 2.0
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
_SECOND = b"GET /health HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
_TRAILER = b"POST /v1/pcs/submit HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"


class Case(NamedTuple):
    """A request, and the statuses that refuse it."""

    name: str
    sent: bytes
    refusals: tuple[int, ...] = (400,)


class Made(NamedTuple):
    """What a server made of a case: the statuses that it gave, and whether it refused and read no further."""

    name: str
    statuses: tuple[int, ...]
    refused: bool


def _post(fields: bytes, body: bytes, version: bytes = b"1.1") -> bytes:
    return b"POST /v1/pcs/submit HTTP/%b\r\n%b\r\n%b" % (version, fields, body)


CASES = (
    Case("no Host", b"GET /health HTTP/1.1\r\n\r\n"),
    Case("two Hosts", b"GET /health HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n"),
    Case("a Host that is none", b"GET /health HTTP/1.1\r\nhost: a/b\r\n\r\n"),
    Case("HTTP/2.0 in the line", b"GET /health HTTP/2.0\r\nhost: a\r\n\r\n", (505, 400)),
    Case("line feeds alone", b"GET /health HTTP/1.1\nhost: a\n\n"),
    Case("a space before the colon", b"GET /health HTTP/1.1\r\nhost: a\r\nx : b\r\n\r\n"),
    Case("length and chunks", _post(b"host: a\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n", b"0\r\n\r\n")),
    Case("two lengths", _post(b"host: a\r\ncontent-length: 2\r\ncontent-length: 2\r\n", b"{}")),
    Case("a length with a sign", _post(b"host: a\r\ncontent-length: +2\r\n", b"{}")),
    Case(
        "gzip, chunked", _post(b"host: a\r\ntransfer-encoding: gzip, chunked\r\n", b"2\r\n{}\r\n0\r\n\r\n"), (501, 400)
    ),
    Case("chunked twice", _post(b"host: a\r\ntransfer-encoding: chunked, chunked\r\n", b"2\r\n{}\r\n0\r\n\r\n")),
    Case("chunked, gzip", _post(b"host: a\r\ntransfer-encoding: chunked, gzip\r\n", b"")),
    Case("chunks in HTTP/1.0", _post(b"host: a\r\ntransfer-encoding: chunked\r\n", b"2\r\n{}\r\n0\r\n\r\n", b"1.0")),
    Case("a chunk's size with 0x", _post(b"host: a\r\ntransfer-encoding: chunked\r\n", b"0x2\r\n{}\r\n0\r\n\r\n")),
    Case("a trailer with a length", _TRAILER + b"content-length: 9\r\n\r\n"),
)
"""The codes that refuse are those of RFC 9112; where it leaves a choice, any of it."""


def tried(port: int) -> Iterator[Made]:
    """What the server on a port of loopback makes of each case."""
    for case in CASES:
        statuses = _statuses(port, case.sent + _SECOND)
        yield Made(case.name, statuses, len(statuses) == 1 and statuses[0] in case.refusals)


def _statuses(port: int, sent: bytes) -> tuple[int, ...]:
    heard = b""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as connection:
        connection.sendall(sent)
        while piece := connection.recv(65536):
            heard += piece
    return tuple(int(status) for status in _STATUS.findall(heard))
