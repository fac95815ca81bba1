"""Servers under load in turns: what one request costs each, in rounds, and beside the first of them.

The machine's moods slow down all who have their turn in a round; so a ratio is the median of the rounds' ratios.
"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from ssl import SSLContext
from statistics import median
from typing import NamedTuple

import msgspec

from flk.impl.bench.load import Load, drive
from flk.impl.bench.records import distinct, submission
from flk.model.flow.submission import Submission
from flk.model.record.signing import HmacKey

CONNECTIONS = 64
ROUNDS = 3
SECRET = "of the benchmark"  # noqa: S105 - of servers that live for seconds, on loopback


class Subject(NamedTuple):
    """A server under load: its name, its port on loopback, its process, the requests for it, how many records one holds, how many
    connections send them, by what TLS if by any, and what its answers are checked by.
    """

    name: str
    port: int
    pid: int
    requests: Sequence[bytes]
    records: int = 1
    connections: int = CONNECTIONS
    tls: SSLContext | None = None


class Figure(msgspec.Struct, frozen=True):
    """One server: medians over the rounds. Records a second; latencies of requests in seconds; processor time of the server in
    seconds a record; and how many times as many records a second as the first server.
    """

    name: str
    per_second: float
    p50: float
    p99: float
    processor: float
    ratio: float
    rounds: int


class Bar(msgspec.Struct, frozen=True):
    """A bar, what was measured, and whether it was reached."""

    name: str
    measured: str
    met: bool


class Wrong(Exception):
    """A server under load answered otherwise than it must."""


class _Turn(NamedTuple):
    """One server in one round."""

    per_second: float
    p50: float
    p99: float
    processor: float


def take_turns(
    subjects: Sequence[Subject], slot: float, on_progress: Callable[[str], None] = lambda _: None, rounds: int = ROUNDS
) -> tuple[Figure, ...]:
    """Figures of the servers, after so many rounds in which each is under load for `slot` seconds. Raises Wrong."""
    turns: list[list[_Turn]] = [[] for _ in subjects]
    sent = [0] * len(subjects)
    for number in range(rounds):
        for index, subject in enumerate(subjects):
            on_progress(f"round {number + 1} of {rounds}: {subject.name}")
            before = processor_seconds(subject.pid)
            load = drive(
                "127.0.0.1", subject.port, subject.requests[sent[index] :], subject.connections, slot, tls=subject.tls
            )
            used = processor_seconds(subject.pid) - before
            _check(subject.name, load)
            sent[index] += len(load.latencies)
            records = len(load.latencies) * subject.records
            turns[index].append(_Turn(records / load.seconds, load.quantile(0.5), load.quantile(0.99), used / records))
    return tuple(_figures(subjects, turns))


def honest(count: int) -> Iterator[Submission]:
    """So many submissions, each a record of its own: real ones under other epochs, signed."""
    key = HmacKey(SECRET.encode())
    return (submission(record, key) for record in islice(distinct(), count))


def processor_seconds(pid: int) -> float:
    """Seconds of processor time a process has used, all its threads together (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _figures(subjects: Sequence[Subject], turns: Sequence[Sequence[_Turn]]) -> Iterator[Figure]:
    for subject, own in zip(subjects, turns, strict=True):
        ratio = median(mine.per_second / first.per_second for mine, first in zip(own, turns[0], strict=True))
        typical = _Turn(*(median(column) for column in zip(*own, strict=True)))
        yield Figure(subject.name, *typical, ratio, len(own))


def _check(name: str, load: Load) -> None:
    """Every record is honest and new, so every answer is 200 and accepts it; of a batch, each line."""
    if set(load.statuses) != {200}:
        raise Wrong(f"{name} answered with {dict(load.statuses)}")
    for body in load.bodies.values():
        for line in map(json.loads, body.splitlines()):
            if line.get("body", line).get("accepted") is not True:
                raise Wrong(f"{name} answered {line!r}")
