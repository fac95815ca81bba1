"""Reading the index of a cold tier beside the node that writes it. Its objects are not read."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from flk.impl.data.reading import connected
from flk.impl.storage.cold_index import NAME, found_in, require_whole
from flk.model.entries.entry import Key


class ColdKeys:
    """What the index of a cold tier says at one moment."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def require_whole(self) -> None:
        """Return if every page and row of the index is as it was written. Raises Damaged."""
        require_whole(self._connection)

    def of(self, keys: Sequence[Key]) -> frozenset[Key]:
        """Those of the keys that an object has."""
        return frozenset(found_in(self._connection, keys))


@contextmanager
def cold_keys(data: Path) -> Iterator[ColdKeys | None]:
    """One read transaction over the index; None if the node of the directory has no cold tier."""
    if not (data / NAME).exists():
        yield None
        return
    with closing(connected(data / NAME)) as connection:
        connection.execute("begin")
        yield ColdKeys(connection)
