"""Entries of a store beside the frames of the log that they come from: each is what its frame claims (SNAP-8)."""

import sqlite3
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from flk.impl.storage.rows import ENTRY_COLUMNS, Damaged, EntryRow, entry_row, require_checksum
from flk.model.entries.entry import Claim, Key
from flk.model.log.frames import Frame
from flk.model.log.hlc import Timestamp

AT_ONCE = 1 << 24  # frames kept in memory before entries are compared with them; then the next so many are read
NO_END = (1 << 63) - 1  # after every timestamp; SQLite's integers end there


class Stranger(NamedTuple):
    """An entry that is not what the log says: of a timestamp that no frame has, or of a frame that claims something else."""

    key: Key
    timestamp: Timestamp
    has_frame: bool


class Logged:
    """What the frames say that were read since the last comparison: sixteen bytes of each, at most AT_ONCE of them."""

    def __init__(self) -> None:
        self._begin: int | None = None
        self._stamps = array("Q")
        self._said = array("q")

    @property
    def is_full(self) -> bool:
        """Whether it is time to compare."""
        return len(self._stamps) >= AT_ONCE

    @property
    def end(self) -> int:
        """What is later than every frame. Frames of a log rise."""
        return self._stamps[-1] + 1

    def add(self, frames: Sequence[Frame], claims: Sequence[Claim]) -> None:
        """The next frames of the log, and what they claim."""
        if self._begin is None:
            self._begin = frames[0].timestamp
        self._stamps.extend(frame.timestamp for frame in frames)
        self._said.extend(_told(entry_row(*claim)) for claim in claims)

    def strangers(
        self, connection: sqlite3.Connection, region: str, *, since: int, end: int, examined: bool
    ) -> Iterator[Stranger]:
        """Entries that the region logged from the first frame on, and from `since` on, and before `end`, and that are not what the
        frames say; what these claim counts only if they were `examined`. Rows whose checksum is wrong are none: that was told of
        them. The frames are forgotten, and the next begin at `end`.
        """
        if self._begin is None:
            return
        stamps, said = array("Q", sorted(self._stamps)), array("q", sorted(self._said))
        window = (region, max(self._begin, since), end)
        self._begin, self._stamps, self._said = end, array("Q"), array("q")
        query = f"select {ENTRY_COLUMNS} from entries where region = ? and timestamp >= ? and timestamp < ?"  # noqa: S608  (nothing from outside)
        for row in connection.execute(query, window):
            has_frame = _has(stamps, row[2])
            if (not has_frame or (examined and not _has(said, _told(row)))) and _is_sound(row):
                yield Stranger(Key(*row[:2]), Timestamp(row[2]), has_frame)


def _told(row: EntryRow) -> int:
    """64 bits of what a row says, its key among it. Two that differ have the same once in 10^19 times."""
    return hash(row)


def _is_sound(row: EntryRow) -> bool:
    try:
        require_checksum(row)
    except Damaged:
        return False
    return True


def _has(numbers: "array[int]", number: int) -> bool:
    """Whether sorted numbers have this one."""
    place = bisect_left(numbers, number)
    return place < len(numbers) and numbers[place] == number
