"""The directory of a node: whose disk it is, which process has it, and whether it is still where it was."""

import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from flk.impl.storage.record import replace_whole
from flk.impl.storage.trouble import largest_file, usable
from flk.spec.errors import UnusableInput

FORMAT = 1  # of `identity` and `member`; the files of version 0.2.0 say none, and are of this
RESTORING = "restoring"  # is there while a backup is copied to the directory
_IDENTITY = "identity"
_MEMBER = "member"
_BEFORE_IDENTITY = {
    "lock",
    "identity.new",
    "lost+found",
    _MEMBER,
    "member.new",
}  # what a directory may hold in which no disk was begun


_ANEW = (
    "stop every node of the region, remove the file `member` from the directory of each, and start them all on an empty store"
    " before clients are let in: each rebuilds its part from its log"
)


class Identity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose disk a directory is. A region that lost its disk writes its next log under the next number (CRR-6)."""

    region: str
    identity: int
    format: int = FORMAT


class Member(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which shared store the node of a directory takes part in, and the random name it is known by there."""

    store: str
    token: str
    format: int = FORMAT


class _Version(msgspec.Struct, frozen=True):
    format: int = FORMAT


Described = TypeVar("Described", Identity, Member)


def described(path: Path, kind: type[Described], otherwise: Callable[[Exception], str]) -> Described:
    """What a file of a directory says. Raises UnusableInput, with the fix, if a later version wrote it, and with what `otherwise`
    says if nobody did; OSError.
    """
    content = path.read_bytes()
    try:
        version = msgspec.json.decode(content, type=_Version).format
        if version > FORMAT:
            raise UnusableInput(
                f"{path}: is of format {version}, and this version knows {FORMAT}; fix: start a later version of flk"
            )
        return msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError as error:
        raise UnusableInput(f"{path}: {otherwise(error)}") from None


def member_of(directory: Path, store: str, shown: object) -> Member:
    """As whom the node of a directory takes part in a shared store; a directory that takes part in none begins to. `shown` is how
    messages name the store. Call it with the directory locked.

    Raises UnusableInput if it takes part in another.
    """
    path = directory / _MEMBER
    if not path.exists():
        new = Member(store, secrets.token_hex(16))
        replace_whole(path, msgspec.json.encode(new))
    found = described(
        path, Member, lambda error: f"does not say whose member the node is ({error}); put it back, or {_ANEW}"
    )
    if found.store != store:
        raise UnusableInput(
            f"{path}: this node shares another store than {shown}; name that one with --store. If it is lost, {_ANEW}"
        )
    return found


def require_no_member(directory: Path) -> None:
    """Return if the node of a directory has a store of its own. Raises UnusableInput."""
    if is_member(directory):
        raise UnusableInput(
            f"{directory}: this node shares its region's store, which has entries of other nodes; name it with --store"
        )


def is_member(directory: Path) -> bool:
    """Whether the node of a directory shares its region's store, and so has none of its own there."""
    return (directory / _MEMBER).exists()


def number_of(directory: Path, region: str) -> int | None:
    """The number of the disk that was begun in the directory, None if none was. Raises as `identity_of` does."""
    return None if is_new(directory) else identity_of(directory, Identity(region, 1)).identity


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


@contextmanager
def held(directory: Path) -> Iterator[None]:
    """Make the directory if there is none, and be its only user meanwhile. Raises UnusableInput as a log's opening would: if
    another process has it, or it holds what is no node's.
    """
    with usable(directory):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = lock(directory)
    try:
        if is_new(directory):
            _require_unused(directory, Identity("eu", 1))
        yield
    finally:
        os.close(fd)


def _require_unused(directory: Path, new: Identity) -> None:
    if foreign := sorted({entry.name for entry in directory.iterdir()} - _BEFORE_IDENTITY):
        raise UnusableInput(
            f"{directory}: holds {foreign[0]!r} and no identity, so it is no node's; name a directory of its own,"
            f" or if it is one, put {directory / _IDENTITY} back: it reads like {_text(new)}"
        )


def identity_of(directory: Path, new: Identity) -> Identity:
    """The identity that the directory holds; a new directory gets this one."""
    path = directory / _IDENTITY
    if (directory / RESTORING).exists():
        raise UnusableInput(
            f"{directory}: a backup was being restored here, and that was cut short; fix: flk restore BACKUP {directory} again"
        )
    if not path.exists():
        _require_unused(directory, new)
        replace_whole(path, msgspec.json.encode(new))
    found = described(path, Identity, lambda error: f"not a disk's identity ({error}); it reads like {_text(new)}")
    if found.region != new.region:
        raise UnusableInput(
            f"{path}: this is a disk of region {found.region!r}, not of {new.region!r}; give each region its own directory"
        )
    return found


def _text(identity: Identity) -> str:
    return msgspec.json.encode(identity).decode()
