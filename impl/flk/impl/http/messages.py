"""Requests and answers, and the interface between HTTP and what a server does with requests."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from email.utils import formatdate
from http import HTTPStatus
from typing import Protocol

import httptools
import msgspec

Headers = dict[bytes, bytes]

_STATUS_LINE = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


class Within(Protocol):
    """The span of a request that is told to a collector (OBS-9)."""

    def current(self) -> AbstractContextManager[object]:
        """What is logged in this block belongs to it."""
        ...

    def timed(self, step: str, began: int, ended: int, records: int, together: int) -> None:
        """A step of some of its records, at wall times in nanoseconds, was made for so many together."""
        ...


class Request(msgspec.Struct):
    """A request of a peer address. Names of headers are in lower case; one that is given more than once has all its values, with
    commas between (RFC 9110, section 5.3). `close` tells that the client expects no further answer; `held` is how many of the
    body's bytes count as held (HTTP-6). `parameters` are what the path says, once it is known which path it is. `within` is its
    span, if it has one.
    """

    peer: str = ""
    method: bytes = b""
    path: bytes = b""
    query: bytes = b""
    headers: Headers = {}
    body: bytes = b""
    close: bool = False
    held: int = 0
    parameters: dict[str, str] = {}
    within: Within | None = None


class Answer(msgspec.Struct, frozen=True):
    """A response. `close` ends the connection after it; `bare` is one to HEAD, which has no body."""

    status: int
    body: bytes = b""
    content_type: bytes = b"application/json"
    headers: Headers = {}
    close: bool = False
    bare: bool = False


Respond = Callable[[Answer], None]


class Handler(Protocol):
    """What a server does with requests."""

    def check(self, request: Request, size: int) -> Answer | None:
        """Asked before the body of a request is read, and as it comes: `size` bytes of it are announced or have come. An answer
        refuses it. Of the request there is the head, with the target as it was sent.
        """
        ...

    def handle(self, request: Request, respond: Respond) -> None:
        """Answer a whole request by one call of `respond`, now or later."""
        ...

    def refuse(self, status: HTTPStatus, requirement: str, detail: str, retry_after: int | None = None) -> Answer:
        """The answer to a request that HTTP itself refuses, naming the requirement."""
        ...


def encode(answer: Answer, common: bytes, *, close: bool, bare: bool) -> bytes:
    """The bytes of a response with the fields that all have; `bare` leaves out the body, as HEAD asks."""
    more = b"".join([b"%b: %b\r\n" % header for header in answer.headers.items()]) if answer.headers else b""
    return b"%b%bcontent-type: %b\r\ncontent-length: %d\r\n%b%b\r\n%b" % (
        _STATUS_LINE[answer.status],
        common,
        answer.content_type,
        len(answer.body),
        more,
        b"connection: close\r\n" if close else b"",
        b"" if bare else answer.body,
    )


def path_of(target: bytes) -> bytes:
    """The path of a request target, without its query.

    >>> path_of(b"/a?b=c"), path_of(b"http://host/a"), path_of(b"*")
    (b'/a', b'/a', b'*')
    """
    if not target.startswith(b"/"):
        try:
            return httptools.parse_url(target).path or b"/"
        except httptools.HttpParserInvalidURLError:
            return target
    return target.partition(b"?")[0]


def query_of(target: bytes) -> bytes:
    """The query of a request target, empty if it has none.

    >>> query_of(b"/a?b=c"), query_of(b"/a")
    (b'b=c', b'')
    """
    return target.partition(b"?")[2]


def date_line() -> bytes:
    """The `Date` field of answers given now."""
    return f"date: {formatdate(usegmt=True)}\r\n".encode()
