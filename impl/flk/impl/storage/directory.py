"""The directory of a node: whose disk it is, which process has it, and whether it is still where it was."""

import fcntl
import os
from pathlib import Path

import msgspec

from flk.impl.storage.record import sync_directory, write_whole
from flk.impl.storage.trouble import largest_file
from flk.spec.errors import UnusableInput

RESTORING = "restoring"  # is there while a backup is copied to the directory
_IDENTITY = "identity"
_BEFORE_IDENTITY = {"lock", "identity.new", "lost+found"}  # what a directory may hold in which no disk was begun


class Identity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose disk a directory is. A region that lost its disk writes its next log under the next number (CRR-6)."""

    region: str
    identity: int


def is_new(directory: Path) -> bool:
    """Whether no disk was ever begun in the directory."""
    return not (directory / _IDENTITY).exists()


def require_large_files(directory: Path, needed: int) -> None:
    """Return if files may grow to the size of a segment. Raises UnusableInput."""
    largest = largest_file()
    if largest is not None and largest < needed:
        raise UnusableInput(
            f"{directory}: a segment of the log takes {needed} bytes, and files are limited to {largest}; fix: ulimit -f unlimited"
        )


def place(directory: Path) -> tuple[int, int]:
    """File system and inode: another directory of the same name has others. Raises OSError if there is none."""
    found = directory.stat()
    return found.st_dev, found.st_ino


def lock(directory: Path) -> int:
    """The descriptor that holds the directory until it is closed. Raises UnusableInput if another process has it."""
    fd = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise UnusableInput(
            f"{directory}: another process uses this directory; stop it, or give each server its own"
        ) from None
    return fd


def identity_of(directory: Path, new: Identity) -> Identity:
    """The identity that the directory holds; a new directory gets this one."""
    path = directory / _IDENTITY
    if (directory / RESTORING).exists():
        raise UnusableInput(
            f"{directory}: a backup was being restored here, and that was cut short; fix: flk restore BACKUP {directory} again"
        )
    if not path.exists():
        if foreign := sorted({entry.name for entry in directory.iterdir()} - _BEFORE_IDENTITY):
            raise UnusableInput(
                f"{directory}: holds {foreign[0]!r} and no identity, so it is no node's; name a directory of its own,"
                f" or if it is one, put {path} back: it reads like {msgspec.json.encode(new).decode()}"
            )
        write_whole(path.with_suffix(".new"), msgspec.json.encode(new))
        path.with_suffix(".new").replace(path)
        sync_directory(directory)
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Identity)
    except msgspec.DecodeError as error:
        raise UnusableInput(
            f"{path}: not a disk's identity ({error}); it reads like {msgspec.json.encode(new).decode()}"
        ) from None
    if found.region != new.region:
        raise UnusableInput(
            f"{path}: this is a disk of region {found.region!r}, not of {new.region!r}; give each region its own directory"
        )
    return found
