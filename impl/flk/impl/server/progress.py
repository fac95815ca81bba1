"""How far a start has come, in words: told by `/health` and `/ready` while the log is replayed (OBS-3)."""

from typing import Any

from flk.model.effects import CaughtUp, Effect, GetObject, Marked, Merge, ReadSegment, Segments
from flk.model.runtime import Perform


class Progress:
    """Written by the thread that opens or recovers a node, read by all."""

    def __init__(self) -> None:
        self._segments = self._read = self._fetched = self._claims = 0
        self._phase = "the log and the store are being opened"

    def __str__(self) -> str:
        """What is being done, and how much of it is done; empty once the node is level with its log."""
        return self._phase and f"{self._phase}{self._counts()}"

    def postpone(self, reason: str) -> None:
        """Recovery gave up for now."""
        self._segments = self._fetched = 0
        self._phase = reason

    def around(self, perform: Perform) -> Perform:
        """`perform`, for a recovery, with its effects counted."""
        self._segments = self._read = self._fetched = self._claims = 0
        self._phase = "the log is being replayed into the store"

        def counted(effect: Effect[object]) -> Any:
            result = perform(effect)
            self._count(effect, result)
            return result

        return counted

    def _count(self, effect: Effect[object], result: Any) -> None:
        match effect:
            case Segments(sealed=False):
                self._segments = len(result)
            case ReadSegment():
                self._read += 1
            case GetObject():
                self._fetched += 1
            case Merge(claims):
                self._claims += len(claims)
            case CaughtUp():
                self._phase = ""
            case Marked() | _:
                pass

    def _counts(self) -> str:
        if not (self._segments or self._fetched):
            return ""
        told = f": {min(self._read, self._segments)} of {self._segments} segments, {self._claims} claims"
        return f"{told}, {self._fetched} objects of earlier disks" if self._fetched else told
