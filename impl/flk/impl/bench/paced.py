"""A load generator of an even pace: so many requests a second, whether answers come or not; each latency from when it was due."""

import asyncio
from collections import Counter, deque
from collections.abc import Sequence
from itertools import cycle
from time import perf_counter
from typing import NamedTuple

import numpy as np
import uvloop
from numpy.typing import NDArray

from flk.impl.bench.load import answer_of

TICK_SECONDS = 0.001


class Paced(NamedTuple):
    """What a run of requests met: how many of each status, and seconds of each request, in the order of the answers."""

    statuses: Counter[int]
    latencies: NDArray[np.float64]

    def quantile(self, q: float) -> float:
        """Seconds within which a share `q` of the requests was answered."""
        return float(np.quantile(self.latencies, q))


def drive(
    address: tuple[str, int],
    requests: Sequence[bytes],
    rate: float,
    seconds: float,
    connections: int,
    source: str,
    *,
    patient: bool = True,
) -> Paced:
    """Send requests, over and over, at `rate` a second for so long, from the address `source`, and wait for every answer. Who is
    not `patient` forgets in the end what was due and found no connection free.

    Raises ConnectionError if the server closes a connection meanwhile.
    """
    return uvloop.run(_drive(address, requests, rate, seconds, connections, source, patient=patient))


async def _drive(
    address: tuple[str, int],
    requests: Sequence[bytes],
    rate: float,
    seconds: float,
    connections: int,
    source: str,
    *,
    patient: bool,
) -> Paced:
    loop = asyncio.get_running_loop()
    run = _Run(requests, loop.create_future())
    for _ in range(connections):
        transport, client = await loop.create_connection(lambda: _Client(run), *address, local_addr=(source, 0))
        client.transport = transport
        run.idle.append(client)
    began = perf_counter()
    while (now := perf_counter()) < began + seconds and not run.done.done():
        run.send_until(int((now - began) * rate))
        await asyncio.sleep(TICK_SECONDS)
    run.end(patient=patient)
    await run.done
    for client in run.idle:
        client.transport.close()
    return Paced(run.statuses, np.array(run.latencies))


class _Run:
    """Requests that are due and wait for a connection, connections that wait for a request, and what was answered."""

    def __init__(self, requests: Sequence[bytes], done: "asyncio.Future[None]") -> None:
        self.done = done
        self.idle: deque[_Client] = deque()
        self.statuses: Counter[int] = Counter()
        self.latencies: list[float] = []
        self._requests = cycle(requests)
        self._due: deque[float] = deque()
        self._begun = 0
        self._ending = False

    def send_until(self, number: int) -> None:
        """So many are due by now."""
        now = perf_counter()
        self._due.extend([now] * (number - self._begun))
        self._begun = max(self._begun, number)
        self._send()

    def answered(self, client: "_Client", status: int, latency: float) -> None:
        """A connection is free again."""
        self.statuses[status] += 1
        self.latencies.append(latency)
        self.idle.append(client)
        self._send()
        self._end_if_all_is_answered()

    def end(self, *, patient: bool) -> None:
        """No more are due."""
        self._ending = True
        if not patient:
            self._begun -= len(self._due)
            self._due.clear()
        self._end_if_all_is_answered()

    def _send(self) -> None:
        while self._due and self.idle:
            self.idle.popleft().send(next(self._requests), self._due.popleft())

    def _end_if_all_is_answered(self) -> None:
        if self._ending and len(self.latencies) == self._begun and not self.done.done():
            self.done.set_result(None)


class _Client(asyncio.Protocol):
    """One connection, one request in flight."""

    transport: asyncio.Transport

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._received = b""
        self._due = 0.0

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._run.done.done():
            self._run.done.set_exception(exc or ConnectionError("the server closed a connection under load"))

    def send(self, request: bytes, due: float) -> None:
        """Send what was due then."""
        self._due = due
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        answer = answer_of(self._received)
        if answer is not None:
            self._received = b""
            self._run.answered(self, answer[0], perf_counter() - self._due)
