"""Passes in the background: what ships a log, what replays others', what puts back what is gone, what writes snapshots; and
their measures.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

import structlog
from prometheus_client import Counter

from flk.impl.server.metrics import Metrics
from flk.impl.storage.wal import FileDisk
from flk.model.effects import (
    INBOX,
    Effect,
    GetObject,
    Mark,
    Marked,
    Merge,
    Observe,
    Program,
    PutObject,
    ReplaceObject,
    Salvage,
)
from flk.model.entries.snapshot import heads_of
from flk.model.log.hlc import Timestamp, is_ahead, wall_seconds
from flk.model.programs.behind import read_on
from flk.model.programs.examine import Examine
from flk.model.programs.replay import Replayed
from flk.model.programs.restore import Restored, restore
from flk.model.programs.ship import PREFIX, SHIPPED, ship
from flk.model.programs.snapshot import Snapshotted, snapshot, snapshot_in_turn
from flk.spec.constants import CONSTANTS

R = TypeVar("R")

log = structlog.get_logger()


class Work(NamedTuple):
    """What was shipped or replayed: segments, their bytes, and the claims merged from them."""

    segments: int = 0
    bytes: int = 0
    claims: int = 0

    def and_more(self, *, segments: int = 0, size: int = 0, claims: int = 0) -> "Work":
        """Together with this."""
        return Work(self.segments + segments, self.bytes + size, self.claims + claims)


class Passes(ABC, Generic[R]):
    """The passes of one program about region `source`; `errors` counts those that did not complete. They are made only while the
    store is level with the log, unless `while_behind`.
    """

    while_behind = False

    def __init__(self, name: str, source: str, errors: Counter) -> None:
        self.name = name
        self.source = source
        self._errors = errors
        self._level_at = time.monotonic()
        self._waits = ""
        self._done = Work()

    @abstractmethod
    def program(self) -> Program[R]:
        """What a pass runs."""

    @abstractmethod
    def seen(self, effect: Effect[object], result: object) -> None:
        """Measure an effect that a pass performed, and its result."""

    @abstractmethod
    def lag(self) -> float:
        """Seconds that the oldest record known to wait has waited; 0 if none waits."""

    def shortcoming(self, result: R) -> str:
        """Why a pass that returned `result` did not complete; empty if it did."""
        del result
        return ""

    def returned(self, result: R) -> None:
        """A pass returned `result`, whatever that says."""
        del result

    def done(self) -> Work:
        """What was done since this was asked last."""
        done, self._done = self._done, Work()
        return done

    def passed(self, *, began: float) -> None:
        """A pass that began at that moment of the monotonic clock completed: nothing older than it waits."""
        self._level_at = began
        self._waits = ""

    def failed(self, reason: str) -> None:
        """A pass did not complete: something may wait."""
        self._errors.inc()
        self._waits = reason

    def close(self) -> None:
        """No further pass is made."""

    def behind(self) -> str:
        """What waits, for how long and why; empty if the last pass completed."""
        return f"{self.name} {self.source}: {self.lag():.0f} s: {self._waits}" if self._waits else ""


class LogPasses(Passes[R]):
    """Passes over the log of region `source`. `name` is the label `stage` of their metrics: `ship`, `replay`, `restore`."""

    def __init__(self, name: str, source: str, metrics: Metrics) -> None:
        super().__init__(name, source, metrics.crr_errors(name, source))
        metrics.watch_lag(name, source, self.lag)

    def lag(self) -> float:
        """Seconds since the last complete pass, if one has failed since: all that waits was shipped after it began."""
        return time.monotonic() - self._level_at if self._waits else 0.0


class ShippingPasses(LogPasses[tuple[str, ...]]):
    """Seal and upload the segments of the node's own log."""

    def __init__(self, disk: FileDisk, metrics: Metrics) -> None:
        super().__init__("ship", disk.region, metrics)
        self._disk = disk
        self._shipped: str | None = None
        self._segments = metrics.segments_shipped
        self._begins: dict[str, Timestamp] = {}

    def program(self) -> Program[tuple[str, ...]]:
        """Seal, and upload what is sealed."""
        return ship()

    def seen(self, effect: Effect[object], result: object) -> None:
        """The watermark was read, or has moved past a segment."""
        if isinstance(effect, Marked) and effect.name == SHIPPED and isinstance(result, str):
            self._shipped = result
        elif isinstance(effect, Mark) and effect.name == SHIPPED:
            self._shipped = effect.value
            self._segments.inc()
            self._done = self._done.and_more(segments=1)
        elif isinstance(effect, PutObject):
            self._done = self._done.and_more(size=len(effect.content))

    def lag(self) -> float:
        """The age of the oldest record in a segment that is not shipped, sealed or not; 0 until the watermark is known."""
        if self._shipped is None:
            return 0.0
        for name in self._disk.names(INBOX, after=self._shipped):
            begins = self._begins.get(name) or self._disk.begins(name)
            if begins is not None:  # a segment that stands for a damaged one has no frames
                self._begins = {name: begins}
                return max(0.0, time.time() - wall_seconds(begins))
        return 0.0


class ReplayPasses(LogPasses[Replayed]):
    """Join the entries of a peer's log into the store."""

    def __init__(self, region: str, peer: str, examine: Examine, metrics: Metrics, stage: str = "replay") -> None:
        super().__init__(stage, peer, metrics)
        self._region = region
        self._examine = examine
        self._refused = metrics.snapshot_errors("read")
        self._from_snapshot = False
        self._segments = metrics.segments_replayed(peer)
        self._clock_ahead = metrics.clock_ahead(peer)
        self._merged = False

    def program(self) -> Program[Replayed]:
        """Join the entries of every new segment into the store, or of a snapshot that covers those that were removed."""
        return read_on(self._region, self.source, self._examine)

    def seen(self, effect: Effect[object], result: object) -> None:
        """A segment was merged, then the watermark moved past it, or the clock was shown the timestamps in it.

        A Mark without a Merge moves past none: where the log of the next disk begins, it keeps how far the last one was read.
        """
        if isinstance(effect, GetObject) and isinstance(result, bytes):
            self._done = self._done.and_more(size=len(result))
            self._from_snapshot = effect.name.startswith(CONSTANTS.snapshot.object_prefix)
        elif isinstance(effect, Merge):
            self._merged = not self._from_snapshot
            self._done = self._done.and_more(claims=len(effect.claims))
        elif isinstance(effect, Mark) and self._merged:
            self._merged = False
            self._segments.inc()
            self._done = self._done.and_more(segments=1)
        elif isinstance(effect, Observe):
            now = time.time()
            self._clock_ahead.inc(sum(is_ahead(timestamp, now) for timestamp in effect.timestamps))

    def returned(self, result: Replayed) -> None:
        """A reader that was behind what was removed says what it began with (RET-5)."""
        for refused in result.refused:
            self._refused.inc()
            log.error("snapshot.refused", reason=refused)
        if result.snapshot:
            log.warning("replication.began_with_snapshot", source=self.source, name=result.snapshot)

    def shortcoming(self, result: Replayed) -> str:
        """A segment exists although one before it is missing."""
        return f"the segment before {result.gap} is missing; nothing after it is replayed" if result.gap else ""


class ReclaimPasses(ReplayPasses):
    """Join in what earlier disks of the node's own region have shipped, and what no listing showed when it recovered (CRR-5)."""

    def program(self) -> Program[Replayed]:
        """Join the entries of every segment that has come to light into the store."""
        return read_on(self._region, self.source, self._examine, own=True)


class RestorePasses(LogPasses[Restored]):
    """Put back objects of the node's own that are gone or damaged, and read its log on the way (CRR-10)."""

    def __init__(self, region: str, share: float, metrics: Metrics) -> None:
        super().__init__("restore", region, metrics)
        self._share = share
        self._missing = metrics.objects_restored("missing")
        self._damaged = metrics.objects_restored("damaged")
        self._rotten = metrics.wal_damage

    def program(self) -> Program[Restored]:
        """Look for all objects, and compare some."""
        return restore(self._share)

    def seen(self, effect: Effect[object], result: object) -> None:
        """An object was put back, or a segment of the log had rotted."""
        if isinstance(effect, PutObject) and result and effect.name.startswith(PREFIX):
            self._missing.inc()
            log.warning("object.put_back", name=effect.name, because="it was missing")
        elif isinstance(effect, ReplaceObject) and result:
            self._damaged.inc()
            log.warning("object.put_back", name=effect.name, because="it was damaged")
        elif isinstance(effect, Salvage):
            self._rotten.inc()
            log.error("log.damaged", segment=effect.name, frames_saved=len(effect.frames))

    def shortcoming(self, result: Restored) -> str:
        """What can only be mended by hand."""
        return result.shortcoming


class SnapshotPasses(Passes[Snapshotted]):
    """Write what the node stores to the object store (SNAP-*). Nodes that share a store take turns, so many seconds each."""

    def __init__(self, region: str, peers: Sequence[str], metrics: Metrics, turn: float | None = None) -> None:
        super().__init__("snapshot", region, metrics.snapshot_errors("write"))
        self._peers = peers
        self._turn = turn
        self._bytes = 0
        self._size = metrics.snapshot_bytes
        self._seconds = metrics.snapshot_seconds
        self._segments_shipped = metrics.segments_shipped
        metrics.watch_snapshots(self.lag)

    def program(self) -> Program[Snapshotted]:
        """Write a snapshot."""
        self._bytes = 0
        if self._turn is not None:
            return snapshot_in_turn(self.source, self._turn)
        return snapshot(self.source, self._peers)

    def seen(self, effect: Effect[object], result: object) -> None:
        """An object was put; the head is the last of them. Segments that had to go before were shipped."""
        del result
        if isinstance(effect, Mark) and effect.name == SHIPPED:
            self._segments_shipped.inc()
        if not isinstance(effect, PutObject) or effect.name.startswith(PREFIX):
            return
        self._bytes += len(effect.content)
        if effect.name.startswith(heads_of(self.source)):
            self._size.set(self._bytes)
            log.info("snapshot.written", name=effect.name, bytes=self._bytes)

    def passed(self, *, began: float) -> None:
        """A snapshot is whole, or there was nothing that one could cover."""
        super().passed(began=began)
        self._seconds.set(time.monotonic() - began)

    def lag(self) -> float:
        """Seconds since the latest whole snapshot was begun; since the start, if there is none."""
        return time.monotonic() - self._level_at
