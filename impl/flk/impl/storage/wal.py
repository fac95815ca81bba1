"""The write-ahead log on a real disk (WAL-*): `flk.model.memory.parts.Disk` again, on files.

    DIRECTORY/identity                       whose disk this is
    DIRECTORY/lock                           held while a process uses the directory
    DIRECTORY/eu.000001/000000000007.wal     one file for each segment
    DIRECTORY/eu.000001/000000000007.damaged the bytes of a segment that had to be salvaged

An append is one write and one fdatasync, however many frames it holds (WAL-7). Space is filled with zeros ahead of the frames, so
that the synchronisation has no new block to enter in the file system's journal: half the time. Readers ignore those zeros.
"""

import fcntl
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec

from flk.impl.storage.trouble import free_bytes, largest_file, trouble, usable
from flk.model.effects import INBOX
from flk.model.log.frames import Frame, Head, Kind, data, frame_bytes, opening, scan, seal, segment_name, sequence_of
from flk.model.log.hlc import ZERO, Timestamp
from flk.model.refusal import unavailable
from flk.spec.constants import CONSTANTS
from flk.spec.errors import UnusableInput

GROWTH = 1 << 20  # bytes of zeros laid ahead at a time: a millisecond of writing, once in a thousand frames
_SUFFIX = ".wal"
_FIRST_BYTES = 8192
_IDENTITY = "identity"
_BEFORE_IDENTITY = {"lock", "identity.new", "lost+found"}  # what a directory may hold in which no disk was begun
_SEAL_BYTES = len(seal(b""))


class LogFailed(Exception):
    """A write or a synchronisation of the log failed. The process must stop.

    It is never tried again: the kernel may have dropped the pages that it could not write, and report success next time
    (Rebello and others, "Can Applications Recover from fsync Failures?", USENIX ATC 2020). What the disk really holds, the next
    start reads from it.
    """


class LogGone(LogFailed):
    """The log's directory is no longer where it was: removed, renamed, or its file system unmounted. Nobody would find what is
    written there.
    """


class Identity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose disk a directory is. A region that lost its disk writes its next log under the next number (CRR-6)."""

    region: str
    identity: int


@dataclass(frozen=True, slots=True)
class Commit:
    """Bytes laid out for a segment, not yet written. Making them durable needs no more than file descriptor and numbers."""

    segment: "_Segment"
    content: bytes

    def __call__(self) -> None:
        """Write and synchronise. Raises LogFailed; raises Unavailable, with nothing written, if the disk is full."""
        self.segment.write(self.content)


def is_new(directory: Path) -> bool:
    """Whether no disk was ever begun in the directory."""
    return not (directory / _IDENTITY).exists()


class FileDisk:
    """The logs of one node in one directory, which this object locks until it is closed.

    `identity` names a new disk; a directory in use keeps the one it has. `synchronise` is `os.fdatasync` but for measurements.
    Raises UnusableInput if another process holds the directory, if it belongs to another region or is no node's at all, or if
    nothing can be written there.
    """

    def __init__(
        self,
        directory: Path,
        region: str,
        identity: int = 1,
        *,
        max_segment_bytes: int = CONSTANTS.wal.max_segment_bytes,
        growth: int = GROWTH,
        synchronise: Callable[[int], None] = os.fdatasync,
    ) -> None:
        self.directory = directory
        self.region = region
        self._max_segment_bytes = max_segment_bytes
        self._growth = growth
        self._synchronise = synchronise
        self._writing: dict[str, _Segment] = {}
        _require_large_files(directory, max_segment_bytes + growth)
        with usable(directory):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = _lock(directory)
        try:
            with usable(directory):
                self.identity = _identity(directory, Identity(region, identity)).identity
                self._names = {path.name: _segments(path) for path in sorted(directory.iterdir()) if path.is_dir()}
                self._sealed = {
                    name for names in self._names.values() for name in names if _ends_sealed(self.path(name))
                }
                self._place = _place(directory)
        except BaseException:
            os.close(self._lock)
            raise

    def log(self, log: str) -> str:
        """The full name of a log on this disk: `eu.000001` is the inbox of region eu's first disk."""
        name = f"{self.region}.{self.identity:06d}"
        return name if log == INBOX else f"{name}-{log}"

    def path(self, name: str) -> Path:
        """The file of a segment."""
        return self.directory / f"{name}{_SUFFIX}"

    def names(self, log: str, after: str = "", *, sealed: bool = False) -> tuple[str, ...]:
        """Segment names of a log after `after`, in order."""
        names = self._names.get(self.log(log), [])
        return tuple(name for name in names if name > after and (name in self._sealed or not sealed))

    def read(self, name: str) -> bytes:
        """The bytes of a segment."""
        return self.path(name).read_bytes()

    def append(self, log: str, frame: Frame, clock: Timestamp) -> None:
        """Make one frame durable at the end of the open segment; `clock` is that of the node. Raises as `Commit` does."""
        self.append_many(log, (frame,), clock)

    def append_many(self, log: str, frames: Iterable[Frame], clock: Timestamp) -> None:
        """Make frames durable at the end of the open segment, all by one synchronisation. Raises as `Commit` does."""
        self.stage(log, frames, clock)()

    def stage(self, log: str, frames: Iterable[Frame], clock: Timestamp) -> Commit:
        """Lay frames out for the open segment. No other append may be staged before the commit is called or dropped."""
        return Commit(self._open(log, clock), b"".join(map(data, frames)))

    def is_full(self, log: str) -> bool:
        """Whether the open segment has reached its limit and should be sealed (WAL-2)."""
        names = self.names(log)
        return bool(names) and names[-1] in self._writing and self._writing[names[-1]].end >= self._max_segment_bytes

    def begins(self, name: str) -> Timestamp | None:
        """The timestamp of a segment's first frame, None if it has none."""
        with self.path(name).open("rb") as file:
            for size in (
                _FIRST_BYTES,
                2 * CONSTANTS.wal.max_frame_bytes,
            ):  # mostly, and with a frame of the greatest size
                file.seek(0)
                if frames := scan(file.read(size)).frames:
                    return frames[0].timestamp
        return None

    def why_not_growing(self) -> str:
        """Why the log cannot grow now, empty if it can."""
        try:
            self.require_place()
            free = free_bytes(self.directory)
        except (LogGone, OSError) as error:
            return str(error)
        largest = largest_file()
        if largest is not None and largest < self._max_segment_bytes + self._growth:
            return f"the log may not grow: files are limited to {largest} bytes; fix: ulimit -f unlimited"
        return "" if free > self._growth else "the log has no room to grow; fix: make room on its file system"

    def require_place(self) -> None:
        """Return if the directory is where it was when it was opened. Raises LogGone."""
        try:
            place = _place(self.directory)
        except OSError:
            place = None
        if place != self._place:
            raise LogGone(f"the log's directory {self.directory} is gone; fix: put it back, or mount it again")

    def seal(self, log: str) -> None:
        """Seal every segment of the log that is not sealed; none is left open."""
        for name in self.names(log):
            if name not in self._sealed:
                (self._writing.get(name) or self._reopen(name)).seal()
                self._writing.pop(name, None)
                self._sealed.add(name)

    def truncate(self, name: str, size: int) -> None:
        """Cut a segment."""
        if (segment := self._writing.pop(name, None)) is not None:
            segment.close()
        fd = os.open(self.path(name), os.O_WRONLY)
        os.ftruncate(fd, size)
        os.fsync(fd)
        os.close(fd)
        self._sealed.discard(name)

    def salvage(self, log: str, name: str, frames: tuple[Frame, ...], clock: Timestamp) -> None:
        """Append a damaged segment's valid frames again, keep its bytes aside, and leave an empty sealed one in its place.

        The frames are durable in the log before the damaged file leaves it: a crash in between makes them appear twice, never not
        at all.
        """
        if (segment := self._writing.pop(name, None)) is not None:
            segment.close()
        if frames:
            self.append_many(log, frames, clock)
        path = self.path(name)
        aside = _unused(path)
        empty = opening(Head(self.region, self.log(log), sequence_of(name)), clock)
        _write_whole(path.with_suffix(".new"), empty + seal(empty))
        os.link(path, aside)
        path.with_suffix(".new").replace(path)
        _sync_directory(path.parent)
        self._sealed.add(name)

    def close(self) -> None:
        """Release files and lock. What is durable is in no way changed; a segment that is open stays unsealed."""
        for segment in self._writing.values():
            segment.close()
        self._writing.clear()
        os.close(self._lock)

    def _open(self, log: str, clock: Timestamp) -> "_Segment":
        """The segment to append to. One that an earlier process left open is never continued; `recover` seals it."""
        names = self._names.get(self.log(log))
        segment = self._writing.get(names[-1]) if names else None
        return segment if segment is not None and segment.end < self._max_segment_bytes else self._start(log, clock)

    def _start(self, log: str, clock: Timestamp) -> "_Segment":
        full = self.log(log)
        names = self._names.setdefault(full, [])
        sequence = sequence_of(names[-1]) + 1 if names else 1
        name = segment_name(full, sequence)
        path = self.path(name)
        self.require_place()
        try:
            if not path.parent.exists():
                path.parent.mkdir(mode=0o700)
                _sync_directory(self.directory)
            segment = _Segment.create(path, self._growth, self._synchronise)
        except OSError as error:
            raise unavailable(f"the log cannot grow: {trouble(error)}") from error
        try:
            segment.write(opening(Head(self.region, full, sequence), clock))
        except BaseException:
            segment.close()
            raise
        _sync_directory(path.parent)
        names.append(name)
        self._writing[name] = segment
        return segment

    def _reopen(self, name: str) -> "_Segment":
        """A segment that an earlier process left open, to be sealed behind its last byte that is not zero."""
        content = self.read(name)
        found = scan(content)
        return _Segment.resume(self.path(name), content[: found.end + found.torn], self._growth, self._synchronise)


class _Segment:
    """A segment being written: where its frames end, how far space is laid out, and the digest so far."""

    def __init__(
        self, path: Path, fd: int, content: bytes, allocated: int, growth: int, synchronise: Callable[[int], None]
    ) -> None:
        self.end = len(content)
        self._path = path
        self._fd = fd
        self._allocated = allocated
        self._growth = growth
        self._synchronise = synchronise
        self._digest = sha256(content)

    @classmethod
    def create(cls, path: Path, growth: int, synchronise: Callable[[int], None]) -> "_Segment":
        """A new, empty file. One of that name can only be what an attempt without room for a frame left."""
        return cls(path, os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), b"", 0, growth, synchronise)

    @classmethod
    def resume(cls, path: Path, content: bytes, growth: int, synchronise: Callable[[int], None]) -> "_Segment":
        """An existing file, to be continued after `content`."""
        fd = os.open(path, os.O_RDWR)
        return cls(path, fd, content, os.fstat(fd).st_size, growth, synchronise)

    def write(self, content: bytes) -> None:
        """Make `content` durable at the end. Raises as `Commit` does."""
        end = self.end + len(content)
        ahead = self._reserve(end) if end > self._allocated else b""
        try:
            _write_all(self._fd, content + ahead, self.end)
            self._synchronise(self._fd)
        except OSError as error:
            raise LogFailed(f"the log cannot be written: {trouble(error)}") from error
        self._require_file()
        self._digest.update(content)
        self.end = end

    def seal(self) -> None:
        """End the file with a seal frame and nothing after it. Raises as `Commit` does."""
        self.write(frame_bytes(Kind.SEAL, ZERO, self._digest.digest()))
        try:
            os.ftruncate(self._fd, self.end)
            os.fsync(self._fd)
        except OSError as error:
            raise LogFailed(f"the log cannot be sealed: {error}") from error
        self.close()

    def close(self) -> None:
        """Release the file."""
        os.close(self._fd)

    def _require_file(self) -> None:
        """Return if the file that was written is still the one of that name. Raises LogGone."""
        try:
            there = os.path.samestat(self._path.stat(), os.fstat(self._fd))
        except OSError:
            there = False
        if not there:
            raise LogGone(f"the log's file {self._path} is gone; fix: put its directory back, or mount it again")

    def _reserve(self, end: int) -> bytes:
        """Have space allocated to beyond `end`; the zeros to fill it with. Raises Unavailable if the disk is full."""
        allocated = end + self._growth
        try:
            os.posix_fallocate(self._fd, self._allocated, allocated - self._allocated)
        except OSError as error:
            raise unavailable(f"the log cannot grow: {trouble(error)}") from error
        self._allocated = allocated
        return bytes(self._growth)


def _require_large_files(directory: Path, needed: int) -> None:
    """Return if files may grow to the size of a segment. Raises UnusableInput."""
    largest = largest_file()
    if largest is not None and largest < needed:
        raise UnusableInput(
            f"{directory}: a segment of the log takes {needed} bytes, and files are limited to {largest}; fix: ulimit -f unlimited"
        )


def _place(directory: Path) -> tuple[int, int]:
    found = directory.stat()
    return found.st_dev, found.st_ino


def _lock(directory: Path) -> int:
    fd = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise UnusableInput(
            f"{directory}: another process uses this directory; stop it, or give each server its own"
        ) from None
    return fd


def _identity(directory: Path, new: Identity) -> Identity:
    """The identity that the directory holds; a new directory gets this one."""
    path = directory / _IDENTITY
    if not path.exists():
        if foreign := sorted({entry.name for entry in directory.iterdir()} - _BEFORE_IDENTITY):
            raise UnusableInput(
                f"{directory}: holds {foreign[0]!r} and no identity, so it is no node's; name a directory of its own,"
                f" or if it is one, put {path} back: it reads like {msgspec.json.encode(new).decode()}"
            )
        _write_whole(path.with_suffix(".new"), msgspec.json.encode(new))
        path.with_suffix(".new").replace(path)
        _sync_directory(directory)
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


def _segments(log: Path) -> list[str]:
    return sorted(f"{log.name}/{path.stem}" for path in log.glob(f"*{_SUFFIX}"))


def _ends_sealed(path: Path) -> bool:
    """Whether the file ends with a whole seal frame. That the digest in it is right is for those to check who read the segment."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _SEAL_BYTES))
        tail = file.read()
    return tail == frame_bytes(Kind.SEAL, ZERO, tail[-sha256().digest_size :])


def _unused(path: Path) -> Path:
    """The name under which damaged bytes are kept; a second damage of one segment does not overwrite the first."""
    candidates = (path.with_suffix(suffix) for suffix in (".damaged", *(f".damaged{n}" for n in range(2, 1000))))
    return next(candidate for candidate in candidates if not candidate.exists())


def _write_whole(path: Path, content: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        _write_all(fd, content, 0)
        os.fsync(fd)
    finally:
        os.close(fd)


def _write_all(fd: int, content: bytes, offset: int) -> None:
    view = memoryview(content)
    while view:
        written = os.pwrite(fd, view, offset)
        view, offset = view[written:], offset + written


def _sync_directory(path: Path) -> None:
    """Make a directory's entries durable: a synchronised file without a name is lost all the same."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
