"""What a store wrote lately, in memory still: an audit log asks for it seconds later, and in the file each is at another place."""

from collections.abc import Iterable, Mapping

from flk.model.entries.entry import Entry, Key

MOST = 65_536
"""Entries that are kept, some 600 bytes each: what a node under load takes in from one pass over its audit log to the next."""


class Recent:
    """The entries of the last transactions: at least half of `most`, unless there were fewer, and little more than `most`."""

    def __init__(self, most: int = MOST) -> None:
        self._half = most // 2
        self._newer: dict[Key, Entry] = {}
        self._older: dict[Key, Entry] = {}

    @property
    def generations(self) -> tuple[Mapping[Key, Entry], Mapping[Key, Entry]]:
        """What is known, the newer first. No key is in both with another entry: who changes one has it forgotten."""
        return self._newer, self._older

    def add(self, entries: Mapping[Key, Entry]) -> None:
        """Keep what a transaction wrote; forget the older half if that is enough by itself."""
        if len(self._newer) >= self._half:
            self._older, self._newer = self._newer, {}
        self._newer.update(entries)

    def forget(self, keys: Iterable[Key]) -> None:
        """Know no longer what is stored under these keys: it is about to change."""
        for key in keys:
            self._newer.pop(key, None)
            self._older.pop(key, None)

    def clear(self) -> None:
        """Forget all."""
        self._newer, self._older = {}, {}
