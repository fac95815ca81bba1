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
SENDERS = {"one sender": 1, "many senders": CONNECTIONS}
"""Connections, each of which waits for its answer before it sends again: one leaves the server idle, many saturate it."""


def measure(seconds: float, on_progress: Callable[[str], None] = lambda _: None) -> tuple[Figure, ...]:
    """Figures for one sender and for many, and for each size of a batch, one record first, after about so many seconds under load.
    Ratios are to one record a request from as many senders.
    """
    slot = seconds / ROUNDS / len(SIZES) / len(SENDERS)
    on_progress("signing records")
    sent = [*honest(int(slot * ROUNDS * FASTEST))]
    figures: tuple[Figure, ...] = ()
    for senders in SENDERS:
        with tempfile.TemporaryDirectory() as directory, ExitStack() as servers:
            home = Path(directory)
            keys = key_file(home, SECRET)
            subjects = [_subject(servers, home / str(size), keys, sent, size, senders) for size in SIZES]
            figures += take_turns(subjects, slot, on_progress)
    return figures


def bars(figures: Sequence[Figure]) -> tuple[Bar, ...]:
    """What the better of the sizes must reach, from one sender and from many."""
    best = {who: max(figure.ratio for figure in figures if figure.name.startswith(who)) for who in SENDERS}
    return tuple(
        Bar(f"{who}: at least {TIMES_BAR:g} times single submits", f"{ratio:.2f}", ratio >= TIMES_BAR)
        for who, ratio in best.items()
    )


def _subject(
    servers: ExitStack, data: Path, keys: Path, sent: Sequence[Submission], size: int, senders: str
) -> Subject:
    server = servers.enter_context(server_process(data, keys))
    if size == 1:
        requests = [encode_request(each, "127.0.0.1") for each in sent]
    else:
        whole = range(0, len(sent) - size + 1, size)
        requests = [encode_batch(sent[at : at + size], "127.0.0.1") for at in whole]
    connections = min(SENDERS[senders], IN_FLIGHT // size)
    name = f"{senders}, {size} to a request"
    return Subject(name, urlsplit(server.url).port or 0, server.process.pid, requests, size, connections)
