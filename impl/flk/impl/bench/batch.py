"""`flk bench batch`: durable records a second of a live server that gets them one to a request, and many to a request (BAT-1).

A server for each, side by side, in turns. Every record is valid and of its own, signed and encoded beforehand.
"""

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from flk.impl.bench.load import encode_batch, encode_request
from flk.impl.bench.turns import CONNECTIONS, ROUNDS, SECRET, Bar, Figure, Subject, honest, take_turns
from flk.impl.server.process import key_file, server_process
from flk.model.flow.submission import Submission

SIZES = (1, 100, 1000)
FASTEST = 120_000  # records a second that are prepared for, at most
IN_FLIGHT = 4000  # records, at most: the server refuses more (ORD-6)
TIMES_BAR = 3.0


def measure(seconds: float, on_progress: Callable[[str], None] = lambda _: None) -> tuple[Figure, ...]:
    """Figures for each size of a batch, one record first, after about that many seconds under load."""
    slot = seconds / ROUNDS / len(SIZES)
    on_progress("signing records")
    sent = [*honest(int(slot * ROUNDS * FASTEST))]
    with tempfile.TemporaryDirectory() as directory, ExitStack() as servers:
        home = Path(directory)
        keys = key_file(home, SECRET)
        subjects = [_subject(servers, home / str(size), keys, sent, size) for size in SIZES]
        return take_turns(subjects, slot, on_progress)


def bars(figures: Sequence[Figure]) -> tuple[Bar, ...]:
    """What the better of the sizes must reach."""
    best = max(figure.ratio for figure in figures)
    return (Bar(f"at least {TIMES_BAR:g} times single submits", f"{best:.2f}", best >= TIMES_BAR),)


def _subject(servers: ExitStack, data: Path, keys: Path, sent: Sequence[Submission], size: int) -> Subject:
    server = servers.enter_context(server_process(data, keys))
    if size == 1:
        name, requests = "one to a request", [encode_request(each, "127.0.0.1") for each in sent]
    else:
        whole = range(0, len(sent) - size + 1, size)
        name, requests = f"{size} to a request", [encode_batch(sent[at : at + size], "127.0.0.1") for at in whole]
    connections = min(CONNECTIONS, IN_FLIGHT // size)
    return Subject(name, urlsplit(server.url).port or 0, server.process.pid, requests, size, connections)
