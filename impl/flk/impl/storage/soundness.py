"""Whether the store's file is what was written, and setting it aside if not (DUP-8).

A store whose pages have sums (`flk.impl.storage.pages`) is verified as it is read. This is for all others: those that come from an
earlier version, were written by another program, or are where nothing can be compiled. Closing such a one leaves the digest of the
file beside it. If the file still has it, nothing is left to verify: reading the bytes is a hundredth of the work of the rest.
Otherwise a process has died, or bits have rotted: then every page is examined by SQLite, every row by its checksum, and all of them
by the totals. Those find a file of which some pages are older than others, too: SQLite takes its own log, if a bit in it has
rotted, for one that ends there, though pages after it may be copied.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from hashlib import file_digest
from pathlib import Path

from flk.impl.storage.rows import (
    BY_AGE,
    ENTRY_COLUMNS,
    FORMAT,
    MARK_COLUMNS,
    SCHEMA,
    SUPERSEDED_COLUMNS,
    TOTALS,
    Damaged,
    EntryRow,
    MarkRow,
    SupersededRow,
    Totals,
    mark_of,
    require_checksum,
    totals_of,
)

_PARTS = (
    "-wal",
    "-shm",
    "-digest",
    "-pages",
    "",
)  # of a store; the file itself is renamed last, so that no crash parts it from the others
_MAGIC = b"SQLite format 3\0"
_WAL_MODE = b"\2\2"  # at offset 18
_HEAD_BYTES = 100


def is_as_closed(path: Path) -> bool:
    """Whether the file still has the digest that closing it left."""
    digest = _digest_file(path)
    if not digest.exists() or _size(path.with_name(f"{path.name}-wal")):
        return False
    return digest.read_text(errors="replace") == _digest(path)


def leave_digest(path: Path) -> None:
    """Remember what a file that is closed looks like. It is worth the time of the next start only: it may be lost."""
    new = path.with_name(f"{path.name}-digest.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(_digest(path))
    new.replace(_digest_file(path))


def forget_digest(path: Path) -> None:
    """The file is about to change."""
    _digest_file(path).unlink(missing_ok=True)


def require_head(path: Path) -> None:
    """Return if the file begins as a store does, or is empty. Raises Damaged: SQLite would take some other heads for read-only."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if head and not (head.startswith(_MAGIC) and len(head) == _HEAD_BYTES):
        raise Damaged("the store's file is not a database")
    if head and head[18:20] != _WAL_MODE:
        raise Damaged("the head of the store's file is not what was written")


def require_tables(connection: sqlite3.Connection) -> bool:
    """Whether the file has its tables; False if it has nothing at all. Raises Damaged if it has others."""
    tables = [table for table in connection.execute(_TABLES).fetchall() if table[1] != BY_AGE]
    (version,) = connection.execute("pragma user_version").fetchone()
    (pages,) = connection.execute("pragma page_count").fetchone()
    if not tables and version == 0 and pages <= 1:
        return False
    if version == 0 and len(tables) == len(_EXPECTED):
        raise Damaged("the store is of the format whose rows have no checksums")
    if tables != _EXPECTED or version != FORMAT:
        raise Damaged(f"the store's tables are not those of format {FORMAT}")
    return True


def require_sound(connection: sqlite3.Connection) -> None:
    """Return if every page, every row and the totals are as they were written. Raises Damaged, or what SQLite raises."""
    (said,) = connection.execute("pragma integrity_check(1)").fetchone()
    if said != "ok":
        raise Damaged(f"the store's pages are not what was written: {' '.join(str(said).split())}")
    stated = Totals()
    for mark in _rows_of_marks(connection):
        if mark[0] == TOTALS:
            stated = totals_of(mark_of(mark))
    checksums = [row[-1] for row in _rows_of_entries(connection)]
    found = Totals(len(checksums), sum(checksums), sum(1 for _ in _rows_of_superseded(connection)))
    if found != stated:
        raise Damaged("rows of the store are missing, or are of an earlier time than others")


def set_aside(path: Path) -> Path:
    """Rename the store, all its files, so that a new one can take its place; the new name."""
    names = (path.with_name(f"{path.name}.aside{n or ''}") for n in (0, *range(2, 1000)))
    aside = next(name for name in names if not name.exists())
    for part in _PARTS:
        with suppress(FileNotFoundError):
            path.with_name(path.name + part).rename(aside.with_name(aside.name + part))
    return aside


def _rows_of_entries(connection: sqlite3.Connection) -> Iterator[EntryRow]:
    for row in connection.execute(f"select {ENTRY_COLUMNS} from entries"):  # noqa: S608  (no part of it comes from outside)
        require_checksum(row)
        yield row


def _rows_of_marks(connection: sqlite3.Connection) -> Iterator[MarkRow]:
    for row in connection.execute(f"select {MARK_COLUMNS} from marks"):  # noqa: S608  (likewise)
        require_checksum(row)
        yield row


def _rows_of_superseded(connection: sqlite3.Connection) -> Iterator[SupersededRow]:
    for row in connection.execute(f"select {SUPERSEDED_COLUMNS} from superseded"):  # noqa: S608  (likewise)
        require_checksum(row)
        yield row


def _digest_file(path: Path) -> Path:
    return path.with_name(f"{path.name}-digest")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


_TABLES = "select type, name, tbl_name, sql from sqlite_schema order by name"


def _expected() -> list[tuple[str, str, str, str]]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.executescript(SCHEMA)
        return connection.execute(_TABLES).fetchall()


_EXPECTED = _expected()
