"""The agent's outbox on a real disk: performs what the programs of `flk.model.programs.outbox` ask of a log."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self

from flk.impl.storage.segment_file import LogFailed
from flk.impl.storage.wal import FileDisk
from flk.model.effects import (
    OUTBOX,
    Append,
    Effect,
    Inspect,
    ReadSegment,
    Release,
    RemoveSegment,
    Resume,
    Salvage,
    Seal,
    Segments,
    Truncate,
)
from flk.model.flow.outbox import is_due
from flk.model.log.frames import Frame, scan
from flk.model.log.hlc import ZERO, Timestamp, at, tick
from flk.model.programs.outbox import compact, open_outbox
from flk.model.refusal import Unavailable
from flk.model.runtime import run

REGION = "agent"  # of the outbox's disk; it is no region of the service


class Outbox:
    """The outbox in a directory, which this object holds until it is closed; several threads may append at once.

    `pending`, `dead` and `unfinished` are what the log said when it was opened. It is compacted when it is due, at opening and by
    whoever appends (RET-8). Raises UnusableInput if another process holds the directory, or if it is not an outbox.
    """

    def __init__(self, directory: Path, now: Callable[[], float] = time.time) -> None:
        self._disk = FileDisk(directory, REGION)
        self._now = now
        self._clock = ZERO
        self._waiting: list[Frame] = []
        self._order, self._writing, self._compacting = Lock(), Lock(), Lock()
        self._failure: Exception | None = None
        self._performers: dict[type[Effect[object]], Callable[[Any], Any]] = {
            Append: lambda e: self.append((e.payload,))[0],
            Resume: self._resume,
        }
        alone: dict[type[Effect[object]], Callable[[Any], Any]] = {
            Salvage: lambda e: self._disk.salvage(e.log, e.name, e.frames, self._clock),
            Seal: lambda e: self._disk.seal(e.log),
            Segments: lambda e: self._disk.names(e.log, e.after, sealed=e.sealed),
            ReadSegment: lambda e: self._disk.read(e.name),
            Truncate: lambda e: self._disk.truncate(e.name, e.size),
            Inspect: lambda e: self._disk.inspect(e.log, at(now())),
            Release: lambda e: self._disk.release(e.log, e.last),
            RemoveSegment: lambda e: self._disk.remove(e.name),
        }
        self._alone = alone
        found = run(open_outbox(), self.perform)
        self.pending, self.dead, self.unfinished = found.pending, found.dead, found.unfinished
        self._size, self._kept = found.size, found.kept
        self._keep_small()

    def perform(self, effect: Effect[object]) -> Any:
        """The effect's result. Raises Unavailable if the disk is full and LogFailed if it fails, from then on for every append."""
        if (performer := self._performers.get(type(effect))) is not None:
            return performer(effect)
        with self._writing:
            return self._alone[type(effect)](effect)

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

    def append(self, payloads: Sequence[bytes]) -> list[Timestamp]:
        """Make payloads durable at the end of the log, as the effect `Append` does with one; their timestamps.

        Whoever gets to write first writes for all who wait by then: one synchronisation acknowledges many.
        """
        with self._order:
            frames = [Frame(self._tick(), payload) for payload in payloads]
            self._waiting += frames
        with self._writing:
            with self._order:
                batch, self._waiting = self._waiting, []
            if batch:
                self._write(batch)
            if self._failure is not None:  # it may have been the write of another thread that had this frame in it
                raise self._failure
        self._keep_small()
        return [frame.timestamp for frame in frames]

    def _tick(self) -> Timestamp:
        self._clock = tick(self._clock, self._now())
        return self._clock

    def _write(self, batch: list[Frame]) -> None:
        try:
            if self._failure is None:
                self._disk.append_many(OUTBOX, batch, batch[-1].timestamp)
                self._size += sum(len(frame.payload) for frame in batch)
        except (LogFailed, Unavailable) as failure:
            self._failure = failure

    def _keep_small(self) -> None:
        """Compact the log if it is due, beside others who append. What its caller appended is durable whatever comes of it."""
        if not is_due(self._size, self._kept) or not self._compacting.acquire(blocking=False):
            return
        try:
            before = self._size
            self._kept = run(compact(), self.perform)
            self._size -= before
        except (LogFailed, Unavailable) as failure:
            self._failure = failure
        finally:
            self._compacting.release()

    def _resume(self, effect: Resume) -> None:
        self._clock = max(self._clock, effect.timestamp)
