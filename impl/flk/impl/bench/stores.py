"""`flk bench store`: each store beside a plain client of the same server, nodes that share one, and what checksums and
snapshots cost.
"""

import itertools
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import msgspec
from google_crc32c import value as crc32c

from flk.impl.bench.ingest import prepare
from flk.impl.bench.interleave import Contest, Figure, run
from flk.impl.bench.load import Load, drive
from flk.impl.bench.plain_stores import SHARED, PlainSqlite, PlainStore, Row
from flk.impl.bench.store_servers import KINDS, StoreServer
from flk.impl.bench.turns import CONNECTIONS, SECRET, Bar, Wrong, processor_seconds
from flk.impl.server.node import RealNode
from flk.impl.server.process import ServerProcess, key_file, server_process
from flk.impl.storage.objects import open_objects
from flk.impl.storage.opening import open_shared
from flk.impl.storage.rows import text
from flk.impl.storage.sqlite import SqliteStore
from flk.impl.storage.store import EntryStore
from flk.impl.storage.wal import FileDisk
from flk.model.entries.entry import Claim, Entry, Key, Outcome, Reason
from flk.model.log.hlc import Timestamp, at
from flk.model.programs.recover import APPLIED
from flk.model.programs.ship import SHIPPED
from flk.model.programs.snapshot import snapshot
from flk.model.runtime import run as perform
from flk.spec.constants import CONSTANTS

BATCH = 64  # claims of one step, as many as there are connections
REPEATED_EVERY = 8  # one claim in so many is of a key that is stored
NODES = (1, 2, 4)
COST_BAR = 0.05
ENTRIES = 10**7  # of a store whose snapshots are judged
SNAPSHOT_BATCHES = 300
FASTEST = 25_000  # submits a second that are prepared for, at most
REGION = "eu"


class Shared(msgspec.Struct, frozen=True):
    """Nodes on one store under load: medians over the rounds, all nodes together; the ratio is to one node on the same store."""

    store: str
    nodes: int
    per_second: float
    p99: float
    ratio: float


class Report(msgspec.Struct, frozen=True):
    """What was measured. `claims` are entries a second of each store and of a plain client of its server.

    `submit`, `checksum` and `snapshot` are seconds of processor: of a node for one submit, of the checksum in it, and of an entry's
    part in a snapshot.
    """

    claims: tuple[Figure, ...]
    nodes: tuple[Shared, ...]
    submit: float
    checksum: float
    snapshot: float

    @property
    def bars(self) -> tuple[Bar, ...]:
        """The bars of the design, judged."""
        checksums = self.checksum / self.submit
        snapshots = self.snapshot * ENTRIES / CONSTANTS.snapshot.every_seconds
        return (
            Bar(f"checksums take at most {COST_BAR:.0%} of a submit", f"{checksums:.1%}", checksums <= COST_BAR),
            Bar(
                f"snapshots of {ENTRIES:.0e} entries, as often as by default, take at most {COST_BAR:.0%} of one core",
                f"{snapshots:.1%}",
                snapshots <= COST_BAR,
            ),
        )


def measure(seconds: float, say: Callable[[str], None] = lambda _: None) -> Report:
    """After about so many seconds, a third for the stores alone. Raises UnusableInput where a kind of server is missing."""
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        home = Path(directory)
        say("starting PostgreSQL and Redis")
        servers = {name: start() for name, start in KINDS.items()}
        for server in servers.values():
            stack.callback(server.kill)
        say("claims, in each store and in a plain client's way")
        claims = compare(home, servers, seconds / 3)
        share = seconds * 2 / 3 / (2 * len(NODES) + 1)
        keys = key_file(home, SECRET)
        requests = prepare(int(share * FASTEST))
        found = []
        for name in ("postgresql", "redis"):
            rows: list[Shared] = []
            for count in NODES:
                say(f"{count} nodes on {name}")
                load = _of_nodes(
                    home / f"{name}{count}", keys, servers[name].url(f"nodes{count}"), count, requests, share
                )
                rate = sum(each.rate for each in load)
                ratio = rate / rows[0].per_second if rows else 1.0
                rows.append(Shared(name, count, rate, max(each.quantile(0.99) for each in load), ratio))
            found += rows
        say("what checksums and snapshots take")
        submit = _submit_seconds(home, keys, requests, share)
        return Report(claims, tuple(found), submit, _checksum_seconds(), _snapshot_seconds(home))


def compare(home: Path, servers: "dict[str, StoreServer]", seconds: float) -> tuple[Figure, ...]:
    """Entries a second by the wall clock, of SQLite and of each kind of server; the plain client's are the baseline."""
    with ExitStack() as stack:

        def ours_in(store: EntryStore, claims: Sequence[Claim]) -> None:
            store.insert_or_get(claims)
            store.flush()

        def contest(name: str, ours: EntryStore, plain: PlainStore) -> Contest:
            stack.callback(ours.close)
            stack.callback(plain.close)
            ours_next, plain_next = batches(), batches()
            return Contest(
                name,
                BATCH,
                lambda: ours_in(ours, next(ours_next)),
                lambda: plain.insert_or_get([_row(claim) for claim in next(plain_next)]),
            )

        contests = [contest("sqlite", SqliteStore(home / "ours.sqlite"), PlainSqlite(home / "plain.sqlite"))]
        for name, plain in SHARED:
            url = servers[name].url("claims")
            store = open_shared(url, REGION)
            store.enlist("bench", None)
            contests.append(contest(name, store, plain(url)))
        return run(contests, seconds, clock=time.perf_counter)


def batches() -> Iterator[list[Claim]]:
    """Claims of new keys, and now and then of one that came before; timestamps go up."""
    numbers = itertools.count()
    outcome = Outcome(accepted=True, escalated=False, reason=Reason.OK, recomputed_D_hat=1.0, recomputed_budget=0.3)
    began = at(time.time())
    while True:
        claims = []
        for number in itertools.islice(numbers, BATCH):
            key = number // 2 if not number % REPEATED_EVERY else number
            entry = Entry(Timestamp(began + number), REGION, f"{key:064x}", outcome)
            claims.append(Claim(Key("default", f"{key:064x}"), entry))
        yield claims


def _row(claim: Claim) -> Row:
    return claim.key.pcs_id, msgspec.json.encode(claim.entry).decode()


def _of_nodes(home: Path, keys: Path, store: str, count: int, requests: Sequence[bytes], seconds: float) -> list[Load]:
    """So many nodes on a store, each with its part of the connections."""
    home.mkdir()
    with ExitStack() as stack:
        nodes = [
            stack.enter_context(server_process(home / str(number), keys, ["--store", store])) for number in range(count)
        ]
        return _side_by_side(nodes, requests, seconds)


def _side_by_side(nodes: Sequence[ServerProcess], requests: Sequence[bytes], seconds: float) -> list[Load]:
    found: list[Load] = []

    def load(number: int, node: ServerProcess) -> None:
        port = urlsplit(node.url).port or 0
        found.append(drive("127.0.0.1", port, requests[number :: len(nodes)], CONNECTIONS // len(nodes), seconds))

    threads = [Thread(target=load, args=each) for each in enumerate(nodes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(found) < len(nodes) or any(set(each.statuses) != {200} for each in found):
        raise Wrong(f"nodes answered with {[dict(each.statuses) for each in found]}")
    return found


def _submit_seconds(home: Path, keys: Path, requests: Sequence[bytes], seconds: float) -> float:
    """Processor time of one node, with a store of its own, for a submit."""
    with server_process(home / "alone", keys) as node:
        before = processor_seconds(node.process.pid)
        (load,) = _side_by_side([node], requests, seconds)
        return (processor_seconds(node.process.pid) - before) / len(load.latencies)


def _checksum_seconds() -> float:
    """Processor time of an entry's checksum, as its row has it."""
    claims = next(batches())
    columns = [(*key, entry.timestamp, entry.region, entry.digest, text(entry.outcome)) for key, entry in claims]
    encode = msgspec.json.Encoder().encode
    (figure,) = run(
        [Contest("", BATCH, lambda: [crc32c(encode(each)) for each in columns], lambda: [None for _ in columns])], 0.5
    )
    return 1 / figure.per_second


def _snapshot_seconds(home: Path) -> float:
    """Processor time of an entry's part in a snapshot."""
    (home / "objects").mkdir()
    disk = FileDisk(home / "snapshot", REGION)
    store = SqliteStore(home / "snapshot.sqlite")
    with closing(RealNode(disk, store, objects=open_objects((home / "objects").as_uri()))) as node:
        for claims in itertools.islice(batches(), SNAPSHOT_BATCHES):
            store.insert_or_get(claims)
        for mark in (APPLIED, SHIPPED):
            store.mark(mark, f"{REGION}.000001/{1:012d}")
        store.flush()
        before = time.process_time()
        written = perform(snapshot(REGION), node.perform)
        return (time.process_time() - before) / written.entries
