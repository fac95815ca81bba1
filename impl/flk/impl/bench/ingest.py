"""`flk bench ingest`: durable submits a second of a live server, beside FastAPI without a log and beside itself without fsync.

All servers run side by side, each in a process of its own, and take turns under load. Every request is a valid record of its
own, signed and encoded beforehand.
"""

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from flk.impl.bench.load import encode_request
from flk.impl.bench.turns import ROUNDS, SECRET, Bar, Figure, Subject, Wrong, honest, take_turns
from flk.impl.server.process import key_file, server_process

FASTEST = 40_000  # requests a second that are prepared for, at most
RATE_BAR, P99_BAR, FSYNC_BAR, BASELINE_BAR = 25_000.0, 0.015, 0.15, 4.0  # design section 11
READY_SECONDS = 30.0


def measure(seconds: float, on_progress: Callable[[str], None] = lambda _: None) -> tuple[Figure, ...]:
    """Figures of `flk serve`, of the same without fsync, and of the baseline, after about that many seconds under load."""
    with tempfile.TemporaryDirectory() as directory, ExitStack() as servers:
        home = Path(directory)
        keys = key_file(home, SECRET)
        slot = seconds / ROUNDS / 3
        on_progress("signing records")
        requests = prepare(int(slot * FASTEST * ROUNDS))
        subjects = (
            _flk(servers, "flk serve", home / "durable", keys, requests),
            _flk(servers, "flk serve, no fsync", home / "unsynchronised", keys, requests, "--fsync", "off"),
            servers.enter_context(_fastapi("FastAPI, no log", requests)),
        )
        return take_turns(subjects, slot, on_progress)


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
    return [encode_request(each, "127.0.0.1") for each in honest(count)]


def _flk(servers: ExitStack, name: str, data: Path, keys: Path, requests: Sequence[bytes], *options: str) -> Subject:
    server = servers.enter_context(server_process(data, keys, options))
    return Subject(name, urlsplit(server.url).port or 0, server.process.pid, requests)


@contextmanager
def _fastapi(name: str, requests: Sequence[bytes]) -> Iterator[Subject]:
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = int(probe.getsockname()[1])
    process = subprocess.Popen(  # noqa: S603 - the command is our own
        [sys.executable, "-m", "flk.impl.bench.fastapi_baseline", str(port), SECRET]
    )
    try:
        _await_port(port, process)
        yield Subject(name, port, process.pid, requests)
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
