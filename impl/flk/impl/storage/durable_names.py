"""Names in directories, made durable: each directory on the way is synchronised, unless that was done and it is as it was then.

An audit log puts some hundred objects a second, four directories deep, and each synchronisation makes the disk flush what the
node's log waits for. Most directories on the way have had no new entry for long.
"""

import time
from pathlib import Path
from typing import NamedTuple

from flk.impl.storage.record import sync_directory

SETTLED_SECONDS = 2.0
"""A directory that changed less than this ago may change again at the same time of change: no file system tells them apart less
finely. Git leaves the same doubt about files it has just seen ("racy git")."""
MOST_KNOWN = 4096  # directories that are remembered


class _Seen(NamedTuple):
    """By what a directory is known to have the entries that it had."""

    device: int
    inode: int
    changed: int  # ns

    @property
    def is_settled(self) -> bool:
        return time.time_ns() - self.changed > SETTLED_SECONDS * 1e9


class DurableNames:
    """What of the directories below `root`, which may belong to other processes, too, is known to be durable. Safe to use from
    many threads.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[Path, _Seen] = {}

    def synchronise(self, path: Path) -> None:
        """Make the name of a file durable, and those of all directories between it and the root. Raises OSError."""
        directory = path
        while directory != self._root:
            directory = directory.parent
            self._synchronise_entries(directory)

    def _synchronise_entries(self, directory: Path) -> None:
        status = directory.stat()
        seen = _Seen(status.st_dev, status.st_ino, status.st_mtime_ns)  # before: what comes meanwhile is another change
        if self._known.get(directory) == seen:
            return
        sync_directory(directory)
        if seen.is_settled:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[directory] = seen
