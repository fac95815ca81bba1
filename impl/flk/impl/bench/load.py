"""A load generator: keep-alive connections, one request at a time on each, every latency kept.

Requests are encoded beforehand, so that on a small machine the server gets the processor and not its client.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from math import inf
from ssl import SSLContext
from time import perf_counter
from typing import NamedTuple

import numpy as np
import uvloop
from numpy.typing import NDArray

from flk.model.flow.answers import BATCH_PATH, SUBMIT_PATH
from flk.model.flow.batch import MEDIA_TYPE
from flk.model.flow.submission import Submission

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_HEAD_END = b"\r\n\r\n"


class Load(NamedTuple):
    """What a run of requests met: how many of each status, seconds in all, seconds of each request, bodies in order of request."""

    statuses: Counter[int]
    seconds: float
    latencies: NDArray[np.float64]
    bodies: dict[int, bytes]

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds

    def quantile(self, q: float) -> float:
        """Seconds within which a share `q` of the requests was answered."""
        return float(np.quantile(self.latencies, q))


def encode_request(submission: Submission, host: str) -> bytes:
    """A submission as the bytes of an HTTP/1.1 request."""
    return _request(SUBMIT_PATH, submission.tenant, "application/json", submission.body, host)


def encode_batch(submissions: Sequence[Submission], host: str) -> bytes:
    """Submissions of one tenant as the bytes of one request (BAT-1)."""
    body = b"\n".join(each.body for each in submissions)
    return _request(BATCH_PATH, submissions[0].tenant, MEDIA_TYPE, body, host)


def _request(path: str, tenant: str, media_type: str, body: bytes, host: str) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nX-Tenant-Id: {tenant}\r\n"
        f"Content-Type: {media_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def answer_of(received: bytes) -> tuple[int, bytes] | None:
    """Status and body of the answer that bytes begin with; None if it has not come whole. Raises ConnectionError for one that does
    not tell its length.
    """
    head_end = received.find(_HEAD_END)
    if head_end < 0:
        return None
    length = _LENGTH.search(received, 0, head_end + 2)
    if length is None:
        raise ConnectionError("an answer without its length")
    body = head_end + len(_HEAD_END)
    return (int(received[9:12]), received[body:]) if len(received) >= body + int(length[1]) else None


def drive(
    host: str,
    port: int,
    requests: Sequence[bytes],
    connections: int,
    seconds: float = inf,
    keep_every: int = 100,
    tls: SSLContext | None = None,
) -> Load:
    """Send requests over that many connections until none is left or the time is up, and wait for every answer.

    The body of every `keep_every`-th answer is kept. Raises ConnectionError if the server closes a connection meanwhile.
    """
    return uvloop.run(_drive(host, port, requests, connections, seconds, keep_every, tls))


async def _drive(
    host: str,
    port: int,
    requests: Sequence[bytes],
    connections: int,
    seconds: float,
    keep_every: int,
    tls: SSLContext | None,
) -> Load:
    run = _Run(requests, keep_every, asyncio.get_running_loop().create_future())
    clients = [await _connect(run, host, port, tls) for _ in range(connections)]
    started = perf_counter()
    run.end = started + seconds
    for client in clients:
        client.send_next()
    await run.done
    taken = perf_counter() - started
    for client in clients:
        client.transport.close()
    return Load(run.statuses, taken, run.latencies[: run.sent], run.bodies)


async def _connect(run: "_Run", host: str, port: int, tls: SSLContext | None) -> "_Client":
    client = _Client(run)
    client.transport, _ = await asyncio.get_running_loop().create_connection(lambda: client, host, port, ssl=tls)
    return client


class _Run:
    """Requests not yet sent, answers received."""

    def __init__(self, requests: Sequence[bytes], keep_every: int, done: "asyncio.Future[None]") -> None:
        self.requests = requests
        self.keep_every = keep_every
        self.done = done
        self.sent = 0
        self.answered = 0
        self.end = inf
        self.statuses: Counter[int] = Counter()
        self.latencies = np.zeros(len(requests))
        self.bodies: dict[int, bytes] = {}

    def answer(self, index: int, status: int, latency: float, body: bytes) -> None:
        self.statuses[status] += 1
        self.latencies[index] = latency
        if not index % self.keep_every:
            self.bodies[index] = body
        self.answered += 1
        if self.answered == self.sent and self.is_over() and not self.done.done():
            self.done.set_result(None)

    def is_over(self) -> bool:
        """Whether nothing more is to be sent."""
        return self.sent == len(self.requests) or perf_counter() >= self.end


class _Client(asyncio.Protocol):
    """One connection, one request in flight."""

    transport: asyncio.Transport

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._received = b""
        self._index = -1
        self._sent_at = 0.0

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._run.done.done():
            self._run.done.set_exception(exc or ConnectionError("the server closed a connection under load"))

    def send_next(self) -> None:
        run = self._run
        if not run.is_over():
            self._index, run.sent = run.sent, run.sent + 1
            self._sent_at = perf_counter()
            self.transport.write(run.requests[self._index])

    def data_received(self, data: bytes) -> None:
        received = self._received + data if self._received else data
        answer = answer_of(received)
        if answer is None:
            self._received = received
            return
        self._received = b""
        latency = perf_counter() - self._sent_at
        self._run.answer(self._index, answer[0], latency, answer[1])
        self.send_next()
