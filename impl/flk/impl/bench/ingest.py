"""`flk bench ingest`: durable submits a second of a live server, beside FastAPI without a log and beside itself without fsync.

All servers run side by side, each in a process of its own, and take turns under load. Every request is a valid record of its
own, signed and encoded beforehand.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from itertools import islice
from pathlib import Path
from statistics import median
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from flk.impl.bench.load import Load, drive, encode_request
from flk.impl.bench.records import distinct, submission
from flk.impl.server.process import key_file, server_process
from flk.model.record.signing import HmacKey

CONNECTIONS = 64
ROUNDS = 3
FASTEST = 40_000  # requests a second that are prepared for, at most
SECRET = "of the benchmark"  # noqa: S105 - of servers that live for seconds, on loopback
RATE_BAR, P99_BAR, FSYNC_BAR, BASELINE_BAR = 25_000.0, 0.015, 0.15, 4.0  # design section 11
READY_SECONDS = 30.0


class Subject(NamedTuple):
    """A server under load: its name, its port on loopback, its process, and how many requests it has been sent."""

    name: str
    port: int
    pid: int


class Figure(msgspec.Struct, frozen=True):
    """One server: medians over the rounds. Latencies in seconds, processor time of the server in seconds a request."""

    name: str
    per_second: float
    p50: float
    p99: float
    processor: float
    rounds: int


class Bar(msgspec.Struct, frozen=True):
    """A bar, what was measured, and whether it was reached."""

    name: str
    measured: str
    met: bool


class Wrong(Exception):
    """A server under load answered otherwise than it must."""


def measure(seconds: float, on_progress: Callable[[str], None] = lambda _: None) -> tuple[Figure, ...]:
    """Figures of `flk serve`, of the same without fsync, and of the baseline, after about that many seconds under load."""
    with tempfile.TemporaryDirectory() as directory, ExitStack() as servers:
        home = Path(directory)
        keys = key_file(home, SECRET)
        on_progress("starting the servers")
        subjects = (
            _flk(servers, "flk serve", home / "durable", keys),
            _flk(servers, "flk serve, no fsync", home / "unsynchronised", keys, "--fsync", "off"),
            servers.enter_context(_fastapi("FastAPI, no log")),
        )
        slot = seconds / ROUNDS / len(subjects)
        on_progress("signing records")
        requests = prepare(int(slot * FASTEST * ROUNDS))
        return tuple(_take_turns(subjects, requests, slot, on_progress))


def bars(figures: Sequence[Figure]) -> tuple[Bar, ...]:
    """The bars of the design, judged."""
    durable, loose, baseline = figures
    cost = 1 - durable.per_second / loose.per_second
    ratio = durable.per_second / baseline.per_second
    return (
        Bar(
            f"at least {RATE_BAR:,.0f} durable submits a second",
            f"{durable.per_second:,.0f}",
            durable.per_second >= RATE_BAR,
        ),
        Bar(f"p99 at most {P99_BAR * 1e3:g} ms", f"{durable.p99 * 1e3:.1f} ms", durable.p99 <= P99_BAR),
        Bar(f"fsync costs at most {FSYNC_BAR:.0%}", f"{cost:.1%}", cost <= FSYNC_BAR),
        Bar(f"at least {BASELINE_BAR:g} times FastAPI without a log", f"{ratio:.2f}", ratio >= BASELINE_BAR),
    )


def prepare(count: int) -> list[bytes]:
    """That many requests, each a record of its own: real ones under other epochs, signed and encoded."""
    key = HmacKey(SECRET.encode())
    return [encode_request(submission(record, key), "127.0.0.1") for record in islice(distinct(), count)]


def _take_turns(
    subjects: Sequence[Subject], requests: Sequence[bytes], slot: float, on_progress: Callable[[str], None]
) -> Iterator[Figure]:
    rows: dict[str, list[tuple[Load, float]]] = {subject.name: [] for subject in subjects}
    sent = dict.fromkeys(rows, 0)
    for number in range(ROUNDS):
        for subject in subjects:
            on_progress(f"round {number + 1} of {ROUNDS}: {subject.name}")
            before = processor_seconds(subject.pid)
            load = drive("127.0.0.1", subject.port, requests[sent[subject.name] :], CONNECTIONS, slot)
            _check(subject.name, load)
            sent[subject.name] += len(load.latencies)
            rows[subject.name].append((load, (processor_seconds(subject.pid) - before) / len(load.latencies)))
    for name, found in rows.items():
        yield Figure(
            name,
            median(load.rate for load, _ in found),
            median(load.quantile(0.5) for load, _ in found),
            median(load.quantile(0.99) for load, _ in found),
            median(processor for _, processor in found),
            len(found),
        )


def _check(name: str, load: Load) -> None:
    """Every record is honest and new, so every answer is 200 and accepts it."""
    if set(load.statuses) != {200}:
        raise Wrong(f"{name} answered with {dict(load.statuses)}")
    for body in load.bodies.values():
        if json.loads(body).get("accepted") is not True:
            raise Wrong(f"{name} answered {body!r}")


def _flk(servers: ExitStack, name: str, data: Path, keys: Path, *options: str) -> Subject:
    server = servers.enter_context(server_process(data, keys, options))
    return Subject(name, urlsplit(server.url).port or 0, server.process.pid)


@contextmanager
def _fastapi(name: str) -> Iterator[Subject]:
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = int(probe.getsockname()[1])
    process = subprocess.Popen(  # noqa: S603 - the command is our own
        [sys.executable, "-m", "flk.impl.bench.fastapi_baseline", str(port), SECRET]
    )
    try:
        _await_port(port, process)
        yield Subject(name, port, process.pid)
    finally:
        process.terminate()
        process.wait()


def _await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return when something listens on the port. Raises Wrong if the process ends before or takes too long."""
    end = time.monotonic() + READY_SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise Wrong("the FastAPI baseline did not start: the development dependencies are needed (make .venv/ready)")


def processor_seconds(pid: int) -> float:
    """Seconds of processor time a process has used, all its threads together (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
