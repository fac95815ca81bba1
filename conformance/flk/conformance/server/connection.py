"""One connection to a server that may be hostile: every read has a deadline and a bound, and what went wrong is told in words."""

import io
import socket
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from http.client import HTTPException, HTTPResponse, IncompleteRead, RemoteDisconnected
from types import TracebackType
from typing import Self

from flk.conformance.server.replies import NoAnswer, Reply, Unreachable

MOST_BYTES = 1 << 22
"""Of the body of an answer; no answer of a node is near it."""
CHUNK = 65536


class Connection:
    """A connection that stays open: requests may be written ahead of the answers, which are read in order.

    An answer may take `seconds` from the moment it is waited for to its last byte, however slowly they come. Raises Unreachable.
    """

    def __init__(self, host: str, port: int, seconds: float, tls: ssl.SSLContext | None = None) -> None:
        self._seconds = seconds
        self._host = host if ":" not in host else f"[{host}]"
        self._host += "" if port == (443 if tls else 80) else f":{port}"
        try:
            self._socket = socket.create_connection((host, port), timeout=seconds)
            if tls is not None:
                self._socket = tls.wrap_socket(self._socket, server_hostname=host)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            raise Unreachable(f"no connection: {error}") from None
        self._source = _Source(self._socket)
        self._reader = io.BufferedReader(self._source, CHUNK)

    def send(
        self,
        method: str,
        path: str,
        body: bytes | Iterator[bytes] = b"",
        headers: Iterable[tuple[str, str]] = (),
        trailers: Iterable[tuple[str, str]] = (),
    ) -> None:
        """Write a request. A body in pieces is sent chunked, and only then there are trailers. A server may answer, and hang up,
        before it read everything.
        """
        length = ("Content-Length", str(len(body))) if isinstance(body, bytes) else ("Transfer-Encoding", "chunked")
        fields = [("Host", self._host), ("Accept-Encoding", "identity"), *headers, length]
        head = "".join(f"{name}: {value}\r\n" for name, value in fields)
        self._socket.settimeout(self._seconds)
        try:
            written = f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1")
            self._socket.sendall(written + body if isinstance(body, bytes) else written)
            for piece in () if isinstance(body, bytes) else _chunks(body, trailers):
                self._socket.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass
        except TimeoutError:
            raise NoAnswer(f"the server did not read a request within {self._seconds:g} s") from None
        except OSError as error:
            raise NoAnswer(f"a request could not be written: {error}") from None

    def receive(self, method: str) -> Reply:
        """The next answer. Raises NoAnswer, which names what the server did instead."""
        self._source.expect(self._seconds)
        response = HTTPResponse(_Lent(self._reader), method=method)  # type: ignore[arg-type]  # all it asks of a socket
        try:
            response.begin()
            body = response.read(MOST_BYTES + 1)
        except (HTTPException, OSError, ValueError) as error:
            raise NoAnswer(self._told(error, response)) from None
        if len(body) > MOST_BYTES:
            raise NoAnswer(f"the server sent an answer of more than {MOST_BYTES} bytes, which no node does")
        if response.length:  # is what is left of what was announced
            raise NoAnswer(f"the server ended the answer after {len(body)} of {len(body) + response.length} bytes")
        self.closing = response.will_close
        return Reply(response.status, {name.lower(): value for name, value in response.getheaders()}, body)

    def _told(self, error: Exception, response: HTTPResponse) -> str:
        """What the server did instead of answering."""
        came = self._source.came
        announced = f", of a body of {length}" if (length := getattr(response, "length", None)) else ""
        match error:
            case TimeoutError():
                how = f"stalled after {came} bytes{announced}" if came else "sent nothing"
                return f"no whole answer within {self._seconds:.3g} s: the server {how}"
            case RemoteDisconnected():
                return "the server hung up without an answer"
            case ConnectionResetError():
                return f"the server reset the connection after {came} bytes of the answer"
            case IncompleteRead():
                return f"the server hung up in the middle of the answer, after {came} bytes{announced}"
        return f"the server sent what is no HTTP: {type(error).__name__}: {error}"

    closing = False
    """Whether the last answer said that it is the connection's last."""

    def expect_nothing(self) -> None:
        """Raises NoAnswer if bytes have come that no request asked for: an answer longer than it said, or one too many."""
        self._source.expect(None)
        with suppress(OSError):
            if self._reader.peek(1):
                raise NoAnswer("the server sent more bytes than it announced, or an answer that nobody asked for")

    def close(self) -> None:
        """Let go of the connection."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Source(io.RawIOBase):
    """The bytes of a socket up to a moment."""

    def __init__(self, source: socket.socket) -> None:
        self._socket = source
        self._until: float | None = None
        self.came = 0
        """How many bytes of the answer that is expected."""

    def expect(self, seconds: float | None) -> None:
        """Give an answer so many seconds from now on; None: take only what is there."""
        self._until = None if seconds is None else time.monotonic() + seconds
        self.came = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int | None:  # type: ignore[override]  # all that BufferedReader gives
        left = 0.0 if self._until is None else self._until - time.monotonic()
        if left <= 0 and self._until is not None:
            raise TimeoutError
        self._socket.settimeout(left)
        try:
            count = self._socket.recv_into(buffer)
        except BlockingIOError:
            return None
        self.came += count
        return count


class _Lent:
    """A reader as a socket, from which several answers are read."""

    def __init__(self, reader: io.BufferedReader) -> None:
        self._reader = reader
        self.read, self.readline = reader.read, reader.readline

    def makefile(self, _: str) -> Self:
        """The reader."""
        return self

    def close(self) -> None:
        """Leave it open for the next answer."""

    flush = close


def _chunks(pieces: Iterator[bytes], trailers: Iterable[tuple[str, str]]) -> Iterator[bytes]:
    for piece in pieces:
        if piece:  # an empty one would be the last
            yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield ("0\r\n" + "".join(f"{name}: {value}\r\n" for name, value in trailers) + "\r\n").encode("latin-1")
