"""Many records through a real node with snapshots and retention on: what it takes of memory, disk and time as it grows old.

Records are signed here and sent to `flk serve` over HTTP by the load generator, many to a request (BAT-1), so they take every step
of a node's life. After each step the server is killed and started; goes on under a low rate until all that was fed is removed, and
is stopped and started once more. Snapshots come as often as they can be written: the more entries, the more rarely.

Others may use the machine: beside seconds of a start and of answers stand those of the processor, and beside a submit at the low
rate the disk's own time for as many bytes.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from itertools import islice
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from flk.impl.bench.ageing import Measure, per
from flk.impl.bench.hostile import memory_of
from flk.impl.bench.load import Load, drive, encode_batch, encode_request
from flk.impl.bench.records import submissions
from flk.impl.bench.turns import SECRET, Wrong, processor_seconds
from flk.impl.server.process import ServerProcess, key_file, server_process
from flk.model.programs.ship import PREFIX
from flk.model.record.signing import HmacKey
from flk.spec.constants import CONSTANTS

STEPS = 10
SIGNED = 20_000  # records that are prepared and sent together
TOGETHER = 500  # of them, in a request
CONNECTIONS = 8  # that are kept alive: with what one request holds, as much as may be in flight (ORD-6)
REGION = "eu"
HOST = "127.0.0.1"
PACE_SECONDS = 0.05  # from one submission at the low rate to the next
PACED = 100  # submissions at the low rate, at least
PATIENCE, LEAST_PATIENCE_SECONDS = (
    8.0,
    60.0,
)  # intervals between snapshots, within which all that was fed has to be removed
SHIP_SECONDS = 1.0
LEAST_SECONDS = 2.0  # from one snapshot to the next
RECORDS_A_SECOND = 25_000  # an interval is long enough for a snapshot of so many for each of its seconds


class Step(msgspec.Struct, frozen=True):
    """A node after so many records. Bytes resident at the end of the load, and on disk once what was fed is removed, and the most
    that the log had under load; what a start took after kill -9 right behind the load, and after an orderly stop; seconds of a
    submission at a low rate, and of the disk alone; whether all that was fed was removed in time.
    """

    records: int
    interval: float
    rate: float
    processor: float
    memory: int
    log_under_load: int
    log: int
    store: int
    objects: int
    snapshots: int
    after_kill: "Start"
    after_stop: "Start"
    p50: float
    p99: float
    disk_p50: float
    disk_p99: float
    removed: bool

    def __str__(self) -> str:
        """What a long run tells meanwhile."""
        kill, stop = self.after_kill, self.after_stop
        return (
            f"{self.records:,} records, {self.rate:,.0f} a second; {self.memory / 1e6:,.0f} MB resident, store"
            f" {self.store / 1e6:,.0f} MB, log {self.log / 1e6:,.1f} MB; start after kill {kill.seconds:.2f} s"
            f" ({kill.processor:.2f} s of processor), after stop {stop.seconds:.2f} s ({stop.processor:.2f} s); submit"
            f" p50 {self.p50 * 1e3:.1f} ms, p99 {self.p99 * 1e3:.1f} ms (disk alone {self.disk_p50 * 1e3:.1f} and"
            f" {self.disk_p99 * 1e3:.1f} ms)"
        )


class Start(NamedTuple):
    """Seconds until a server is ready, and those that it had of the processor: others may use the machine, too."""

    seconds: float
    processor: float


class Life:
    """The directories of a node, the records that it is sent, and the servers that it has been."""

    def __init__(self, home: Path) -> None:
        self.data, self.bucket = home / "data", home / "bucket"
        self.bucket.mkdir()
        self._keys = key_file(home, SECRET)
        self._beside = os.open(home / "beside", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._submissions = submissions(HmacKey(SECRET.encode()))
        self.sent = 0
        self.most_log = 0

    def start(self, servers: ExitStack, interval: float) -> tuple[ServerProcess, Start]:
        """A server on what the last one left, with a snapshot every `interval` seconds, and what its start took."""
        options = (
            *("--region", REGION, "--objects", self.bucket.as_uri(), "--ship-every", str(min(SHIP_SECONDS, interval))),
            *("--snapshot-every", str(interval), "--retain", "0"),
        )
        began = time.perf_counter()
        server = servers.enter_context(server_process(self.data, self._keys, options))
        return server, Start(time.perf_counter() - began, processor_seconds(server.process.pid))

    def feed(self, server: ServerProcess, count: int) -> tuple[float, float]:
        """Send so many new records, many to a request; records a second, without the time that signing takes, and the server's
        seconds of the processor for each. Raises Wrong.
        """
        left, seconds, began = count, 0.0, processor_seconds(server.process.pid)
        while left:
            signed = list(islice(self._submissions, min(left, SIGNED)))
            requests = [encode_batch(signed[at : at + TOGETHER], HOST) for at in range(0, len(signed), TOGETHER)]
            load = drive(HOST, _port(server), requests, CONNECTIONS, keep_every=1)
            require_accepted(load, len(signed))
            left -= len(signed)
            seconds += load.seconds
            self.sent += len(signed)
            self.most_log = max(self.most_log, size_of(self.log()))
        return count / seconds, (processor_seconds(server.process.pid) - began) / count

    def pace(self, server: ServerProcess) -> tuple[float, float]:
        """Send one new record over a connection of its own; the seconds until its answer, and those that the disk takes for as many
        bytes behind others. Raises Wrong.
        """
        request = encode_request(next(self._submissions), HOST)
        load = drive(HOST, _port(server), [request], 1, keep_every=1)
        require_accepted(load, 1)
        self.sent += 1
        began = time.perf_counter()
        os.write(self._beside, request)
        os.fdatasync(self._beside)
        return float(load.latencies[0]), time.perf_counter() - began

    def close(self) -> None:
        """Release the file."""
        os.close(self._beside)

    def log(self) -> set[Path]:
        """The segments on disk."""
        return set(self.data.glob(f"{REGION}.*/*.wal"))

    def shipped(self) -> set[Path]:
        """The objects of segments."""
        return _files(self.bucket / PREFIX)


def measure(
    home: Path,
    records: int,
    interval: float | None = None,
    steps: int = STEPS,
    on_progress: Callable[[str], None] = lambda _: None,
    on_step: Callable[[Step], None] = lambda _: None,
) -> tuple[Measure, ...]:
    """The steps of a life of so many records, in an empty directory; a snapshot every `interval` seconds. `on_step` is told each.

    Without an interval a step's is as long as a snapshot of all the records takes that there are then. Raises Wrong if an honest
    record is not accepted.
    """
    found = []
    for step in lived(home, records, interval, steps, on_progress):
        on_step(step)
        found.append(step)
    return measures(found)


def lived(
    home: Path, records: int, interval: float | None, steps: int, on_progress: Callable[[str], None]
) -> Iterator[Step]:
    """Step after step, each with as many records, beside those of the low rate."""
    life = Life(home)
    intervals = [interval or max(LEAST_SECONDS, n * records / steps / RECORDS_A_SECOND) for n in range(1, steps + 1)]
    with closing(life), ExitStack() as servers:
        server, _ = life.start(servers, intervals[0])
        for number, every in enumerate(intervals, 1):
            on_progress(f"step {number} of {steps}: under load")
            life.most_log = 0
            rate, processor = life.feed(server, records // steps)
            memory = memory_of(server.process.pid)
            server.process.send_signal(signal.SIGKILL)
            servers.close()
            fed = life.log()
            server, after_kill = life.start(servers, every)
            on_progress(f"step {number} of {steps}: at a low rate, until what was fed is removed")
            paced, removed = _paced(life, server, fed, max(LEAST_PATIENCE_SECONDS, PATIENCE * every))
            submit, disk = (quantiles(column, n=100, method="inclusive") for column in zip(*paced, strict=True))
            held = {"log": size_of(life.log()), "objects": size_of(life.shipped())}
            snapshots = size_of(_files(life.bucket / CONSTANTS.snapshot.object_prefix))
            servers.close()
            server, after_stop = life.start(servers, intervals[min(number, steps - 1)])
            yield Step(
                records=life.sent,
                interval=every,
                rate=rate,
                processor=processor,
                memory=memory,
                log_under_load=life.most_log,
                log=held["log"],
                store=size_of(set(life.data.glob("entries.sqlite*"))),
                objects=held["objects"],
                snapshots=snapshots,
                after_kill=after_kill,
                after_stop=after_stop,
                p50=submit[49],
                p99=submit[98],
                disk_p50=disk[49],
                disk_p99=disk[98],
                removed=removed,
            )


def _paced(
    life: Life, server: ServerProcess, fed: set[Path], patience: float
) -> tuple[list[tuple[float, float]], bool]:
    """Seconds of submissions at a low rate, and of the disk alone, which goes on until the segments `fed` are removed, here and in
    the object store; and whether they were.
    """
    gone = False
    names = {path.relative_to(life.data).with_suffix("") for path in fed}
    paced: list[tuple[float, float]] = []
    end = time.monotonic() + patience
    while len(paced) < PACED or not (gone or time.monotonic() > end):
        began = time.perf_counter()
        paced.append(life.pace(server))
        time.sleep(max(0.0, PACE_SECONDS - (time.perf_counter() - began)))
        objects = {path.relative_to(life.bucket / PREFIX) for path in life.shipped()}
        gone = not (fed & life.log() or names & objects)
    return paced, gone


def measures(steps: Sequence[Step]) -> tuple[Measure, ...]:
    """What is judged of the steps. Entries are kept (decision 0044), so what holds them is judged for each. What came since the
    last snapshots is kept, too, so the log at rest is judged for each second between them.
    """

    def of(name: str) -> tuple[float, ...]:
        return tuple(float(getattr(step, name)) for step in steps)

    records, intervals = of("records"), of("interval")
    return (
        Measure("records so far", "", records, bar=0),
        Measure("from one snapshot to the next", "seconds", intervals, bar=0),
        Measure("answers a second under load", "", of("rate"), bar=0),
        Measure("processor for each", "seconds", of("processor"), bar=0),
        Measure("resident memory", "bytes", of("memory")),
        Measure("log, at most, under load", "bytes", of("log_under_load"), bar=0),
        Measure("log at rest, for a second of that", "bytes", per(of("log"), intervals)),
        Measure("objects of the log, for a second of that", "bytes", per(of("objects"), intervals)),
        Measure("all that was fed is removed", "", of("removed"), bar=0),
        Measure("store, an entry", "bytes", per(of("store"), records)),
        Measure("snapshots, an entry", "bytes", per(of("snapshots"), records)),
        Measure("start after kill -9", "seconds", tuple(step.after_kill.seconds for step in steps)),
        Measure("processor for that", "seconds", tuple(step.after_kill.processor for step in steps)),
        Measure("start after a stop", "seconds", tuple(step.after_stop.seconds for step in steps)),
        Measure("processor for that one", "seconds", tuple(step.after_stop.processor for step in steps)),
        Measure("submit at a low rate, p50", "seconds", of("p50")),
        Measure("submit at a low rate, p99", "seconds", of("p99")),
        Measure("the disk alone, p50", "seconds", of("disk_p50"), bar=0),
        Measure("the disk alone, p99", "seconds", of("disk_p99"), bar=0),
    )


def size_of(files: set[Path]) -> int:
    """Bytes that files take on disk; one that is removed meanwhile takes none."""
    size = 0
    for file in files:
        try:
            size += file.stat().st_blocks * 512
        except FileNotFoundError:
            continue
    return size


def _files(directory: Path) -> set[Path]:
    return {path for path in directory.glob("**/*") if path.is_file()}


def require_accepted(load: Load, records: int) -> None:
    """Return if so many records were accepted, alone or in batches. Raises Wrong."""
    accepted = sum(body.count(b'"accepted":true') for body in load.bodies.values())
    if set(load.statuses) != {200} or accepted != records:
        raise Wrong(f"of {records} honest records {accepted} were accepted, by answers of {dict(load.statuses)}")


def _port(server: ServerProcess) -> int:
    return urlsplit(server.url).port or 0
