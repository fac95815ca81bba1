"""What a stranger may try on a server: each attempt opens sockets, sends what no honest client sends, and counts the answers.

`scale` 1 is the attempt in full, as servers were brought down by it; less is less of the same.
"""

import os
import re
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from time import monotonic, sleep
from typing import NamedTuple, Self

from flk.model.flow.answers import BATCH_PATH, SUBMIT_PATH
from flk.model.flow.batch import MEDIA_TYPE
from flk.spec.constants import CONSTANTS

MEGABYTE = 1_000_000
PATIENCE_SECONDS = 10.0
ENOUGH_SECONDS = 0.5  # of silence after which no further answer is expected
SMALL_NOFILE = 256
FRESH_NOFILE = 4096  # enough, and no other attempt's: a server of its own

_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
_HEAD = b"POST %b HTTP/1.1\r\nhost: a\r\n" % SUBMIT_PATH.encode()
_BATCH = b"POST %b HTTP/1.1\r\nhost: a\r\ncontent-type: %b\r\n" % (BATCH_PATH.encode(), MEDIA_TYPE.encode())
_METRICS = b"GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n"
_CHUNKED = _HEAD + b"transfer-encoding: chunked\r\n\r\n"


class Made(NamedTuple):
    """What an attempt came to: bytes sent, and answers by status; `closed` and `silent` are connections without one."""

    sent: int
    answers: Counter[str]


class Attempt(NamedTuple):
    """An attempt, with the number of files that the server may open if it matters."""

    name: str
    run: Callable[[int, float], Made]
    nofile: int | None = None


class Stranger:
    """Connections to a server on loopback, what was sent and what came back."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open = ExitStack()
        self.sent = 0
        self.answers: Counter[str] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def connect(self) -> socket.socket | None:
        """A connection, None if the server takes none."""
        try:
            made = socket.create_connection(("127.0.0.1", self._port), PATIENCE_SECONDS)
        except OSError:
            self.answers["refused"] += 1
            return None
        return self._open.enter_context(made)

    def send(self, connection: socket.socket | None, data: bytes) -> bool:
        """Send, until the server takes no more; whether it took all."""
        view = memoryview(data)
        while view and connection is not None:
            try:
                taken = connection.send(view[:65536])
            except OSError:
                return False
            self.sent += taken
            view = view[taken:]
        return not view

    def hear(self, connections: Sequence[socket.socket | None]) -> Made:
        """Count what has come on each connection, after a while for all of them."""
        sleep(ENOUGH_SECONDS)
        for connection in connections:
            if connection is not None:
                connection.settimeout(0.0)
                self._hear(connection)
        return Made(self.sent, self.answers)

    def hear_one(self, connection: socket.socket) -> bool:
        """Count one answer; whether the connection goes on."""
        try:
            got = connection.recv(65536)
        except OSError:
            got = b""
        self.count(got)
        return bool(got) and b"\r\nconnection: close\r\n" not in got

    def count(self, got: bytes) -> int:
        """Count the answers that begin in these bytes; their number."""
        statuses = _STATUS.findall(got)
        self.answers.update(status.decode() for status in statuses)
        return len(statuses)

    def _hear(self, connection: socket.socket) -> None:
        answers, ended = 0, ""
        while not ended:
            try:
                got = connection.recv(1 << 20)
            except BlockingIOError:
                ended = "silent"
            except OSError:
                ended = "closed"
            else:
                answers += self.count(got)
                ended = "" if got else "closed"
        if not answers:
            self.answers[ended] += 1


def repeating(head: bytes, piece: bytes, size: float) -> Callable[[int, float], Made]:
    """One connection that sends the same without end."""

    def run(port: int, scale: float) -> Made:
        with Stranger(port) as stranger:
            one = stranger.connect()
            stranger.send(one, head + piece * int(size * scale / len(piece)))
            return stranger.hear([one])

    return run


def _pipelined(port: int, scale: float) -> Made:
    """One connection that asks for /metrics again and again, and reads the answers for a while."""
    with Stranger(port) as stranger:
        if (one := stranger.connect()) is not None:
            one.settimeout(0.0)
            data = memoryview(_METRICS * int(MEGABYTE / 4 / len(_METRICS)))
            end = monotonic() + PATIENCE_SECONDS * scale
            while monotonic() < end:
                with suppress(OSError):
                    taken = one.send(data)
                    stranger.sent += taken
                    data = data[taken:]
                sleep(0.01)
                with suppress(OSError):
                    stranger.count(one.recv(1 << 20))
        return Made(stranger.sent, stranger.answers)


def _unread(port: int, scale: float) -> Made:
    """200 connections that ask for /metrics again and again and never read."""
    with Stranger(port) as stranger:
        many = [stranger.connect() for _ in range(max(2, int(200 * scale)))]
        for one in many:
            if one is not None:
                one.settimeout(0.01)
            stranger.send(one, _METRICS * 2000)
        sleep(PATIENCE_SECONDS * scale)
        return stranger.hear(many)


def _batches(port: int, scale: float) -> Made:
    """200 connections that send batch after batch of lines without a byte, and never read their answers, which are much longer."""
    lines = b"\n" * CONSTANTS.http.max_batch_records
    one_batch = _BATCH + b"content-length: %d\r\n\r\n" % len(lines) + lines
    with Stranger(port) as stranger:
        many = [stranger.connect() for _ in range(max(8, int(200 * scale)))]
        for one in many:
            if one is not None:
                one.settimeout(0.01)
            stranger.send(one, one_batch * 20)
        sleep(PATIENCE_SECONDS * scale)
        return stranger.hear(many)


def _unfinished_bodies(port: int, scale: float) -> Made:
    """2,000 bodies of 1 MB that stop at 650 kB."""
    begun = _HEAD + b"content-length: 1000000\r\n\r\n" + b"x" * 650_000
    with Stranger(port) as stranger:
        many = [stranger.connect() for _ in range(max(8, int(2000 * scale)))]
        for one in many:
            stranger.send(one, begun)
        return stranger.hear(many)


def _many(count: int, said: bytes) -> Callable[[int, float], Made]:
    """Connections that say so much and no more. Their number counts, so it is not scaled."""

    def run(port: int, scale: float) -> Made:
        del scale
        with Stranger(port) as stranger:
            many = []
            for _ in range(count):
                many.append(one := stranger.connect())
                stranger.send(one, said)
            return stranger.hear(many)

    return run


def _garbage(port: int, scale: float) -> Made:
    """Bodies that are no records, each with a tenant of its own, as fast as they are taken."""
    with Stranger(port) as stranger:
        size = 250_000
        end = monotonic() + PATIENCE_SECONDS * scale
        one = stranger.connect()
        number = 0
        while monotonic() < end and one is not None:
            number += 1
            head = _HEAD + b"x-tenant-id: t%d\r\ncontent-length: %d\r\n\r\n" % (number, size)
            if not stranger.send(one, head + os.urandom(size)) or not stranger.hear_one(one):
                one = stranger.connect()
        return Made(stranger.sent, stranger.answers)


ATTEMPTS: Sequence[Attempt] = (
    Attempt("body in chunks of one byte", repeating(_CHUNKED, b"1\r\nx\r\n", 6.3 * MEGABYTE)),
    Attempt("chunk extension without end", repeating(_CHUNKED + b"1;a=", b"b" * 1000, 6 * MEGABYTE)),
    Attempt("trailers without end", repeating(_CHUNKED + b"0\r\n", b"a: b\r\n", 6 * MEGABYTE)),
    Attempt("one header without end", repeating(_HEAD + b"a: ", b"b" * 1000, 2 * MEGABYTE)),
    Attempt("GET /metrics pipelined", _pipelined),
    Attempt("the same 200 times, unread", _unread),
    Attempt("2,000 unfinished bodies", _unfinished_bodies),
    Attempt("2,000 connections", _many(2000, b"")),
    Attempt("316 idle, nofile 256", _many(316, b""), SMALL_NOFILE),
    Attempt("600 half heads, nofile 256", _many(600, _HEAD), SMALL_NOFILE),
    Attempt("garbage for 10 s", _garbage),
    Attempt("garbage in batches, unread", _batches, FRESH_NOFILE),
)
"""In the order of the table."""
