"""`flk backup`: a copy of a data directory that is whole, whether a node runs on it or not (SNAP-7).

    OUT/backup.json       format, whose disk, and of every other file its size and SHA-256; it is written last
    OUT/identity          the files of the data directory, under their names
    OUT/entries.sqlite    the store, as SQLite copies it while others write
    OUT/eu.000001/…       each log: its mark and manifest, then its segments

A file that others speak of is copied after them: a start on the copy finds everything that the store and the manifest say, and
perhaps more. Keys are no part of a node's data, and none of the copy.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import file_digest, sha256
from pathlib import Path

import msgspec

from flk.impl.data.reading import IDENTITY, STORE, connected, identity, logs
from flk.impl.storage.cold_index import NAME
from flk.impl.storage.directory import is_member
from flk.impl.storage.record import sync_directory, write_whole
from flk.impl.storage.rows import Damaged
from flk.impl.storage.soundness import require_sound, require_tables
from flk.impl.storage.trouble import usable
from flk.model.log.frames import log_of, sequence_of
from flk.model.log.manifest import removed
from flk.model.programs.recover import APPLIED
from flk.spec import __version__
from flk.spec.errors import UnusableInput

FORMAT = 1
LIST = "backup.json"
PAGES = 4096  # of the store, copied before others have their turn

Progress = Callable[[str, int], None]
"""Told of each file that is done with: its name and size."""


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of a backup, by its name in the data directory."""

    name: str
    size: int
    sha256: str


class Backup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a backup holds: the version of flk that wrote it, whose disk it is, and its files; `identity` comes last."""

    format: int
    flk: str
    region: str
    identity: int
    files: tuple[File, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


def unwatched(name: str, size: int) -> None:
    """Nobody waits to be told of files."""
    del name, size


def back_up(data: Path, out: Path, progress: Progress = unwatched) -> Backup:
    """Copy a data directory to a new directory, while its node works on.

    Raises UnusableInput if `out` holds anything, or lies in `data`, or if `data` cannot be read.
    """
    whose = identity(data)
    require_apart(out, data, "a backup goes")
    if (data / NAME).exists():
        raise UnusableInput(
            f"{data}: a part of its entries is in the cold tier, and a copy of the directory would not have them; instead keep the"
            " versions of that bucket, and ship the log (--objects): a node that lost its disk starts from both"
        )
    if is_member(data):
        raise UnusableInput(
            f"{data}: its node shares the store of its region, and a copy of its log would be of no use; instead back that store"
            " up as its server does, and give the nodes --objects: snapshots of the store, and the logs, go there"
        )
    with usable(out):
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        if there := next(out.iterdir(), None):
            raise UnusableInput(f"{out}: holds {there.name!r}; a backup goes into a directory of its own")
        files = [_copy_store(data, out)] if (data / STORE).exists() else []
        applied = _applied(out / STORE) if files else ""
        for name, content in _of_logs(data, applied):
            files.append(_write(out, name, content))
            progress(name, files[-1].size)
        files.append(_write(out, IDENTITY, (data / IDENTITY).read_bytes()))
        backup = Backup(FORMAT, __version__, whose.region, whose.identity, tuple(files))
        _write(out, f"{LIST}.new", listed(backup))
        (out / f"{LIST}.new").replace(out / LIST)
        sync_directory(out)
    return backup


def require_apart(inner: Path, outer: Path, what: str) -> None:
    """Return unless a directory lies in another, to whose life its own would be bound. Raises UnusableInput."""
    if outer.resolve() in inner.resolve().parents:
        raise UnusableInput(f"{inner}: lies in {outer}; {what} into a directory of its own, outside")


def read(out: Path) -> Backup:
    """What a backup holds, if its list is as it was written. Raises UnusableInput."""
    path = out / LIST
    if not path.exists():
        raise UnusableInput(f"{path}: there is none, so this is no backup, or one that was cut short; make it again")
    with usable(path):
        content = path.read_bytes()
    told, _, digest = content.removesuffix(b"\n").rpartition(b"\n")
    if not content.endswith(b"\n") or digest != sha256(told).hexdigest().encode():
        raise UnusableInput(f"{path}: it is not as it was written; take another backup")
    try:
        version = msgspec.json.decode(told, type=dict[str, object]).get("format")
        if version != FORMAT:
            raise UnusableInput(
                f"{path}: a backup of format {version}, and this version knows {FORMAT}; fix: restore with a later version"
            )
        return msgspec.json.decode(told, type=Backup)
    except msgspec.DecodeError as error:
        raise UnusableInput(f"{path}: not the list of a backup ({error}); take another backup") from None


def verify(out: Path, progress: Progress = unwatched) -> Backup:
    """Read every file of a backup. Raises UnusableInput for the first that is not as it was written."""
    backup = read(out)
    for file in backup.files:
        if not is_whole(out / file.name, file):
            raise UnusableInput(f"{out / file.name}: it is not as it was written; take another backup")
        progress(file.name, file.size)
    return backup


def is_whole(path: Path, file: File) -> bool:
    """Whether a file is as a backup lists it. Raises UnusableInput if it cannot be read."""
    if not path.is_file():
        return False
    with usable(path):
        return path.stat().st_size == file.size and _digest(path) == file.sha256


def listed(backup: Backup) -> bytes:
    """The list of a backup: JSON, and the SHA-256 of it in a line of its own."""
    told = msgspec.json.format(msgspec.json.encode(backup), indent=1)
    return told + b"\n" + sha256(told).hexdigest().encode() + b"\n"


def _of_logs(data: Path, applied: str) -> Iterator[tuple[str, bytes]]:
    """The files of each log, what speaks of others first; of a node whose store was copied when it had `applied` so much."""
    for log in logs(data):
        if log.name == log_of(applied) and removed(log.noted.notes) > sequence_of(applied):
            raise UnusableInput(
                f"{data / log.name}: the node removed segments that the copy of its store lacks; make the backup again,"
                " or let the node keep segments for longer (--retain)"
            )
        if log.mark is not None:
            yield f"{log.name}/mark", log.mark
        if log.manifest is not None:
            yield f"{log.name}/manifest", log.manifest
        for path in log.segments:
            try:
                yield f"{log.name}/{path.name}", path.read_bytes()
            except FileNotFoundError:
                raise UnusableInput(f"{path}: it went while it was to be copied; make the backup again") from None


def _copy_store(data: Path, out: Path) -> File:
    """Copy the store. Raises UnusableInput if what was copied is not sound: the copy is to answer for what the store knew."""
    path = data / STORE
    try:
        with closing(connected(path)) as source, closing(sqlite3.connect(out / STORE)) as copy:
            (out / STORE).chmod(0o600)
            source.backup(copy, pages=PAGES)
            require_tables(copy)
            require_sound(copy)
    except (Damaged, sqlite3.Error) as damage:
        raise UnusableInput(
            f"{path}: {damage}; fix: let flk data check {data} tell more, then make the backup again"
        ) from None
    fd = os.open(out / STORE, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
    return File(STORE, (out / STORE).stat().st_size, _digest(out / STORE))


def _applied(store: Path) -> str:
    """The last segment that a store says it has applied."""
    with closing(connected(store)) as connection:
        rows = connection.execute("select value from marks where name = ?", (APPLIED,)).fetchall()
    return str(rows[0][0]) if rows else ""


def _write(out: Path, name: str, content: bytes) -> File:
    path = out / name
    path.parent.mkdir(mode=0o700, exist_ok=True)
    write_whole(path, content)
    sync_directory(path.parent)
    return File(name, len(content), sha256(content).hexdigest())


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
