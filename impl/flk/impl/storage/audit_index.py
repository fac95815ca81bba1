"""What a node knows of its region's audit log: a file beside the store, made of the log's steps (TLOG-7).

Of each leaf it has the names and the number, so that none is added twice and each is found: in one row, in which the name of its
record is first, so that all leaves about a record are beside each other. All of it can be read again from the steps: a file that is
lost or damaged is begun anew, and a power failure may set it back. A step and its names come together.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from threading import RLock
from typing import Any

import msgspec

from flk.model.effects import Effect, FindLeaves, Integrated, TakeIn
from flk.model.refusal import unavailable
from flk.model.transparency.leaves import NAME_BYTES
from flk.model.transparency.steps import State

NAME = "audit.sqlite"
AT_ONCE = 250  # leaves that one statement looks up or writes
FORMAT = 2  # of the file, in its `user_version`

_SCHEMA = f"""
begin immediate;
create table if not exists state(only integer primary key check (only = 1), value text not null);
create table if not exists leaves(names blob not null, number integer not null, primary key(names, number)) without rowid;
pragma user_version = {FORMAT};
commit;
"""

_BEGUN_BY = "select number from leaves where names between ? and ? order by number"
_LAST = b"\xff" * NAME_BYTES


class AuditIndex:
    """The index of one region's log. Safe to use from several threads and processes. What reads or writes it raises Unavailable if
    the file does not answer; one that is damaged is begun anew, and the next pass reads the log again. One that another process
    has begun anew is opened again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = RLock()
        try:
            self._open()
        except sqlite3.DatabaseError:
            self._begin_anew()
        self.performers: dict[type[Effect[object]], Callable[[Any], Any]] = {
            Integrated: lambda _: self.state(),
            FindLeaves: lambda e: self.find(e.names),
            TakeIn: lambda e: self.take_in(e.state, e.begin, e.names),
        }

    def state(self) -> State:
        """What the log is behind the last step that was taken in."""
        with self._answering():
            row = self._connection.execute("select value from state").fetchone()
        return State() if row is None else msgspec.json.decode(row[0], type=State)

    def find(self, names: Sequence[Sequence[bytes]]) -> tuple[tuple[int, ...], ...]:
        """The numbers of the leaves that are called so, in order: by all names of a leaf, or by that of a record."""
        rows = list(map(_row, names))
        leaves = [row for row in rows if len(row) > NAME_BYTES]
        found: dict[bytes, list[int]] = {}
        with self._answering():
            for at in range(0, len(leaves), AT_ONCE):
                some = leaves[at : at + AT_ONCE]
                places = ",".join("?" * len(some))
                asked = f"select names, number from leaves where names in ({places}) order by number"  # noqa: S608
                for row, number in self._connection.execute(asked, some):
                    found.setdefault(row, []).append(number)
            for row in rows:
                if len(row) == NAME_BYTES:
                    found[row] = [number for (number,) in self._connection.execute(_BEGUN_BY, (row, row + _LAST))]
        return tuple(tuple(found.get(row, ())) for row in rows)

    def take_in(self, state: State, begin: int, names: Sequence[Sequence[bytes]]) -> None:
        """Take in a step, and what its leaves are called, unless it is in already."""
        with self._answering():
            rows = sorted((_row(its), number) for number, its in enumerate(names, start=begin))
            self._connection.execute("begin immediate")
            try:
                if state.number <= self.state().number:
                    self._connection.execute("rollback")
                    return
                for at in range(0, len(rows), AT_ONCE):
                    some = rows[at : at + AT_ONCE]
                    places = ",".join(["(?, ?)"] * len(some))
                    self._connection.execute(f"insert or ignore into leaves values {places}", list(chain(*some)))  # noqa: S608
                self._connection.execute(
                    "insert or replace into state values (1, ?)", (msgspec.json.encode(state).decode(),)
                )
            except BaseException:
                self._connection.execute("rollback")
                raise
            self._connection.execute("commit")

    def close(self) -> None:
        """Release the file."""
        with self._lock, suppress(sqlite3.Error):
            self._connection.close()

    def _open(self) -> None:
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        self._inode = self._path.stat().st_ino
        self._connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        self._connection.execute("pragma journal_mode = wal")
        self._connection.execute("pragma synchronous = normal")
        self._connection.execute("pragma cache_size = -32768")  # KiB: each name is at another place
        self._connection.execute("pragma wal_autocheckpoint = 8192")  # pages, some steps' worth
        (version,) = self._connection.execute("pragma user_version").fetchone()
        if version == 0:
            self._connection.executescript(_SCHEMA)
        elif version != FORMAT:
            raise sqlite3.DatabaseError(f"the index of the audit log is not of format {FORMAT}")

    def _follow(self) -> None:
        """Open the file that is there now, if another process has begun it anew."""
        try:
            is_same = self._path.stat().st_ino == self._inode
        except FileNotFoundError:
            is_same = False
        if not is_same:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._open()

    def _begin_anew(self) -> None:
        with suppress(sqlite3.Error, AttributeError):
            self._connection.close()
        for part in ("-wal", "-shm", ""):
            self._path.with_name(f"{self._path.name}{part}").unlink(missing_ok=True)
        self._open()

    @contextmanager
    def _answering(self) -> Iterator[None]:
        with self._lock:
            try:
                self._follow()
                yield
            except (sqlite3.DatabaseError, msgspec.DecodeError, OSError) as error:
                if not isinstance(error, sqlite3.OperationalError | OSError):
                    self._begin_anew()
                raise unavailable(f"the index of the audit log does not answer: {error}") from error


def _row(names: Sequence[bytes]) -> bytes:
    return b"".join(reversed(names))
