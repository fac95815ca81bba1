"""One segment of a log while it is written: frames at its end, space laid ahead, a seal (WAL-2, WAL-6, WAL-7)."""

import os
from collections.abc import Callable, Collection
from hashlib import sha256
from pathlib import Path

import msgspec

from flk.impl.storage.record import Record, write_all
from flk.impl.storage.trouble import trouble
from flk.model.log.frames import seal_of
from flk.model.log.hlc import Timestamp
from flk.model.log.manifest import Note
from flk.model.refusal import unavailable


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


class SegmentFile:
    """A segment being written: where its frames end, its latest timestamp, how far space is laid out, and the digest so far.

    With `content`, an existing file with so many `frames` is continued behind it. Without, the file is new: one of
    that name can only be what an attempt without room for a frame left.
    """

    def __init__(
        self,
        path: Path,
        growth: int,
        synchronise: Callable[[int], None],
        record: Record,
        sequence: int,
        salt: bytes,
        clock: Timestamp,
        content: bytes | None = None,
        frames: int = 0,
    ) -> None:
        self.salt = salt
        self._record = record
        self._sequence = sequence
        self._frames = frames
        self._clock = clock
        self._path = path
        self._fd = os.open(path, os.O_RDWR | (os.O_CREAT | os.O_TRUNC if content is None else 0), 0o600)
        self._allocated = os.fstat(self._fd).st_size
        self._growth = growth
        self._synchronise = synchronise
        self.end = len(content or b"")
        self._digest = sha256(content or b"")

    def write(self, content: bytes) -> None:
        """Make `content` durable at the end, and note it. Raises as `Commit` does."""
        self.put(content)
        self.extend(content)

    def put(self, content: bytes) -> None:
        """Make `content` durable at the end, in any thread; `extend` is due then. Raises as `Commit` does."""
        end = self.end + len(content)
        ahead = self._reserve(end) if end > self._allocated else b""
        try:
            write_all(self._fd, content + ahead, self.end)
            self._synchronise(self._fd)
        except OSError as error:
            raise LogFailed(f"the log cannot be written: {trouble(error)}") from error

    def extend(self, content: bytes) -> None:
        """Note that the file ends with this now. Raises LogGone if it is not the one of its name any more."""
        self._require_file()
        self._digest.update(content)
        self.end += len(content)

    def note_progress(self, timestamps: Collection[Timestamp]) -> None:
        """Frames with these timestamps are durable: say so beside the log."""
        self._frames += len(timestamps)
        self._clock = max((self._clock, *timestamps))
        self._record.set_mark(self._sequence, self.end, self._clock)

    @property
    def progress(self) -> Note:
        """How far the segment is durable."""
        return Note(self._sequence, salt=self.salt.hex(), size=self.end, frames=self._frames)

    def seal(self) -> Note:
        """End the file with a seal frame and nothing after it; what is to be noted of it. Raises as `Commit` does."""
        digest = self._digest.digest()
        self.write(seal_of(digest, self.salt))
        try:
            os.ftruncate(self._fd, self.end)
            os.fsync(self._fd)
        except OSError as error:
            raise LogFailed(f"the log cannot be sealed: {error}") from error
        self.close()
        return msgspec.structs.replace(self.progress, digest=digest.hex(), clock=self._clock)

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
