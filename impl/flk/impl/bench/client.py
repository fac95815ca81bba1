"""`flk bench client`: records a second that the client signs, makes durable and has acknowledged, beside bare HTTP in the same run.

All send to one `flk serve` on loopback, in turns, each time records of their own. Bare HTTP posts bodies that were signed and
encoded beforehand, over as many connections, and keeps nothing: what a client can at most come to without batches.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from statistics import median
from typing import NamedTuple
from urllib.parse import urlsplit

from flk.impl.agent import WORKERS
from flk.impl.bench.load import drive, encode_request
from flk.impl.bench.records import TENANT, distinct, submission
from flk.impl.client.asynchronous import AsyncClient
from flk.impl.client.blocking import Client
from flk.impl.server.process import key_file, server_process
from flk.model.record.record import Pcs
from flk.model.record.signing import HmacKey

SECRET = "of the client's benchmark"  # noqa: S105 - of a server that lives for seconds, on loopback
KEY = HmacKey(SECRET.encode())
BARE = "bare HTTP"

Send = Callable[[str, Path, Sequence[Pcs]], float]
"""Sends records to a service, with an outbox in a directory; the seconds that it took."""


class Figure(NamedTuple):
    """Records a second of one way to send, the median over the rounds, and how many times that of bare HTTP."""

    name: str
    per_second: float
    times: float


class NotTaken(Exception):
    """The server did not acknowledge every record."""


def measure(records: int, rounds: int, on_progress: Callable[[str], None] = lambda _: None) -> tuple[Figure, ...]:
    """A figure for each way, after so many rounds of so many records each."""
    rates: dict[str, list[float]] = {name: [] for name in WAYS}
    made = distinct()
    with tempfile.TemporaryDirectory() as home, _serving(Path(home)) as url:
        for number in range(rounds):
            for name, send in WAYS.items():
                on_progress(f"{name}, round {number + 1} of {rounds}")
                seconds = send(url, Path(home, f"{name}-{number}"), tuple(islice(made, records)))
                rates[name].append(records / seconds)
    bare = median(rates[BARE])
    return tuple(Figure(name, median(each), median(each) / bare) for name, each in rates.items())


@contextmanager
def _serving(home: Path) -> Iterator[str]:
    with server_process(home / "data", key_file(home, SECRET, TENANT)) as server:
        yield server.url


def _bare(url: str, _: Path, records: Sequence[Pcs]) -> float:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 80
    requests = [encode_request(submission(record, KEY), host) for record in records]
    load = drive(host, port, requests, WORKERS)
    _require(load.statuses[200] + load.statuses[202], records)
    return load.seconds


def _blocking(url: str, outbox: Path, records: Sequence[Pcs]) -> float:
    with Client(url, keys=KEY, outbox=outbox) as client:
        start = time.perf_counter()
        _require(client.send(records).acknowledged.total(), records)
        return time.perf_counter() - start


def _asynchronous(url: str, outbox: Path, records: Sequence[Pcs], *, batches: bool = True) -> float:
    async def sent() -> float:
        async with AsyncClient(url, keys=KEY, outbox=outbox, batches=batches) as client:
            start = time.perf_counter()
            _require((await client.send(records)).acknowledged.total(), records)
            return time.perf_counter() - start

    return asyncio.run(sent())


def _alone(url: str, outbox: Path, records: Sequence[Pcs]) -> float:
    return _asynchronous(url, outbox, records, batches=False)


def _require(acknowledged: int, records: Sequence[Pcs]) -> None:
    if acknowledged != len(records):
        raise NotTaken(f"{acknowledged} of {len(records)} records were acknowledged")


WAYS: dict[str, Send] = {
    BARE: _bare,
    "AsyncClient, alone": _alone,
    "AsyncClient, batches": _asynchronous,
    "Client, batches": _blocking,
}
