"""The store of one node in SQLite: `flk.model.memory.parts.Entries` again, in a file.

Claims are decided in memory and written behind. A claim's key is a hash, so each insertion lands on a page of its own; one
transaction for each batch of requests would write that page every time (measured: 20 to 50 us an entry). Some ten thousand
entries are therefore written by one statement, in one transaction, in a thread that does not hold the interpreter's lock
meanwhile. Until that transaction is committed the entries are looked up in memory.

That is safe because the log rebuilds the store: an entry that a crash takes from memory is in a segment that the `applied` mark
does not cover, and a mark is written in the transaction of the entries before it. For the same reason `synchronous=NORMAL` is
enough for them: after a power failure SQLite may go back to an earlier transaction, never to a mixture. A merge is different. Its
entries are in a peer's log, and a client may be told one of them at once, so its transaction is synchronised (DUP-2).
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import msgspec

from flk.model.entries.entry import Claim, Entry, Key, Outcome, join
from flk.model.log.hlc import Timestamp
from flk.model.refusal import unavailable

FLUSH_ENTRIES = 8192  # entries that one transaction writes
MAX_PENDING = 8 * FLUSH_ENTRIES  # with more than this unwritten, claims wait for the disk
MERGE_ENTRIES = 1000  # entries looked up by one statement of a merge
CHECKPOINT_PAGES = (
    16384  # written to SQLite's own log before they are copied back; fewer, and hot pages are copied more often
)
BUSY_SECONDS = 1.0  # how long to wait for another process that holds the database

_SCHEMA = """
create table if not exists entries(
  tenant text not null, pcs_id text not null, timestamp integer not null, region text not null, digest text not null,
  outcome text not null, primary key(pcs_id, tenant));
create table if not exists marks(name text primary key, value text not null) without rowid;
create table if not exists superseded(
  sequence integer primary key, tenant text not null, pcs_id text not null, loser text not null, winner text not null);
"""
_COLUMNS = "tenant, pcs_id, timestamp, region, digest, outcome"
_PARTS = ", ".join(f"json_extract(value, '$[{column}]')" for column in range(6))
_INSERT_ALL = f"insert into entries({_COLUMNS}) select {_PARTS} from json_each(?)"  # noqa: S608  (no part of it comes from outside)
_LOOK_UP = f"select {_COLUMNS} from entries where pcs_id in (select value from json_each(?))"  # noqa: S608  (likewise)
_REPLACE = f"insert or replace into entries({_COLUMNS}) values (?, ?, ?, ?, ?, ?)"  # noqa: S608  (likewise)
_MARK = "insert or replace into marks(name, value) values (?, ?)"
_SUPERSEDE = "insert into superseded(tenant, pcs_id, loser, winner) values (?, ?, ?, ?)"

_encode = msgspec.json.Encoder().encode
_outcome = msgspec.json.Decoder(Outcome).decode
_entry = msgspec.json.Decoder(Entry).decode


class _Pending:
    """Entries and marks that are not in the database yet, and the entries' rows as one statement takes them."""

    def __init__(self) -> None:
        self.entries: dict[Key, Entry] = {}
        self.marks: dict[str, str] = {}
        self.rows: list[bytes] = []

    def __bool__(self) -> bool:
        return bool(self.entries or self.marks)

    def add(self, key: Key, entry: Entry) -> None:
        self.entries[key] = entry
        self.rows.append(_encode((*key, *_row(entry))))


class SqliteStore:
    """Entries, watermarks, and the local winners that gave way, in one file. One caller at a time.

    What reads or writes the database raises Unavailable if it does not answer, or could not be written since the last call;
    nothing is lost then, and the next call tries again (ORD-4).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fresh = _Pending()
        self._flushing = _Pending()
        self._flush: Future[None] | None = None
        self._thread = ThreadPoolExecutor(1, "store")
        with _answering():
            self._writer = _connect(path)
            self._writer.executescript(_SCHEMA)
            self._reader = _connect(path)

    def insert_or_get(self, claims: Sequence[Claim]) -> list[Entry]:
        """For each claim the entry then stored under its key: the claim's own if there was none, or only one of a clock ahead of
        ours, which gives way (DUP-1, CRR-1). Claims count in their order.
        """
        self._settle()
        fresh, flushing = self._fresh.entries, self._flushing.entries
        stored = self._look_up([key for key, _ in claims if key not in fresh and key not in flushing])
        winners = []
        for key, entry in claims:
            winner = fresh.get(key) or flushing.get(key) or stored.get(key)
            if winner is None:
                self._fresh.add(key, winner := entry)
            elif join(winner, entry) is entry:
                stored |= flushing | fresh | {key: (winner := entry)}
                self.merge([Claim(key, entry)])
                fresh, flushing = self._fresh.entries, self._flushing.entries
            winners.append(winner)
        if len(fresh) >= FLUSH_ENTRIES:
            self.flush_behind()
        return winners

    def merge(self, claims: Iterable[Claim]) -> int:
        """Join entries in, all in one transaction that survives a loss of power once it is over.

        Returns how many stored ones gave way, each of which is recorded (CRR-1, CRR-3).
        """
        self.flush()
        remaining = iter(claims)
        superseded = 0
        with _answering(), _synchronised(self._writer), self._writer:
            self._writer.execute("begin immediate")
            while some := list(islice(remaining, MERGE_ENTRIES)):
                superseded += self._join(some)
        return superseded

    def mark(self, name: str, value: str) -> None:
        """Set a watermark. It reaches the database together with the entries before it."""
        self._fresh.marks[name] = value

    def marked(self, name: str) -> str:
        """A watermark, empty if never set."""
        self._settle()
        for pending in (self._fresh, self._flushing):
            if name in pending.marks:
                return pending.marks[name]
        with _answering():
            row = self._reader.execute("select value from marks where name = ?", (name,)).fetchone()
        return row[0] if row else ""

    def count(self) -> int:
        """The number of entries."""
        self.flush()
        with _answering():
            (count,) = self._reader.execute("select count(*) from entries").fetchone()
        return int(count)

    def sample(self, size: int) -> tuple[Key, ...]:
        """At most `size` keys, each equally likely."""
        self.flush()
        with _answering():
            rows = self._reader.execute(
                "select tenant, pcs_id from entries order by random() limit ?", (size,)
            ).fetchall()
        return tuple(Key(*row) for row in rows)

    def fetch(self, keys: Sequence[Key]) -> tuple[Entry | None, ...]:
        """What is stored under each of the keys."""
        self.flush()
        stored = self._look_up(keys)
        return tuple(map(stored.get, keys))

    def superseded(self) -> list[tuple[Key, Entry, Entry]]:
        """The local winners that gave way, in order: key, loser, winner (CRR-3)."""
        self.flush()
        with _answering():
            rows = self._reader.execute(
                "select tenant, pcs_id, loser, winner from superseded order by sequence"
            ).fetchall()
        return [(Key(tenant, pcs_id), _entry(loser), _entry(winner)) for tenant, pcs_id, loser, winner in rows]

    def flush_behind(self) -> None:
        """Begin to write what is pending, in the store's own thread, unless it is busy."""
        if len(self._fresh.entries) >= MAX_PENDING:
            self.flush()
        self._settle()
        if self._flush is None and self._fresh:
            self._hand_over()

    def flush(self) -> None:
        """Write all that is pending."""
        while self._flush is not None or self._fresh:
            if self._flush is None:
                self._hand_over()
            self._settle(wait=True)

    def close(self) -> None:
        """Write all that is pending and release the file."""
        try:
            self.flush()
        finally:
            self._thread.shutdown()
            self._reader.close()
            self._writer.close()

    def _hand_over(self) -> None:
        self._flushing, self._fresh = self._fresh, _Pending()
        self._flush = self._thread.submit(self._write, self._flushing)

    def _settle(self, *, wait: bool = False) -> None:
        """Take note of a flush that ended. One that failed is repeated now; if it fails again the store does not answer."""
        if self._flush is None or not (wait or self._flush.done()):
            return
        if self._flush.exception() is not None:
            self._flush = self._thread.submit(self._write, self._flushing)
            with _answering():
                self._flush.result()
        self._flush, self._flushing = None, _Pending()

    def _write(self, pending: _Pending) -> None:
        rows = (b"[" + b",".join(pending.rows) + b"]").decode()
        with self._writer:
            self._writer.execute("begin immediate")
            self._writer.execute(_INSERT_ALL, (rows,))
            self._writer.executemany(_MARK, pending.marks.items())

    def _look_up(self, keys: Sequence[Key]) -> dict[Key, Entry]:
        with _answering():
            return _stored(self._reader, keys)

    def _join(self, claims: Sequence[Claim]) -> int:
        stored = _stored(self._writer, [claim.key for claim in claims])
        changed: dict[Key, Entry] = {}
        gave_way = []
        for key, entry in claims:
            current = stored.get(key)
            winner = entry if current is None else join(current, entry)
            if winner != current:
                stored[key] = changed[key] = winner
                if current is not None:
                    gave_way.append((*key, _text(current), _text(winner)))
        self._writer.executemany(_REPLACE, [(*key, *_row(entry)) for key, entry in changed.items()])
        self._writer.executemany(_SUPERSEDE, gave_way)
        return len(gave_way)


def _connect(path: Path) -> sqlite3.Connection:
    """A connection in autocommit mode; transactions are begun by name. Threads take turns with it."""
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = normal")
        connection.execute(f"pragma wal_autocheckpoint = {CHECKPOINT_PAGES}")
        connection.execute("pragma cache_size = -65536")  # KiB
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def _synchronised(connection: sqlite3.Connection) -> Iterator[None]:
    """Transactions inside are on the disk when they are committed."""
    connection.execute("pragma synchronous = full")
    try:
        yield
    finally:
        connection.execute("pragma synchronous = normal")


def _stored(connection: sqlite3.Connection, keys: Sequence[Key]) -> dict[Key, Entry]:
    """What is stored under the keys, and under the same ids of other tenants."""
    if not keys:
        return {}
    rows = connection.execute(_LOOK_UP, (_text([key.pcs_id for key in keys]),))
    return {
        Key(tenant, pcs_id): Entry(Timestamp(timestamp), region, digest, _outcome(outcome))
        for tenant, pcs_id, timestamp, region, digest, outcome in rows
    }


def _row(entry: Entry) -> tuple[int, str, str, str]:
    return (entry.timestamp, entry.region, entry.digest, _text(entry.outcome))


def _text(value: object) -> str:
    return _encode(value).decode()


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise unavailable(f"the store does not answer: {error}") from error
