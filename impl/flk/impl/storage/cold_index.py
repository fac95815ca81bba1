"""Which keys the cold tier may have (TIR-5): a file beside the store, that answers "none" without asking for an object.

For each object it has a row, and for each entry in it 64 bits of the hash of its key. So a key of which it has nothing is in no
object, and a key of which it has something costs the reading of those objects, one as a rule. An entry takes some 20 bytes here, a
fifteenth of its row in the store.

Nothing is answered from an index that is not whole. A row for an object is written before the object is, its keys once it is
durable, and only then may the entries leave the store; each of these transactions is synchronised. An index that is new, lost or
damaged is made again from the objects: until then it is not `whole`.
"""

import os
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import reduce
from hashlib import blake2b
from operator import xor
from pathlib import Path
from threading import RLock

import msgspec
from google_crc32c import value as crc32c

from flk.impl.storage.rows import Damaged, is_damage
from flk.impl.storage.soundness import forget_digest, is_as_closed, leave_digest, require_head, set_aside
from flk.model.entries.entry import Key
from flk.model.log.hlc import Timestamp
from flk.model.refusal import unavailable

NAME = "cold.sqlite"
FORMAT = 1  # of the file, in its `user_version`
AT_ONCE = 1000  # keys looked for by one statement

_SCHEMA = f"""
begin;
create table about(name text primary key, value text not null) without rowid;
create table objects(
  number integer primary key, name text not null unique, latest integer not null, entries integer not null,
  folded integer not null, checksum integer not null);
create index objects_by_age on objects(latest);
create table keys(fingerprint integer not null, object integer not null, primary key(fingerprint, object)) without rowid;
pragma user_version = {FORMAT};
commit;
"""
_FIND = """
select k.fingerprint, o.name from keys k join objects o on o.number = k.object
where k.fingerprint in (select value from json_each(?)) order by o.number
"""

_encode = msgspec.json.Encoder().encode
_Row = tuple[int, str, int, int, int, int]


def fingerprint(key: Key) -> int:
    """What the index knows of a key: 64 bits of a hash, as a signed integer."""
    return int.from_bytes(blake2b(_encode(key), digest_size=8).digest(), "big", signed=True)


class ColdIndex:
    """The index of one region's objects. Safe to use from several threads.

    What reads or writes it raises Unavailable if the file does not answer, and Damaged if it is not what was written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = RLock()
        try:
            self._open()
        except Damaged:
            self.begin_anew()

    @property
    def whole(self) -> bool:
        """Whether it has every key of the cold tier."""
        return self._about("whole") == "yes"

    @property
    def place(self) -> str:
        """The name of the cold tier that it is of, empty while it has met none."""
        return self._about("place")

    def become_whole(self, place: str) -> None:
        """All that the cold tier of this name has is in it."""
        with self._changing():
            self._set("place", place)
            self._set("whole", "yes")

    def find(self, keys: Sequence[Key]) -> dict[Key, tuple[str, ...]]:
        """For each key that may be in an object, those objects, in the order in which they were written."""
        with self._answering():
            return found_in(self._connection, keys)

    def intend(self, name: str, latest: Timestamp) -> None:
        """An object of this name is about to be written: whatever happens, it will not be forgotten."""
        with self._changing():
            if self._row(name) is None:
                (number,) = self._connection.execute("select coalesce(max(number), 0) + 1 from objects").fetchone()
                self._put((number, name, latest, 0, 0))
                self._set("objects", str(self._count() + 1))

    def hold(self, name: str, keys: Iterable[Key]) -> None:
        """The object is durable, and has these keys."""
        prints = sorted({fingerprint(key) for key in keys})
        with self._changing():
            row = self._row(name)
            if row is None:
                raise Damaged(f"the index of the cold tier does not know {name}")
            number, _, latest, _, _, _ = row
            if row[3]:
                self._connection.executemany(
                    "delete from keys where fingerprint = ? and object = ?",
                    [(print_, number) for print_ in self.prints_of(name)],
                )
            self._connection.executemany("insert into keys values (?, ?)", [(print_, number) for print_ in prints])
            self._put((number, name, latest, len(prints), reduce(xor, prints, 0)))

    def drop(self, name: str) -> None:
        """The object is gone."""
        with self._changing():
            if (row := self._row(name)) is not None:
                self._connection.execute("delete from keys where object = ?", (row[0],))
                self._connection.execute("delete from objects where number = ?", (row[0],))
                self._set("objects", str(self._count() - 1))

    def until(self, latest: Timestamp, limit: int) -> tuple[str, ...]:
        """At most `limit` objects of which no entry is later than that, the oldest first."""
        query = "select name from objects where latest <= ? order by latest limit ?"
        with self._answering():
            return tuple(name for (name,) in self._connection.execute(query, (latest, limit)))

    def prints_of(self, name: str) -> frozenset[int]:
        """The fingerprints of the keys that an object has."""
        query = "select fingerprint from keys where object = (select number from objects where name = ?)"
        with self._answering():
            return frozenset(print_ for (print_,) in self._connection.execute(query, (name,)))

    def count(self) -> tuple[int, int]:
        """How many objects it has, and how many entries in them."""
        with self._answering():
            objects, entries = self._connection.execute(
                "select count(*), coalesce(sum(entries), 0) from objects"
            ).fetchone()
        return int(objects), int(entries)

    def begin_anew(self) -> None:
        """Set the file aside, and begin one that is not whole."""
        with self._lock:
            if hasattr(self, "_connection"):
                with suppress(sqlite3.Error):
                    self._connection.close()
            set_aside(self._path)
            self._open()

    def close(self) -> None:
        """Release the file."""
        with self._lock:
            with suppress(sqlite3.Error):
                self._connection.close()
            with suppress(OSError):
                leave_digest(self._path)

    def _open(self) -> None:
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        require_head(self._path)
        as_closed = is_as_closed(self._path)
        self._connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        with self._answering():
            self._connection.execute("pragma journal_mode = wal")
            self._connection.execute("pragma synchronous = full")
            (version,) = self._connection.execute("pragma user_version").fetchone()
            (tables,) = self._connection.execute("select count(*) from sqlite_schema").fetchone()
            if version == 0 and not tables:
                self._connection.executescript(_SCHEMA)
            elif version != FORMAT:
                raise Damaged(f"the index of the cold tier is not of format {FORMAT}")
            elif not as_closed:
                require_whole(self._connection)
        forget_digest(self._path)

    def _row(self, name: str) -> _Row | None:
        row: _Row | None = self._connection.execute("select * from objects where name = ?", (name,)).fetchone()
        if row is not None:
            _require(row)
        return row

    def _put(self, row: tuple[int, str, int, int, int]) -> None:
        self._connection.execute(
            "insert or replace into objects values (?, ?, ?, ?, ?, ?)", (*row, crc32c(_encode(row)))
        )

    def _about(self, name: str) -> str:
        with self._answering():
            row = self._connection.execute("select value from about where name = ?", (name,)).fetchone()
        return row[0] if row else ""

    def _set(self, name: str, value: str) -> None:
        self._connection.execute("insert or replace into about values (?, ?)", (name, value))

    def _count(self) -> int:
        return int(self._about("objects") or "0")

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """One transaction, on the disk when it is over."""
        with self._answering():
            self._connection.execute("begin immediate")
            try:
                yield
            except BaseException:
                self._connection.execute("rollback")
                raise
            self._connection.execute("commit")

    @contextmanager
    def _answering(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                if is_damage(error):
                    raise Damaged(f"the index of the cold tier is damaged: {error}") from error
                raise unavailable(f"the index of the cold tier does not answer: {error}") from error


def found_in(connection: sqlite3.Connection, keys: Sequence[Key]) -> dict[Key, tuple[str, ...]]:
    """For each key that may be in an object, those objects."""
    found: dict[int, list[str]] = defaultdict(list)
    prints = {key: fingerprint(key) for key in keys}
    wanted = list(prints.values())
    for at in range(0, len(wanted), AT_ONCE):
        for print_, name in connection.execute(_FIND, (_encode(wanted[at : at + AT_ONCE]).decode(),)):
            found[print_].append(name)
    return {key: tuple(found[print_]) for key, print_ in prints.items() if print_ in found}


def require_whole(connection: sqlite3.Connection) -> None:
    """Return if every page, every row and every key is as it was written. Raises Damaged."""
    (said,) = connection.execute("pragma integrity_check(1)").fetchone()
    if said != "ok":
        raise Damaged(f"the index of the cold tier is damaged: {' '.join(str(said).split())}")
    entries: dict[int, int] = defaultdict(int)
    folded: dict[int, int] = defaultdict(int)
    for print_, number in connection.execute("select fingerprint, object from keys"):
        entries[number] += 1
        folded[number] ^= print_
    rows: list[_Row] = connection.execute("select * from objects").fetchall()
    for row in rows:
        _require(row)
        if (entries.pop(row[0], 0), folded[row[0]]) != (row[3], row[4]):
            raise Damaged(f"the index of the cold tier has other keys of {row[1]} than were written")
    stated = connection.execute("select value from about where name = 'objects'").fetchone()
    if entries or len(rows) != int(stated[0] if stated else 0):
        raise Damaged("rows of the index of the cold tier are missing")


def _require(row: _Row) -> None:
    if crc32c(_encode(row[:-1])) != row[-1]:
        raise Damaged("a row of the index of the cold tier is not what was written")
