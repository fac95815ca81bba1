"""The write-ahead log on a real disk (WAL-*): `flk.model.memory.parts.Disk` again, on files.

    DIRECTORY/identity                       whose disk this is
    DIRECTORY/lock                           held while a process uses the directory
    DIRECTORY/eu.000001/000000000007.wal     one file for each segment
    DIRECTORY/eu.000001/manifest             what its segments were when they were begun and sealed
    DIRECTORY/eu.000001/mark                 how far the open one is durable, at least
    DIRECTORY/eu.000001/000000000007.damaged the bytes of a segment that had to be salvaged

An append is one write and one fdatasync, however many frames it holds (WAL-7). Space is filled with zeros ahead of the frames, so
that the synchronisation has no new block to enter in the file system's journal: half the time. Readers ignore those zeros.

A note in the manifest is synchronised, before a segment's first frame and after its seal. The mark is written after each commit and
not synchronised: a power failure may set it back, and then it says less than is true (WAL-9).
"""

import os
from bisect import insort
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from flk.impl.storage.directory import Identity, identity_of, lock, place, require_large_files
from flk.impl.storage.record import Record, sync_directory, write_whole
from flk.impl.storage.segment_file import LogGone, SegmentFile
from flk.impl.storage.trouble import free_bytes, largest_file, trouble, usable
from flk.model.effects import INBOX
from flk.model.log.frames import (
    SALT_BYTES,
    UNSTATED,
    Frame,
    Head,
    Stated,
    data,
    log_of,
    opening,
    salt_of,
    scan,
    seal,
    seal_of,
    sealed_digest,
    segment_name,
    sequence_of,
)
from flk.model.log.hlc import LAST, Timestamp
from flk.model.log.manifest import Glance, Inventory, Note, glance, glance_at_ends, removed, said_at, saying
from flk.model.refusal import unavailable
from flk.spec.constants import CONSTANTS

GROWTH = 1 << 20  # bytes of zeros laid ahead at a time: a millisecond of writing, once in a thousand frames
_SUFFIX = ".wal"
_FIRST_BYTES = 8192
_SEAL_BYTES = len(seal_of(bytes(sha256().digest_size), bytes(SALT_BYTES)))


@dataclass(frozen=True, slots=True)
class Commit:
    """Bytes laid out for a segment, not yet written. Making them durable needs no more than file descriptor and numbers."""

    segment: SegmentFile
    content: bytes
    timestamps: tuple[Timestamp, ...]

    def __call__(self) -> None:
        """Write, synchronise and note it. Raises LogFailed; raises Unavailable, with nothing written, if the disk is full."""
        self.write()
        self.note()

    def write(self) -> None:
        """Write and synchronise, in any thread, and no more: a thread beside a busy one pays for each return from the system."""
        self.segment.put(self.content)

    def note(self) -> None:
        """Note what is durable now, before anything else is asked of the log."""
        self.segment.extend(self.content)
        self.segment.note_progress(self.timestamps)


class FileDisk:
    """The logs of one node in one directory, which this object locks until it is closed.

    `identity` names a new disk; a directory in use keeps the one it has. `synchronise` is `os.fdatasync` but for measurements, and
    `salt` gives each new segment its own. The loss of the segments in `accepted` is accepted (WAL-9). `began` is called with each
    segment that is opened in the inbox, and the timestamp of the first frame to come.
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
        salt: Callable[[str], bytes] = lambda _: os.urandom(SALT_BYTES),
        accepted: Iterable[str] = (),
    ) -> None:
        self.accepted = frozenset(accepted)
        self.began: Callable[[str, Timestamp], object] = lambda *_: None
        self.directory = directory
        self.region = region
        self._max_segment_bytes = max_segment_bytes
        self._growth = growth
        self._synchronise = synchronise
        self._salt = salt
        self._writing: dict[str, SegmentFile] = {}
        self._said: dict[str, Stated] = {}  # of each segment that is written to, what it states
        self._records: dict[str, Record] = {}
        require_large_files(directory, max_segment_bytes + growth)
        with usable(directory):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = lock(directory)
        try:
            with usable(directory):
                self.identity = identity_of(directory, Identity(region, identity)).identity
                logs = [path for path in sorted(directory.iterdir()) if path.is_dir()]
                self._names = {log.name: [n for n in _segments(log) if not self._is_released(n)] for log in logs}
                self._sealed = {name for names in self._names.values() for name in names if self._at_ends(name).digest}
                self._place = place(directory)
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
        """The bytes of a segment. Raises Unavailable if it was removed on purpose."""
        self._require_kept(name)
        return self.path(name).read_bytes()

    def inspect(self, log: str, wall: Timestamp) -> Inventory:
        """What a log has and should have (WAL-9)."""
        record = self._record(self.log(log))
        there = tuple(self._glance(name) for name in self.names(log) if self.path(name).exists())
        return Inventory(
            self.log(log), there, record.manifest.notes, record.mark(), self.accepted, wall, record.manifest.spoilt
        )

    def noted(self, log: str, wall: Timestamp) -> Inventory:
        """What the manifest of a log says (RET-4)."""
        record = self._record(self.log(log))
        manifest = record.manifest
        return Inventory(self.log(log), (), manifest.notes, record.mark(), self.accepted, wall, manifest.spoilt)

    def release(self, log: str, last: str) -> tuple[str, ...]:
        """Note that the segments up to `last` are removed; the names of all such whose files are still there (RET-4).

        Raises Unavailable, with nothing noted, if the disk is full.
        """
        record, names = self._record(self.log(log)), self.names(log)
        if not names or last >= names[-1]:
            raise ValueError(f"{last} is the last segment of its log, which stays")
        if sequence_of(last) > removed(record.manifest.notes):
            try:
                record.release(sequence_of(last))
            except OSError as error:
                raise unavailable(f"the manifest cannot be written: {trouble(error)}") from error
            self._names[self.log(log)] = [name for name in names if name > last]
            self._sealed.difference_update(names[: -len(self._names[self.log(log)])])
        return tuple(name for name in _segments(self.directory / self.log(log)) if self._is_released(name))

    def remove(self, name: str) -> None:
        """Delete the file of a segment that was released. A power failure may bring it back: it is found again."""
        if not self._is_released(name):
            raise ValueError(f"{name} was not released")
        self.path(name).unlink(missing_ok=True)

    def append(self, log: str, frame: Frame, clock: Timestamp) -> None:
        """Make one frame durable at the end of the open segment; `clock` is that of the node. Raises as `Commit` does."""
        self.append_many(log, (frame,), clock)

    def append_many(self, log: str, frames: Iterable[Frame], clock: Timestamp) -> None:
        """Make frames durable at the end of the log, those under one policy by one synchronisation. Raises as `Commit` does."""
        for _, some in groupby(frames, key=attrgetter("stated")):
            self.stage(log, some, clock)()

    def stage(self, log: str, frames: Iterable[Frame], clock: Timestamp) -> Commit:
        """Lay frames out for the open segment, all under one policy. No other append may be staged before the commit is called or
        dropped.
        """
        frames = tuple(frames)
        stated, since = (frames[0].stated, frames[0].timestamp) if frames else (UNSTATED, clock)
        segment = self._open(log, clock, stated, since)
        laid = b"".join(data(frame, segment.salt) for frame in frames)
        return Commit(segment, laid, tuple(frame.timestamp for frame in frames))

    def stated_at(self, log: str, timestamp: Timestamp = LAST) -> Stated:
        """What a log states of policies for a frame that it gave a timestamp, or gives it now (POL-9)."""
        return said_at(self._record(self.log(log)).said, timestamp)

    def state(self, log: str, stated: Stated) -> None:
        """Begin a segment that states something of policies, durably. Raises Unavailable if the log cannot grow."""
        self._open(log, stated.since, stated, stated.since)

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
            there = place(self.directory)
        except OSError:
            there = None
        if there != self._place:
            raise LogGone(f"the log's directory {self.directory} is gone; fix: put it back, or mount it again")

    def seal(self, log: str) -> None:
        """Seal every segment of the log that is not sealed; none is left open, and the manifest knows each."""
        record = self._record(self.log(log))
        for name in self.names(log):
            if name not in self._sealed:
                note = (self._writing.get(name) or self._reopen(name)).seal()
                self._writing.pop(name, None)
                self._sealed.add(name)
                record.append(note)
        noted = {note.sequence for note in record.manifest.notes if note.digest}
        for name in self.names(log):
            if sequence_of(name) not in noted:  # an earlier process kept no manifest, or stopped before it wrote
                found = self._at_ends(name)
                record.append(Note(sequence_of(name), salt=found.salt, size=found.size, digest=found.digest))
        record.clear()

    def truncate(self, name: str, size: int) -> None:
        """Cut a segment."""
        self._record(log_of(name)).withdraw(sequence_of(name), size)
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
        at all. Raises Unavailable if the segment was removed on purpose.
        """
        self._require_kept(name)
        if (segment := self._writing.pop(name, None)) is not None:
            segment.close()
        self._enter(log, name)
        if frames:
            self.append_many(log, frames, clock)
        empty = opening(
            Head(self.region, self.log(log), sequence_of(name)), clock, self.salt_of(name) or self._salt(name)
        )
        self._put(name, empty + seal(empty))

    def restore(self, log: str, name: str, content: bytes) -> None:
        """Put a segment into its place as it was sealed, and keep the bytes that stand there aside, if there are any."""
        if (segment := self._writing.pop(name, None)) is not None:
            segment.close()
        self._enter(log, name)
        self._put(name, content)

    def close(self) -> None:
        """Release files and lock. What is durable is in no way changed; a segment that is open stays unsealed."""
        for segment in self._writing.values():
            segment.close()
        self._writing.clear()
        for record in self._records.values():
            record.close()
        os.close(self._lock)

    def _open(self, log: str, clock: Timestamp, stated: Stated, since: Timestamp) -> SegmentFile:
        """The segment to append to. One that an earlier process left open is never continued; `recover` seals it."""
        names = self._names.get(self.log(log))
        segment = self._writing.get(names[-1]) if names else None
        if names and segment is not None and segment.end < self._max_segment_bytes and self._said[names[-1]] == stated:
            return segment
        return self._start(log, clock, stated, since)

    def _start(self, log: str, clock: Timestamp, stated: Stated, since: Timestamp) -> SegmentFile:
        full = self.log(log)
        names = self._names.setdefault(full, [])
        sequence = sequence_of(names[-1]) + 1 if names else 1
        name = segment_name(full, sequence)
        path = self.path(name)
        self.require_place()
        record, salt = self._record(full), self._salt(name)
        segment = None
        try:
            if not path.parent.exists():
                path.parent.mkdir(mode=0o700)
                sync_directory(self.directory)
            segment = SegmentFile(path, self._growth, self._synchronise, record, sequence, salt, clock)
            segment.write(opening(Head(self.region, full, sequence), clock, salt, stated))
            sync_directory(path.parent)
            full_before = [self._writing[before].progress] if names and (before := names[-1]) in self._writing else []
            note = saying(record.said, Note(sequence, salt=salt.hex()), stated)
            record.append(*full_before, note)  # only now: what is noted must be found
        except BaseException as error:
            if segment is not None:
                segment.close()
            if isinstance(error, OSError):
                raise unavailable(f"the log cannot grow: {trouble(error)}") from error
            raise
        names.append(name)
        self._writing[name], self._said[name] = segment, stated
        if log == INBOX:
            self.began(name, since)
        return segment

    def _reopen(self, name: str) -> SegmentFile:
        """A segment that an earlier process left open, to be sealed behind its last byte that is not zero."""
        content, salt = self.read(name), self.salt_of(name)
        found = scan(content, salt)
        return SegmentFile(
            self.path(name),
            self._growth,
            self._synchronise,
            self._record(log_of(name)),
            sequence_of(name),
            salt,
            found.clock,
            content[: found.end + found.torn],
            len(found.frames),
        )

    def _is_released(self, name: str) -> bool:
        return sequence_of(name) <= removed(self._record(log_of(name)).manifest.notes[:1])  # it begins the manifest

    def _require_kept(self, name: str) -> None:
        if self._is_released(name):
            raise unavailable(f"{name} was removed: a snapshot covers it")

    def _record(self, log: str) -> Record:
        """What is recorded beside a log, by its full name."""
        record = self._records.get(log)
        if record is None:
            record = self._records[log] = Record(self.directory / log)
        return record

    def salt_of(self, name: str) -> bytes:
        """The salt of a segment: as the manifest knows it, or else as its opening says."""
        salt = self._record(log_of(name)).salts.get(sequence_of(name))
        if salt is not None:
            return bytes.fromhex(salt)
        try:
            with self.path(name).open("rb") as file:
                return salt_of(file.read(_FIRST_BYTES))
        except FileNotFoundError:
            return b""

    def _at_ends(self, name: str) -> Glance:
        with self.path(name).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            first = file.read(_FIRST_BYTES)
            file.seek(max(0, size - _SEAL_BYTES))
            return glance_at_ends(name, first, file.read(), size, self.salt_of(name))

    def _glance(self, name: str) -> Glance:
        ends = self._at_ends(name)
        return ends if ends.digest else glance(name, self.read(name), self.salt_of(name))

    def _enter(self, log: str, name: str) -> None:
        """Count a segment that is missing among those of its log."""
        names = self._names.setdefault(self.log(log), [])
        if name not in names:
            insort(names, name)

    def _put(self, name: str, content: bytes) -> None:
        """Put a sealed segment into its place. It is noted before: what is found there after a crash is the old one or the new."""
        path = self.path(name)
        salt, found = salt_of(content), scan(content)
        note = Note(
            sequence_of(name),
            salt=salt.hex(),
            size=len(content),
            frames=len(found.frames),
            digest=sealed_digest(content, salt),
            clock=found.clock,
        )
        self._record(log_of(name)).append(note)
        write_whole(path.with_suffix(".new"), content)
        if path.exists():
            os.link(path, _unused(path))
        path.with_suffix(".new").replace(path)
        sync_directory(path.parent)
        self._sealed.add(name)


def _segments(log: Path) -> list[str]:
    return sorted(f"{log.name}/{path.stem}" for path in log.glob(f"*{_SUFFIX}"))


def _unused(path: Path) -> Path:
    """The name under which damaged bytes are kept; a second damage of one segment does not overwrite the first."""
    candidates = (path.with_suffix(suffix) for suffix in (".damaged", *(f".damaged{n}" for n in range(2, 1000))))
    return next(candidate for candidate in candidates if not candidate.exists())
