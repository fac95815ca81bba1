"""The form of the store's file: its tables, and the checksum that each row carries (DUP-8).

A checksum is the CRC32C of a row's other columns as a JSON array, the key among them: neither a changed column nor a row under
another's key passes. That none is missing shows in the totals, which each transaction brings up to date.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeAlias

import msgspec
from google_crc32c import value as crc32c

from flk.model.entries.entry import Entry, Key, Outcome
from flk.model.log.hlc import Timestamp
from flk.model.refusal import Unavailable
from flk.spec.constants import CONSTANTS

FORMAT = 2  # of the file, in its `user_version`; the rows of the first, which is 0 there, had no checksums
TOTALS = "totals"  # the mark that holds them

SCHEMA = f"""
begin;
create table entries(
  tenant text not null, pcs_id text not null, timestamp integer not null, region text not null, digest text not null,
  outcome text not null, checksum integer not null, primary key(pcs_id, tenant));
create table marks(name text primary key, value text not null, checksum integer not null) without rowid;
create table superseded(
  sequence integer primary key, tenant text not null, pcs_id text not null, loser text not null, winner text not null,
  checksum integer not null);
pragma user_version = {FORMAT};
commit;
"""
BY_AGE = "entries_by_age"
"""An index that the file of a store of tiers has besides (TIR-1): which entries are the oldest."""
ENTRY_COLUMNS = "tenant, pcs_id, timestamp, region, digest, outcome, checksum"
MARK_COLUMNS = "name, value, checksum"
SUPERSEDED_COLUMNS = "sequence, tenant, pcs_id, loser, winner, checksum"

EntryRow: TypeAlias = tuple[str, str, int, str, str, str, int]
MarkRow: TypeAlias = tuple[str, str, int]
SupersededRow: TypeAlias = tuple[int, str, str, str, str, int]

_encode = msgspec.json.Encoder().encode
_outcome = msgspec.json.Decoder(Outcome).decode
_entry = msgspec.json.Decoder(Entry).decode


class Damaged(Unavailable):
    """The store does not hold what was written (DUP-8): 503, until it is rebuilt from the log."""

    def __init__(self, what: str) -> None:
        super().__init__("ORD-4", what, retry_after=CONSTANTS.node.unavailable_retry_after_seconds)


class Totals(NamedTuple):
    """How many entries there are, the sum of their checksums, and how many entries gave way."""

    entries: int = 0
    checksums: int = 0
    superseded: int = 0

    def plus(self, entries: int, checksums: int, superseded: int = 0) -> "Totals":
        """With so many more of each."""
        return Totals(self.entries + entries, self.checksums + checksums, self.superseded + superseded)


def text(value: object) -> str:
    """A value as a column holds it: in JSON."""
    return _encode(value).decode()


def entry_row(key: Key, entry: Entry) -> EntryRow:
    """An entry's row."""
    columns = (*key, entry.timestamp, entry.region, entry.digest, text(entry.outcome))
    return (*columns, crc32c(_encode(columns)))


def entry_json(key: Key, entry: Entry) -> tuple[bytes, int]:
    """An entry's row in JSON, and the checksum in it."""
    columns = _encode((*key, entry.timestamp, entry.region, entry.digest, text(entry.outcome)))
    checksum = crc32c(columns)
    return b"%b,%d]" % (columns[:-1], checksum), checksum


def entries_of(rows: Iterable[EntryRow]) -> Iterator[tuple[Key, Entry]]:
    """What the rows of entries say. Raises Damaged at the first that is not what was written."""
    for row in rows:
        require_checksum(row)
        tenant, pcs_id, timestamp, region, digest, outcome, _ = row
        yield Key(tenant, pcs_id), Entry(Timestamp(timestamp), region, digest, _outcome(outcome))


def mark_row(name: str, value: str) -> MarkRow:
    """A mark's row."""
    return name, value, crc32c(_encode((name, value)))


def mark_of(row: MarkRow | None) -> str:
    """What a mark's row says, empty if there is none. Raises Damaged if it is not what was written."""
    if row is None:
        return ""
    require_checksum(row)
    return row[1]


def superseded_row(sequence: int, key: Key, loser: Entry, winner: Entry) -> SupersededRow:
    """The row of an entry that gave way."""
    columns = (sequence, *key, text(loser), text(winner))
    return (*columns, crc32c(_encode(columns)))


def superseded_of(rows: Iterable[SupersededRow]) -> Iterator[tuple[Key, Entry, Entry]]:
    """What the rows of entries that gave way say: key, loser, winner. Raises as `entries_of` does."""
    for row in rows:
        require_checksum(row)
        _, tenant, pcs_id, loser, winner, _ = row
        yield Key(tenant, pcs_id), _entry(loser), _entry(winner)


def totals_of(value: str) -> Totals:
    """The totals that a mark holds, zeros if it is empty."""
    return Totals(*msgspec.json.decode(value, type=tuple[int, int, int])) if value else Totals()


def require_checksum(row: EntryRow | MarkRow | SupersededRow) -> None:
    """Return if the last column is the checksum of the others. Raises Damaged."""
    if crc32c(_encode(row[:-1])) != row[-1]:
        raise Damaged("a row of the store is not what was written")


def is_damage(error: sqlite3.Error | UnicodeDecodeError) -> bool:
    """Whether an error says that the file is not what was written, rather than that it cannot be used just now."""
    if isinstance(error, UnicodeDecodeError):
        return True
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return str(error).startswith("Could not decode")
    return code in _DAMAGED_READS or code & 0xFF in _DAMAGE


def of_damage(error: sqlite3.Error | UnicodeDecodeError) -> str:
    """What an error says of a file that is not what was written."""
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_IOERR_DATA:
        return "a page of its file or of SQLite's log is not what was written, or that log ends too early"
    return str(error)


_DAMAGED_READS = {
    sqlite3.SQLITE_IOERR_SHORT_READ,
    sqlite3.SQLITE_IOERR_DATA,  # said by `pages.c`
}
_DAMAGE = {
    sqlite3.SQLITE_ERROR,  # a table or column has gone, or the file says that it is of a format still to come
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_CONSTRAINT,  # an entry that was looked up in vain is there
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_FORMAT,
    sqlite3.SQLITE_NOTADB,
}
