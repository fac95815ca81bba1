"""The agent's outbox on a real disk: performs what the programs of `flk.model.programs.outbox` ask of a log."""

import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self

from flk.impl.storage.segment_file import LogFailed
from flk.impl.storage.wal import FileDisk
from flk.model.effects import OUTBOX, Append, Effect, Inspect, ReadSegment, Resume, Salvage, Segments, Truncate
from flk.model.log.frames import Frame, scan
from flk.model.log.hlc import ZERO, Timestamp, at, tick
from flk.model.programs.outbox import open_outbox
from flk.model.refusal import Unavailable
from flk.model.runtime import run

REGION = "agent"  # of the outbox's disk; it is no region of the service


class Outbox:
    """The outbox in a directory, which this object holds until it is closed; several threads may append at once.

    `pending`, `dead` and `unfinished` are what the log said when it was opened. Raises UnusableInput if another process holds the
    directory, or if it is not an outbox.
    """

    def __init__(self, directory: Path, now: Callable[[], float] = time.time) -> None:
        self._disk = FileDisk(directory, REGION)
        self._now = now
        self._clock = ZERO
        self._waiting: list[Frame] = []
        self._order, self._writing = Lock(), Lock()
        self._failure: Exception | None = None
        self._performers: dict[type[Effect[object]], Callable[[Any], Any]] = {
            Append: lambda e: self._append(e.log, e.payload),
            Salvage: lambda e: self._disk.salvage(e.log, e.name, e.frames, self._clock),
            Segments: lambda e: self._disk.names(e.log, e.after, sealed=e.sealed),
            ReadSegment: lambda e: self._disk.read(e.name),
            Truncate: lambda e: self._disk.truncate(e.name, e.size),
            Inspect: lambda e: self._disk.inspect(e.log, at(now())),
            Resume: self._resume,
        }
        found = run(open_outbox(), self.perform)
        self.pending, self.dead, self.unfinished = found.pending, found.dead, found.unfinished

    def perform(self, effect: Effect[object]) -> Any:
        """The effect's result. Raises Unavailable if the disk is full and LogFailed if it fails, from then on for every append."""
        return self._performers[type(effect)](effect)

    def damage(self) -> list[str]:
        """What is corrupt in the copies of damaged segments that are kept: a sentence each, with the place (OUT-7)."""
        sentences = []
        for path in sorted(self._disk.directory.glob("*/*.damaged*")):
            ranges = scan(path.read_bytes()).damage
            places = ", ".join(f"{each.length} bytes from offset {each.offset}" for each in ranges) or "its end or head"
            sentences.append(
                f"{path}: {places} are corrupt; what was queued there is lost: send its source again, then remove this"
            )
        return sentences

    def close(self) -> None:
        """Seal the log and let go of the directory."""
        if self._failure is None:
            self._disk.seal(OUTBOX)
        self._disk.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _append(self, log: str, payload: bytes) -> Timestamp:
        """Whoever gets to write first writes for all who wait by then: one synchronisation acknowledges many."""
        with self._order:
            self._clock = tick(self._clock, self._now())
            frame = Frame(self._clock, payload)
            self._waiting.append(frame)
        with self._writing:
            with self._order:
                batch, self._waiting = self._waiting, []
            if batch:
                self._write(log, batch)
            if self._failure is not None:  # it may have been the write of another thread that had this frame in it
                raise self._failure
        return frame.timestamp

    def _write(self, log: str, batch: list[Frame]) -> None:
        try:
            if self._failure is None:
                self._disk.append_many(log, batch, batch[-1].timestamp)
        except (LogFailed, Unavailable) as failure:
            self._failure = failure

    def _resume(self, effect: Resume) -> None:
        self._clock = max(self._clock, effect.timestamp)
