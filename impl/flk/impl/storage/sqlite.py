"""The store of one node in SQLite: `flk.model.memory.parts.Entries` again, in a file.

Claims are decided in memory and written behind. A claim's key is a hash, so each insertion lands on a page of its own; one
transaction for each batch of requests would write that page every time (measured: 20 to 50 us an entry). Some ten thousand
entries are therefore written by one statement, in one transaction, in a thread that does not hold the interpreter's lock
meanwhile. Until that transaction is committed the entries are looked up in memory.

That is safe because the log rebuilds the store: an entry that a crash takes from memory is in a segment that the `applied` mark
does not cover, and a mark is written in the transaction of the entries before it. For the same reason `synchronous=NORMAL` is
enough for them: after a power failure SQLite may go back to an earlier transaction, never to a mixture. A merge is different. Its
entries are in a peer's log, and a client may be told one of them at once, so its transaction is synchronised (DUP-2).

A store that is not what was written is not answered from, and never mended: it is set aside, and the log rebuilds it (DUP-8).
Each page is compared with its sum when SQLite reads it (`flk.impl.storage.pages`), so nothing is verified when a store is opened,
however its process ended. Where pages have no sums, the whole store is.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from itertools import islice
from pathlib import Path

from flk.impl.storage.pages import LAYER, PAGE_BYTES, Look, are_known, sum_up, sums_of, why_not
from flk.impl.storage.recent import Recent
from flk.impl.storage.rows import (
    ENTRY_COLUMNS,
    MARK_COLUMNS,
    SCHEMA,
    SUPERSEDED_COLUMNS,
    TOTALS,
    Damaged,
    SupersededRow,
    Totals,
    entries_of,
    entry_json,
    entry_row,
    is_damage,
    mark_of,
    mark_row,
    of_damage,
    superseded_of,
    superseded_row,
    text,
    totals_of,
)
from flk.impl.storage.soundness import (
    forget_digest,
    is_as_closed,
    leave_digest,
    require_head,
    require_sound,
    require_tables,
    set_aside,
)
from flk.model.entries.entry import Claim, Entry, Key, export_order, join
from flk.model.log.hlc import ZERO, Timestamp
from flk.model.refusal import unavailable

FLUSH_ENTRIES = 8192  # entries that one transaction writes
MAX_FRESH = 2 * FLUSH_ENTRIES
"""While so many wait for the transaction that is under way, claims wait, too. So a kill leaves little more than twice as many to be
replayed, however slow the size of the file makes transactions. Larger ones would take no less time for each entry."""
MERGE_ENTRIES = 1000  # entries looked up by one statement of a merge
CHECKPOINT_PAGES = (
    16384  # written to SQLite's own log before they are copied back; fewer, and hot pages are copied more often
)
BUSY_SECONDS = 1.0  # how long to wait for another process that holds the database

_PARTS = ", ".join(f"json_extract(value, '$[{column}]')" for column in range(7))
_INSERT_ALL = f"insert into entries({ENTRY_COLUMNS}) select {_PARTS} from json_each(?) order by 2, 1"  # noqa: S608  (nothing from outside)
"""In the order of the key: each page of its index is then written once, however little of it SQLite can keep in memory."""
_LOOK_UP = f"select {ENTRY_COLUMNS} from entries where pcs_id in (select value from json_each(?))"  # noqa: S608  (likewise)
_REPLACE = f"insert or replace into entries({ENTRY_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608  (likewise)
_MARKED = f"select {MARK_COLUMNS} from marks where name = ?"  # noqa: S608  (likewise)
MARK = f"insert or replace into marks({MARK_COLUMNS}) values (?, ?, ?)"  # noqa: S608  (likewise)
_SAMPLE = "select tenant, pcs_id from entries order by random() limit ?"
_SUPERSEDED = f"select {SUPERSEDED_COLUMNS} from superseded order by sequence limit ? offset ?"  # noqa: S608  (likewise)
_EXPORT = f"select {ENTRY_COLUMNS} from entries where (pcs_id, tenant) > (?, ?) order by pcs_id, tenant limit ?"  # noqa: S608  (likewise)
_SUPERSEDE = f"insert into superseded({SUPERSEDED_COLUMNS}) values (?, ?, ?, ?, ?, ?)"  # noqa: S608  (likewise)


class _Pending:
    """Entries and marks that are not in the database yet, and the entries' rows as one statement takes them."""

    def __init__(self) -> None:
        self.entries: dict[Key, Entry] = {}
        self.marks: dict[str, str] = {}
        self.rows: list[bytes] = []
        self.checksums = 0

    def __bool__(self) -> bool:
        return bool(self.entries or self.marks)

    def add(self, key: Key, entry: Entry) -> None:
        row, checksum = entry_json(key, entry)
        self.entries[key] = entry
        self.rows.append(row)
        self.checksums += checksum


class SqliteStore:
    """Entries, watermarks, and the local winners that gave way, in one file. One caller at a time.

    What reads or writes the database raises Unavailable if it does not answer, or could not be written since the last call;
    nothing is lost then, and the next call tries again (ORD-4). Once the file or a row of it is found not to be what was written,
    be it at the opening, `damage` says so, and each call raises Damaged until the store is begun anew (DUP-8). `begun` counts that.
    """

    shared = False
    weakness = ""

    def __init__(self, path: Path) -> None:
        self.damage = ""
        self.begun = 0
        self.gave_way = 0
        self._path = path
        self._fresh = _Pending()
        self._flushing = _Pending()
        self._recent = Recent()
        self._flush: Future[None] | None = None
        self._thread = ThreadPoolExecutor(1, "store")
        self._totals = Totals()
        self._connections: list[sqlite3.Connection] = []
        self.has_sums = not why_not()
        self._look: Look | None = None
        self._copied = False
        with suppress(Damaged), self._answering():
            self._open()

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
                self.gave_way += self.merge([Claim(key, entry)])
                fresh, flushing = self._fresh.entries, self._flushing.entries
            winners.append(winner)
        self._keep_up()
        return winners

    def claim(self, claims: Sequence[Claim]) -> list[Entry]:
        """As `insert_or_get`: a store of the node's own is rebuilt as a whole."""
        return self.insert_or_get(claims)

    def merge(self, claims: Iterable[Claim]) -> int:
        """Join entries in, all in one transaction that survives a loss of power once it is over.

        Returns how many stored ones gave way, each of which is recorded (CRR-1, CRR-3).
        """
        return self._merge(claims, {})

    def _merge(self, claims: Iterable[Claim], elsewhere: Mapping[Key, Entry]) -> int:
        """Join entries in. Where the file has none under a key, the one that is `elsewhere` is what is stored."""
        self.flush()
        remaining = iter(claims)
        totals = self._totals
        with self._answering(), synchronised(self._writer), self._writer:
            self._writer.execute("begin immediate")
            while some := list(islice(remaining, MERGE_ENTRIES)):
                totals = self._join(some, totals, elsewhere)
            self._writer.execute(MARK, mark_row(TOTALS, text(totals)))
        superseded, self._totals = totals.superseded - self._totals.superseded, totals
        return superseded

    def latest(self) -> Timestamp:
        """Nobody else stores anything here, and the node's clock is past all that it stored."""
        return ZERO

    def replayed(self) -> None:
        """Nobody else stores anything here."""
        return

    def awaited(self) -> str:
        """Nobody is waited for."""
        return ""

    def mark(self, name: str, value: str) -> None:
        """Set a watermark. It reaches the database together with the entries before it."""
        self._fresh.marks[name] = value

    def marked(self, name: str) -> str:
        """A watermark, empty if never set."""
        self._settle()
        for pending in (self._fresh, self._flushing):
            if name in pending.marks:
                return pending.marks[name]
        with self._answering():
            return mark_of(self._reader.execute(_MARKED, (name,)).fetchone())

    def count(self) -> int:
        """The number of entries."""
        self.flush()
        with self._answering():
            (count,) = self._reader.execute("select count(*) from entries").fetchone()
            if count != self._totals.entries:
                raise Damaged("entries of the store are missing")
        return int(count)

    def sample(self, size: int) -> tuple[Key, ...]:
        """At most `size` keys, each equally likely."""
        self.flush()
        with self._answering():
            rows = self._reader.execute(_SAMPLE, (size,)).fetchall()
            keys = tuple(Key(*row) for row in rows)
            if not stored_rows(self._reader, keys).keys() >= set(keys):
                raise Damaged("the store has an entry under another's key")
        return keys

    def fetch(self, keys: Sequence[Key]) -> tuple[Entry | None, ...]:
        """What is stored under each of the keys."""
        return tuple(map(self.held(keys).get, keys))

    def held(self, keys: Sequence[Key]) -> dict[Key, Entry]:
        """What is stored under those of the keys under which something is, be it written yet or not. Nothing is written for it."""
        self._settle()
        fresh, flushing, (newer, older) = self._fresh.entries, self._flushing.entries, self._recent.generations
        known = ((key, fresh.get(key) or flushing.get(key) or newer.get(key) or older.get(key)) for key in keys)
        found = {key: entry for key, entry in known if entry is not None}
        stored = self._look_up([key for key in keys if key not in found])
        return found | {key: stored[key] for key in keys if key in stored}

    def superseded(self, after: int = 0, limit: int = -1) -> list[tuple[Key, Entry, Entry]]:
        """The local winners that gave way, in order: key, loser, winner (CRR-3); at most so many (-1: all) `after` the first."""
        self.flush()
        with self._answering():
            return list(superseded_of(self._reader.execute(_SUPERSEDED, (limit, after))))

    def export(self, after: Key | None, limit: int) -> tuple[Claim, ...]:
        """At most `limit` entries whose keys come after `after`, by `export_order`.

        What is pending is written before the first piece alone, so that a long export does not make small transactions of it.
        """
        if after is None:
            self.flush()
        begin = ("", "") if after is None else export_order(after)
        with self._answering():
            rows = self._reader.execute(_EXPORT, (*begin, limit))
            return tuple(Claim(key, entry) for key, entry in entries_of(rows))

    def flush_behind(self) -> None:
        """Begin to write what is pending, in the store's own thread, unless it is busy."""
        self._settle()
        if self._flush is None and self._fresh:
            self._hand_over()

    def flush(self) -> None:
        """Write all that is pending."""
        while self._flush is not None or self._fresh:
            if self._flush is None:
                self._hand_over()
            self._settle(wait=True)

    def look_over(self, pages: int) -> tuple[int, bool]:
        """Compare the next so many pages with their sums, unless something is being written: how many were, and whether all have
        been with them (DUP-8).

        A kill may part a page from its sum while it is copied from SQLite's log. There it still is, and is copied again before.
        """
        self._settle()
        if self._look is None or self._flush is not None:
            return 0, False
        if not self._copied:
            self._flush = self._thread.submit(self._copy)
            return 0, False
        with self._answering():
            return self._look.at(pages)

    def begin_anew(self) -> Path:
        """Set the file aside, with all that is pending, and begin an empty one; where the old one is now (DUP-8)."""
        if self._flush is not None:
            self._flush.exception()
        self._flush, self._flushing, self._fresh, self._totals = None, _Pending(), _Pending(), Totals()
        self._recent.clear()
        self._release()
        aside = set_aside(self._path)
        self.damage = ""
        self.begun += 1
        with self._answering():
            self._open()
        return aside

    def close(self) -> None:
        """Write all that is pending and release the file."""
        try:
            if not self.damage:
                self.flush()
        finally:
            self._thread.shutdown()
            self._release()
        if not (self.damage or self.has_sums):
            with suppress(OSError):
                leave_digest(self._path)

    def _open(self) -> None:
        """Connect to a file that is sound, or begin one. Readable by its owner alone, as SQLite's own log then is."""
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        self._path.chmod(0o600)
        require_head(self._path)
        if not (self.has_sums and are_known(self._path)):
            self._verify()
        forget_digest(self._path)
        if self.has_sums:
            self._look, self._copied = Look(self._path), False
        self._writer = self._connect()
        if not require_tables(self._writer):
            self._writer.executescript(SCHEMA)
        self._totals = totals_of(mark_of(self._writer.execute(_MARKED, (TOTALS,)).fetchone()))
        self._reader = self._connect()

    def _verify(self) -> None:
        """Verify the whole file, since nothing tells what was written; then its pages have sums, where they can have any."""
        as_closed = is_as_closed(self._path)
        sums_of(self._path).unlink(missing_ok=True)
        with closing(_connect(self._path)) as connection:
            if require_tables(connection) and not as_closed:
                require_sound(connection)
        if self.has_sums:
            sum_up(self._path)

    def _connect(self) -> sqlite3.Connection:
        self._connections.append(connection := _connect(self._path, layered=self.has_sums))
        return connection

    def _release(self) -> None:
        """Close the connections. With the last one SQLite copies its own log back, which a damaged file may refuse."""
        for connection in self._connections:
            with suppress(sqlite3.Error):
                connection.close()
        self._connections.clear()
        if self._look is not None:
            self._look.close()
            self._look = None

    def _hand_over(self) -> None:
        self._flushing, self._fresh = self._fresh, _Pending()
        self._flush = self._thread.submit(self._write, self._flushing)

    def _keep_up(self) -> None:
        """Begin to write, if there is enough for a transaction. If there is too much, wait for the one that is under way."""
        if len(self._fresh.entries) >= FLUSH_ENTRIES:
            self._settle(wait=len(self._fresh.entries) >= MAX_FRESH)
            self.flush_behind()

    def _settle(self, *, wait: bool = False) -> None:
        """Take note of a flush that ended. One that failed is repeated now; if it fails again the store does not answer."""
        if self._flush is None or not (wait or self._flush.done()):
            return
        if self._flush.exception() is not None:
            self._flush = self._thread.submit(self._write, self._flushing)
            with self._answering():
                self._flush.result()
        self._recent.add(self._flushing.entries)
        self._flush, self._flushing = None, _Pending()

    def _write(self, pending: _Pending) -> None:
        rows = (b"[" + b",".join(pending.rows) + b"]").decode()
        totals = self._totals.plus(len(pending.rows), pending.checksums)
        with self._writer:
            self._writer.execute("begin immediate")
            self._writer.execute(_INSERT_ALL, (rows,))
            self._writer.executemany(
                MARK, [mark_row(*mark) for mark in (*pending.marks.items(), (TOTALS, text(totals)))]
            )
        self._totals = totals

    def _copy(self) -> None:
        """Copy what is in SQLite's log to the file."""
        blocked, frames, copied = self._writer.execute("pragma wal_checkpoint(passive)").fetchone()
        self._copied = not blocked and frames == copied

    def _look_up(self, keys: Sequence[Key]) -> dict[Key, Entry]:
        with self._answering():
            return stored_rows(self._reader, keys)

    def _join(self, claims: Sequence[Claim], totals: Totals, elsewhere: Mapping[Key, Entry]) -> Totals:
        self._recent.forget(claim.key for claim in claims)
        stored = stored_rows(self._writer, [claim.key for claim in claims])
        before: dict[Key, Entry | None] = {}
        gave_way: list[SupersededRow] = []
        for key, entry in claims:
            row = stored.get(key)
            current = elsewhere.get(key) if row is None else row
            winner = entry if current is None else join(current, entry)
            if winner != current:
                before.setdefault(key, row)
                stored[key] = winner
                if current is not None:
                    gave_way.append(superseded_row(totals.superseded + len(gave_way) + 1, key, current, winner))
        rows = [entry_row(key, stored[key]) for key in before]
        replaced = [entry_row(key, entry)[-1] for key, entry in before.items() if entry is not None]
        self._writer.executemany(_REPLACE, rows)
        self._writer.executemany(_SUPERSEDE, gave_way)
        more = len(rows) - len(replaced), sum(row[-1] for row in rows) - sum(replaced)
        return totals.plus(*more, len(gave_way))

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Tell damage from a database that does not answer, and remember it."""
        if self.damage:
            raise Damaged(self.damage)
        try:
            yield
        except Damaged as damage:
            self.damage = damage.detail
            raise
        except (sqlite3.Error, UnicodeDecodeError) as error:  # SQLite may quote what rotted in its message
            if not is_damage(error):
                raise unavailable(f"the store does not answer: {error}") from error
            self.damage = f"the store is damaged: {of_damage(error)}"
            raise Damaged(self.damage) from error


def _connect(path: Path, *, layered: bool = False) -> sqlite3.Connection:
    """A connection in autocommit mode; transactions are begun by name. Threads take turns with it."""
    uri = path.absolute().as_uri() + (f"?vfs={LAYER}" if layered else "")
    connection = sqlite3.connect(uri, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, uri=True)
    try:
        connection.execute(f"pragma page_size = {PAGE_BYTES}")
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = normal")
        connection.execute(f"pragma wal_autocheckpoint = {CHECKPOINT_PAGES}")
        connection.execute("pragma cache_size = -65536")  # KiB
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def synchronised(connection: sqlite3.Connection) -> Iterator[None]:
    """Transactions inside are on the disk when they are committed."""
    connection.execute("pragma synchronous = full")
    try:
        yield
    finally:
        connection.execute("pragma synchronous = normal")


def stored_rows(connection: sqlite3.Connection, keys: Sequence[Key]) -> dict[Key, Entry]:
    """What is stored under the keys, and under the same ids of other tenants."""
    if not keys:
        return {}
    return dict(entries_of(connection.execute(_LOOK_UP, (text([key.pcs_id for key in keys]),))))
