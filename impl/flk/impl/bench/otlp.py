"""`flk bench otlp`: what it costs a live server to tell a collector of its work, beside the same server without one (OBS-10).

The collector is a process of its own that takes everything; another listens, and never answers.
"""

import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlsplit

from flk.impl.bench.load import encode_request
from flk.impl.bench.turns import SECRET, Bar, Figure, Subject, honest, take_turns
from flk.impl.server.process import key_file, server_process

ROUNDS = 5  # what is to be told apart is little
LOOPBACK = "127.0.0.1"
FASTEST = 20_000  # requests a second that are prepared for, at most
UNBOUNDED = ["--limit", "otlp.max_traces_per_second=1000000", "--limit", "otlp.queue_items=1000000"]
LEAST = 0.95
"""Of the submits a second without a collector, with the share that is the default."""


def measure(seconds: float, on_progress: Callable[[str], None] = lambda _: None) -> tuple[Figure, ...]:
    """Figures without a collector, with a share of spans, with spans of all as far as they are bounded, the same beside a collector
    that never answers, and without bounds; after about that many seconds under load.
    """
    with tempfile.TemporaryDirectory() as directory, ExitStack() as running:
        home = Path(directory)
        keys = key_file(home, SECRET)
        takes, silent = running.enter_context(_collector()), running.enter_context(_silence())
        ways: dict[str, Sequence[str]] = {
            "without a collector": (),
            "a share of 0.01": ("--otlp", takes),
            "all, within bounds": ("--otlp", takes, "--otlp-sample", "1"),
            "all, never answered": ("--otlp", silent, "--otlp-sample", "1"),
            "all, without bounds": ("--otlp", takes, "--otlp-sample", "1", *UNBOUNDED),
        }
        slot = seconds / ROUNDS / len(ways)
        on_progress("signing records")
        requests = [encode_request(each, LOOPBACK) for each in honest(int(slot * ROUNDS * FASTEST))]
        subjects = []
        for number, (name, options) in enumerate(ways.items()):
            server = running.enter_context(server_process(home / str(number), keys, options))
            subjects.append(Subject(name, urlsplit(server.url).port or 0, server.process.pid, requests))
        return take_turns(subjects, slot, on_progress, ROUNDS)


def bars(figures: Sequence[Figure]) -> tuple[Bar, ...]:
    """What the default must leave of the submits a second."""
    ratio = figures[1].ratio
    return (Bar(f"with a collector at least {LEAST:g} of the submits without", f"{ratio:.2f}", ratio >= LEAST),)


class _Takes(BaseHTTPRequestHandler):
    """Takes whatever comes."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Not on stderr."""


@contextmanager
def _collector() -> Iterator[str]:
    """One that takes everything; its address."""
    spawning = get_context("spawn")
    told, tell = spawning.Pipe(duplex=False)
    process = spawning.Process(target=_take, args=(tell,), daemon=True)
    process.start()
    try:
        yield f"http://{LOOPBACK}:{told.recv()}"
    finally:
        process.kill()
        process.join()


def _take(tell: "Connection[int, int]") -> None:
    server = HTTPServer((LOOPBACK, 0), _Takes)
    tell.send(server.server_port)
    server.serve_forever()


@contextmanager
def _silence() -> Iterator[str]:
    """One that never answers; its address."""
    with closing(socket.create_server((LOOPBACK, 0))) as listening:
        yield f"http://{LOOPBACK}:{listening.getsockname()[1]}"
