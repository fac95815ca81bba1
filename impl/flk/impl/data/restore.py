"""`flk restore`: a backup becomes a data directory again (SNAP-7)."""

import os
from pathlib import Path

from flk.impl.data.backup import Backup, File, Progress, is_whole, listed, require_apart, unwatched, verify
from flk.impl.data.reading import IDENTITY
from flk.impl.storage.directory import RESTORING
from flk.impl.storage.record import sync_directory, write_whole
from flk.impl.storage.trouble import usable
from flk.spec.errors import UnusableInput

_COPY_BYTES = 1 << 20
_NO_DATA = {"lost+found", "lock"}  # a node that was refused a start leaves its lock


def restore(out: Path, data: Path, progress: Progress = unwatched) -> Backup:
    """Verify a backup, and copy it to a directory that is empty, or in which restoring the same backup was cut short.

    No node starts there until all of it is copied: the identity comes last, and a file says until then what is under way. Raises
    UnusableInput, before anything is written, if the backup is not whole or the directory holds anything else, or lies in the
    backup.
    """
    require_apart(data, out, "a backup is restored")
    backup = verify(out, progress)
    with usable(data):
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        _require_empty(data, backup)
        write_whole(data / RESTORING, listed(backup))
        sync_directory(data)
        for file in backup.files:
            _put(out / file.name, data / file.name, file)
            progress(file.name, file.size)
        (data / RESTORING).unlink()
        sync_directory(data)
    return backup


def _require_empty(data: Path, backup: Backup) -> None:
    """Return if a directory holds nothing but what restoring this backup left there. Raises UnusableInput."""
    begun = data / RESTORING
    there = {path.name for path in data.iterdir()} - _NO_DATA
    left = listed(backup).startswith(begun.read_bytes()) if begun.exists() else not there
    ours = {RESTORING, f"{IDENTITY}.new", *(Path(file.name).parts[0] for file in backup.files)}
    ours |= {f"{file.name}.new" for file in backup.files}
    if begun.exists() and not left:
        raise UnusableInput(
            f"{data}: another backup was being restored here; restore that again, or empty the directory"
        )
    if foreign := sorted(there - ours if begun.exists() else there):
        raise UnusableInput(f"{data}: holds {foreign[0]!r}; a backup is restored into an empty directory")


def _put(source: Path, target: Path, file: File) -> None:
    """Copy a file, unless it is there already."""
    if is_whole(target, file):
        return
    target.parent.mkdir(mode=0o700, exist_ok=True)
    new = target.with_name(f"{target.name}.new")
    with (
        source.open("rb") as reading,
        os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as writing,
    ):
        while some := reading.read(_COPY_BYTES):
            writing.write(some)
        writing.flush()
        os.fsync(writing.fileno())
    if not is_whole(new, file):
        raise UnusableInput(f"{source}: it changed while it was restored; take another backup")
    new.replace(target)
    sync_directory(target.parent)
