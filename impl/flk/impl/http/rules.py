"""What RFC 9112 asks of a request beyond the grammar that llhttp checks: version, host, transfer codings (HTTP-1).

llhttp lets pass what another reader of the same bytes may understand otherwise; here each such request gets its status.
"""

import re
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple

from flk.impl.http.messages import Request

_HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]*|\[[0-9A-Za-z.:_~!$&'()*+,;=-]+\])(?::[0-9]*)?")
_VERSIONS = ("1.1", "1.0")
_OF_THE_VERSION = ("HTTP version", "PRI/Upgrade")  # in what llhttp says of a version it does not read


class Fault(NamedTuple):
    """Why a request is refused."""

    status: HTTPStatus
    requirement: str
    detail: str


_OTHER_VERSION = Fault(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "HTTP-1", "HTTP/1.1 and HTTP/1.0 are spoken here")


@lru_cache(maxsize=64)  # a client's requests are alike in these
def fault_of(version: str, host: bytes | None, coding: bytes | None) -> Fault | None:
    """What is wrong with a head of this version, `Host` and `Transfer-Encoding`; None if nothing is.

    >>> fault_of("1.1", b"a", None)
    >>> int(fault_of("1.1", None, None).status), int(fault_of("2.0", b"a", None).status)
    (400, 505)
    """
    if version not in _VERSIONS:
        return _OTHER_VERSION
    if host is None:
        if version == "1.1":
            return _bad("a request of HTTP/1.1 has a Host")
    elif _HOST.fullmatch(host) is None:  # two of them have a space between
        return _bad("there is one Host, of a name or an address and perhaps a port")
    return None if coding is None else _fault_of_coding(version, coding)


def _fault_of_coding(version: str, coding: bytes) -> Fault | None:
    if version == "1.0":
        return _bad("HTTP/1.0 has no Transfer-Encoding")
    codings = [each.strip().lower() for each in coding.split(b",")]
    if codings[-1] != b"chunked":
        return _bad("a body whose last transfer coding is not chunked has no end")
    if codings != [b"chunked"]:
        return Fault(HTTPStatus.NOT_IMPLEMENTED, "HTTP-1", "no transfer coding but chunked is understood here")
    return None


def malformed(error: Exception) -> Fault:
    """What to say of bytes that llhttp could not read."""
    said = str(error)
    if any(words in said for words in _OF_THE_VERSION):
        return _OTHER_VERSION
    return _bad(f"this is no HTTP/1.1: {said}")


def without_upgrade(request: Request, version: str, *, keep_alive: bool) -> bytes:
    """The head of a request as if it had not asked for another protocol: a server may ignore that (RFC 9110, section 7.8)."""
    kept = [b"%b: %b\r\n" % field for field in request.headers.items() if field[0] not in {b"upgrade", b"connection"}]
    kept.append(b"connection: keep-alive\r\n" if keep_alive else b"connection: close\r\n")
    return b"%b %b HTTP/%b\r\n%b\r\n" % (request.method, request.path, version.encode(), b"".join(kept))


def _bad(detail: str) -> Fault:
    return Fault(HTTPStatus.BAD_REQUEST, "HTTP-1", detail)
