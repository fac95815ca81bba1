"""Servers under load in turns: what one request costs each, in rounds, and beside the first of them.

The machine's moods slow down all who have their turn in a round; so a ratio is the median of the rounds' ratios.
"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from ssl import SSLContext
from statistics import median
from time import perf_counter
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
    connections send them, by what TLS if by any, and what its answers are checked by. After its turn, what it owes for all that it
    was sent is waited for, if `settle` says how: with how many records it has by then.
    """

    name: str
    port: int
    pid: int
    requests: Sequence[bytes]
    records: int = 1
    connections: int = CONNECTIONS
    tls: SSLContext | None = None
    settle: Callable[[int], None] | None = None


class Figure(msgspec.Struct, frozen=True):
    """One server: medians over the rounds. Records a second; latencies of requests in seconds; processor time of the server in
    seconds a record; and how many times as many records a second as the first server. `helpers` is processor time of processes that
    it started, and `settled` how long it was waited for after its turn.
    """

    name: str
    per_second: float
    p50: float
    p99: float
    processor: float
    ratio: float
    rounds: int
    helpers: float = 0.0
    settled: float = 0.0


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
    helpers: float
    settled: float


def take_turns(
    subjects: Sequence[Subject], slot: float, on_progress: Callable[[str], None] = lambda _: None, rounds: int = ROUNDS
) -> tuple[Figure, ...]:
    """Figures of the servers, after so many rounds in which each is under load for `slot` seconds, in either order by turns. Raises
    Wrong.
    """
    turns: list[list[_Turn]] = [[] for _ in subjects]
    sent = [0] * len(subjects)
    for number in range(rounds):
        for index, subject in list(enumerate(subjects))[:: -1 if number % 2 else 1]:
            on_progress(f"round {number + 1} of {rounds}: {subject.name}")
            before, helped = processor_seconds(subject.pid), helpers_seconds(subject.pid)
            load = drive(
                "127.0.0.1", subject.port, subject.requests[sent[index] :], subject.connections, slot, tls=subject.tls
            )
            used = processor_seconds(subject.pid) - before
            _check(subject.name, load)
            sent[index] += len(load.latencies)
            records = len(load.latencies) * subject.records
            began = perf_counter()
            if subject.settle is not None:
                subject.settle(sent[index] * subject.records)
            settled, helpers = perf_counter() - began, helpers_seconds(subject.pid) - helped
            latencies = load.quantile(0.5), load.quantile(0.99)
            turns[index].append(_Turn(records / load.seconds, *latencies, used / records, helpers / records, settled))
    return tuple(_figures(subjects, turns))


def honest(count: int) -> Iterator[Submission]:
    """So many submissions, each a record of its own: real ones under other epochs, signed."""
    key = HmacKey(SECRET.encode())
    return (submission(record, key) for record in islice(distinct(), count))


def processor_seconds(pid: int) -> float:
    """Seconds of processor time a process has used, all its threads together (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def helpers_seconds(pid: int) -> float:
    """Seconds of processor time that processes have used which a process started: those that run, and those that ended (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ended = (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
    running: set[int] = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that has just ended
            running |= set(map(int, (task / "children").read_text().split()))
    return ended + sum(map(processor_seconds, running))


def _figures(subjects: Sequence[Subject], turns: Sequence[Sequence[_Turn]]) -> Iterator[Figure]:
    for subject, own in zip(subjects, turns, strict=True):
        ratio = median(mine.per_second / first.per_second for mine, first in zip(own, turns[0], strict=True))
        typical = _Turn(*(median(column) for column in zip(*own, strict=True)))
        per_second, p50, p99, processor, helpers, settled = typical
        yield Figure(subject.name, per_second, p50, p99, processor, ratio, len(own), helpers, settled)


def _check(name: str, load: Load) -> None:
    """Every record is honest and new, so every answer is 200 and accepts it; of a batch, each line."""
    if set(load.statuses) != {200}:
        raise Wrong(f"{name} answered with {dict(load.statuses)}")
    for body in load.bodies.values():
        for line in map(json.loads, body.splitlines()):
            if line.get("body", line).get("accepted") is not True:
                raise Wrong(f"{name} answered {line!r}")
