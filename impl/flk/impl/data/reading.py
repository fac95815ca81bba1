"""Reading a data directory beside the node that writes it.

Of a log that grows what is read first must not speak of what is read later: first the store, then of each log its mark, then its
manifest, then its segments. A segment that the manifest does not know yet has been begun since, and is left out.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from flk.impl.storage.directory import Identity, described
from flk.impl.storage.pages import Comparison
from flk.impl.storage.rows import ENTRY_COLUMNS, EntryRow
from flk.impl.storage.trouble import usable
from flk.model.log.manifest import Manifest, Note, removed
from flk.model.log.manifest import read as read_manifest
from flk.spec.errors import UnusableInput

STORE = "entries.sqlite"
IDENTITY = "identity"


class LogFiles(NamedTuple):
    """A log as it stands at one moment: its full name, mark and manifest as bytes, and the files of its segments in order."""

    name: str
    mark: bytes | None
    manifest: bytes | None
    segments: tuple[Path, ...]

    @property
    def noted(self) -> Manifest:
        """What the manifest says."""
        return read_manifest(self.manifest or b"")

    @property
    def marked(self) -> Note | None:
        """How far the open segment is durable, at least."""
        notes = read_manifest((self.mark or b"").rstrip(b"\0 ")).notes
        return notes[0] if notes else None

    def segment(self, path: Path) -> str:
        """The name of a segment."""
        return f"{self.name}/{path.stem}"


def removed_now(log: Path) -> int:
    """The last segment of a log that its node has removed on purpose by now: perhaps since the log was looked at."""
    return removed(read_manifest(_content(log / "manifest") or b"").notes)


def identity(data: Path) -> Identity:
    """Whose disk a directory is. Raises UnusableInput if it is no node's."""
    if data.is_dir() and not (data / IDENTITY).exists():
        raise UnusableInput(f"{data}: has no file {IDENTITY!r}, so it is no node's; name the data directory of a node")
    with usable(data / IDENTITY):
        return described(
            data / IDENTITY,
            Identity,
            lambda error: f"not a disk's identity ({error}); name the data directory of a node",
        )


def logs(data: Path) -> Iterator[LogFiles]:
    """Every log in a directory. Raises UnusableInput if it cannot be read."""
    with usable(data):
        for directory in sorted(path for path in data.iterdir() if path.is_dir()):
            mark, manifest = _content(directory / "mark"), _content(directory / "manifest")
            notes = read_manifest(manifest or b"").notes
            last = max((note.sequence for note in notes), default=None)
            gone = removed(notes)  # on purpose; a file that is still there goes with the next pass
            paths = (path for path in directory.glob("*.wal") if path.stem.isdecimal() and int(path.stem) > gone)
            segments = tuple(sorted(path for path in paths if last is None or int(path.stem) <= last))
            if segments or manifest is not None:
                yield LogFiles(directory.name, mark, manifest, segments)


@contextmanager
def pages_of(data: Path) -> Iterator[Comparison]:
    """The pages of the store beside their sums: around `store_of`. Raises UnusableInput if there is no store."""
    require_store(data)
    with usable(data / STORE):
        pages = Comparison(data / STORE)
    with closing(pages):
        yield pages


def require_store(data: Path) -> None:
    """Return if there is a store. Raises UnusableInput."""
    if not (data / STORE).exists():
        raise UnusableInput(f"{data / STORE}: there is no store; fix: start the node, which rebuilds it from its log")


@contextmanager
def store_of(data: Path) -> Iterator[sqlite3.Connection]:
    """One read transaction over the store, whatever its node writes meanwhile. Raises UnusableInput if there is no store."""
    require_store(data)
    connection = connected(data / STORE)
    try:
        connection.execute("begin")
        yield connection
    finally:
        connection.close()


def connected(path: Path) -> sqlite3.Connection:
    """A connection that reads. A file that nobody has open is taken for one that does not change: otherwise SQLite would leave
    files of its own beside it, which belong to whoever looks.
    """
    how = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "immutable=1"
    return sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, isolation_level=None)


def rows_of(connection: sqlite3.Connection, pcs_ids: Sequence[str]) -> list[EntryRow]:
    """The rows of the entries under these ids, of any tenant."""
    ids = msgspec.json.encode(pcs_ids).decode()
    query = f"select {ENTRY_COLUMNS} from entries where pcs_id in (select value from json_each(?))"  # noqa: S608  (nothing from outside)
    return connection.execute(query, (ids,)).fetchall()


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None
