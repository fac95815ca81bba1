"""What is recorded beside a log on a real disk (WAL-9): its manifest and its mark; and how files are written whole."""

import os
from collections.abc import Sequence
from pathlib import Path

from flk.model.log.hlc import Timestamp
from flk.model.log.manifest import Manifest, Note, compacted, line, read, withdrawn

_MANIFEST = "manifest"
_MARK = "mark"
_MARK_BYTES = 128  # one write into one sector


class Record:
    """What is recorded beside a log: its manifest, of which each note is synchronised, and the mark, which is not."""

    def __init__(self, log: Path) -> None:
        self._manifest = log / _MANIFEST
        self._mark = log / _MARK
        content = self._manifest.read_bytes() if self._manifest.exists() else b""
        self.manifest = read(content)
        self.salts = {note.sequence: note.salt for note in self.manifest.notes}
        """Of each segment, as the latest note has it."""
        self.said = _said(self.manifest.notes)
        """The notes that say what the log states of policies: few, and asked for with each frame."""
        self._whole = content.rfind(b"\n") + 1
        self._fd = -1

    def append(self, *notes: Note) -> None:
        """Add notes. Raises OSError."""
        new = not self._manifest.exists()
        fd = os.open(self._manifest, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.ftruncate(fd, self._whole)  # an append that was cut short
            text = b"".join(map(line, notes))
            write_all(fd, text, self._whole)
            os.fsync(fd)
        finally:
            os.close(fd)
        if new:
            sync_directory(self._manifest.parent)
        self._whole += len(text)
        self.manifest = self.manifest._replace(notes=(*self.manifest.notes, *notes))
        self.salts |= {note.sequence: note.salt for note in notes}
        self.said += _said(notes)

    def clear(self) -> None:
        """Write the manifest again without the lines that are no notes, once what they hid has been looked for."""
        if self.manifest.spoilt:
            self._write_anew(self.manifest.notes)

    def release(self, sequence: int) -> None:
        """Write the manifest again, to say that the segments up to this one are removed, and nothing else of them (RET-4).

        Raises OSError; the manifest is the one before or the new one then.
        """
        self._write_anew(compacted(self.manifest.notes, sequence))

    def _write_anew(self, notes: tuple[Note, ...]) -> None:
        content = b"".join(map(line, notes))
        replace_whole(self._manifest, content)
        self.manifest, self._whole = Manifest(notes, 0), len(content)
        self.salts = {note.sequence: note.salt for note in notes}
        self.said = _said(notes)

    def mark(self) -> Note | None:
        """How far the last segment that was written to is durable, at least, and its clock; None if that is not known."""
        if not self._mark.exists():
            return None
        notes = read(self._mark.read_bytes().rstrip(b"\0 ")).notes
        return notes[0] if notes else None

    def set_mark(self, sequence: int, size: int, clock: Timestamp) -> None:
        """Note how far a segment is durable, and the log's latest timestamp. It costs a write into the page cache."""
        if self._fd < 0:
            self._fd = os.open(self._mark, os.O_WRONLY | os.O_CREAT, 0o600)
        os.pwrite(self._fd, line(Note(sequence, size=size, clock=clock)).ljust(_MARK_BYTES), 0)

    def withdraw(self, sequence: int, size: int) -> None:
        """Let neither mark nor manifest say more than that a segment is durable up to `size`."""
        mark = self.mark()
        if mark is not None and mark.sequence == sequence and mark.size > size:
            self.set_mark(sequence, size, mark.clock)
            os.fsync(self._fd)
        if less := withdrawn(self.manifest.notes, sequence, size):
            self.append(*less)

    def close(self) -> None:
        """Release the file of the mark."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _said(notes: Sequence[Note]) -> tuple[Note, ...]:
    return tuple(note for note in notes if note.stated is not None)


def replace_whole(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Let a file have these bytes, durably. Whatever stops this, it has them, or is what it was."""
    new = path.with_name(f"{path.name}.new")
    write_whole(new, content, mode)
    new.replace(path)
    sync_directory(path.parent)


def write_whole(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Make a file of these bytes durable, but for its name."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        write_all(fd, content, 0)
        os.fsync(fd)
    finally:
        os.close(fd)


def write_all(fd: int, content: bytes, offset: int) -> None:
    """Write all of it, from an offset on."""
    view = memoryview(content)
    while view:
        written = os.pwrite(fd, view, offset)
        view, offset = view[written:], offset + written


def sync_directory(path: Path) -> None:
    """Make a directory's entries durable: a synchronised file without a name is lost all the same."""
    sync_file(path, os.O_DIRECTORY)


def sync_file(path: Path, flags: int = 0) -> None:
    """Make durable what a file has, whoever wrote it."""
    fd = os.open(path, os.O_RDONLY | flags)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
