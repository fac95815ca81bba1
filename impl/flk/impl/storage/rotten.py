"""Rows of a shared store that are not what was written (DUP-8): what is left of them, and what was claimed of their keys since.

A note that all nodes of the store share lists such rows. A claim of such a key is set aside there, or rather the least of its
claims, which is all that matters of them (CRR-1): so it is durable, and the node that has it logged need not wait. Whoever has put
the row back joins it in.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple, Protocol

import msgspec

from flk.impl.storage.rows import Damaged, EntryRow, entry_row
from flk.model.entries.entry import Entry, Key, join
from flk.spec.constants import CONSTANTS

NOTE = "/rotten"  # no log's mark begins with a slash
MAX_ROTTEN = CONSTANTS.rotten.max_rows

_Columns = tuple[int, str, str, str, int]
_encode = msgspec.json.Encoder().encode
_columns = msgspec.json.Decoder(_Columns).decode
_list = msgspec.json.Decoder(list[tuple[str, str, Entry | None]]).decode


class Left(NamedTuple):
    """What is left of a row: its columns but for the key, in JSON, or what was JSON."""

    value: bytes


class Aside(NamedTuple):
    """A row that has rotted, and the least of its claims that were set aside since, if there was one."""

    key: Key
    least: Entry | None


class Notes(Protocol):
    """What holds the note: `flk.impl.storage.shared.SharedStore`."""

    def noted(self, name: str) -> str:
        """A note that all nodes share, empty if there is none."""
        ...

    def note(self, name: str, seen: str, value: str) -> bool:
        """Set a note in one step if it still is what was seen; whether it was."""
        ...


def value_of(key: Key, entry: Entry) -> bytes:
    """An entry's row, but for the key."""
    return _encode(entry_row(key, entry)[2:])


def left_of(row: EntryRow) -> Left:
    """What is left of a row that was read as columns."""
    return Left(_encode(row[2:]))


def columns_of(left: Left) -> _Columns:
    """The columns of a row that was read as such."""
    columns: _Columns = _columns(left.value)
    return columns


def is_left_of(left: Left, key: Key, entry: Entry) -> bool:
    """Whether what is left is the row of an entry: its checksum is the entry's, and so are all other columns but one; or all others
    are, and one bit of the checksum has rotted.

    That all others are the entry's does not suffice: a timestamp may have rotted to that of a repetition, logged right behind.
    """
    *columns, checksum = (_encode(column) for column in entry_row(key, entry)[2:])
    end = b",%b]" % checksum
    for number in range(len(columns)):
        before = b"[" + b",".join(columns[:number]) if number else b""
        after = b",".join(columns[number + 1 :])
        if (
            len(left.value) >= len(before) + len(after) + len(end)
            and left.value.startswith(before)
            and left.value.endswith(after + end)
        ):
            return True
    head = b"[" + b",".join(columns)
    return left.value.startswith(head) and _is_one_bit(left.value[len(head) :], end)


def _is_one_bit(found: bytes, written: bytes) -> bool:
    """Whether a bit has rotted of a checksum at the end of a row, in its text or in its number."""
    if len(found) == len(written) and sum(a != b for a, b in zip(found, written, strict=True)) == 1:
        return True
    digits = found[1:-1]
    return digits.isdigit() and (int(digits) ^ int(written[1:-1])).bit_count() == 1


def listed(notes: Notes) -> tuple[Aside, ...]:
    """The rows that have rotted."""
    return _read(notes.noted(NOTE))


def set_aside(notes: Notes, claims: Mapping[Key, Entry | None]) -> None:
    """Note rows that have rotted, and what was claimed of their keys: that is durable then. Raises Damaged if they are too many."""
    while True:
        seen = notes.noted(NOTE)
        known = {aside.key: aside.least for aside in _read(seen)}
        then = known | {key: _least(known.get(key), entry) for key, entry in claims.items()}
        if then == known:
            return
        if len(then) > MAX_ROTTEN:
            raise Damaged(f"more than {MAX_ROTTEN} rows of the store are not what was written")
        if notes.note(NOTE, seen, _written(then)):
            return


def strike(notes: Notes, struck: Collection[Aside]) -> None:
    """Take rows that are sound out of the note, but for those of which more was set aside meanwhile."""
    while True:
        seen = notes.noted(NOTE)
        known = _read(seen)
        then = {aside.key: aside.least for aside in known if aside not in struck}
        if len(then) == len(known) or notes.note(NOTE, seen, _written(then)):
            return


def _least(one: Entry | None, other: Entry | None) -> Entry | None:
    return join(one, other) if one and other else one or other


def _read(note: str) -> tuple[Aside, ...]:
    rows = _list(note) if note else []
    return tuple(Aside(Key(tenant, pcs_id), least) for tenant, pcs_id, least in rows)


def _written(rows: Mapping[Key, Entry | None]) -> str:
    return _encode([(*key, least) for key, least in rows.items()]).decode()
