"""The memory runtime: a node whose disk, store and object store are values in memory.

What survives a crash is what the real ones keep: `Disk`, `Entries` and `Objects` live on, the node around them is made anew.
The simulator wraps the same parts in time and faults.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping, MutableMapping
from random import Random
from typing import Any

from flk.model.admission import admit, require_level, unavailable
from flk.model.effects import (
    INBOX,
    Acknowledge,
    Admit,
    Append,
    Attempt,
    Bury,
    CaughtUp,
    CountEntries,
    Draw,
    Effect,
    Fetch,
    GetObject,
    ListObjects,
    Mark,
    Marked,
    MarkProcessed,
    Merge,
    Observe,
    Post,
    PutObject,
    ReadSegment,
    Resume,
    Salvage,
    SampleKeys,
    Seal,
    Segments,
    Sleep,
    Store,
    TakeTask,
    Truncate,
)
from flk.model.entry import Claim, Entry, Key, join
from flk.model.frames import Frame, Head, data, opening, seal, segment_name, sequence_of
from flk.model.hlc import ZERO, Timestamp, observe, tick
from flk.model.migrated import MigratedStore
from flk.model.migration import Moving, split
from flk.model.programs import migration, tiering
from flk.model.runtime import run
from flk.model.submission import Response, Submission
from flk.model.tasks import Archive, TaskQueue
from flk.model.tiered import TieredStore
from flk.model.tiers import Tier, Tiers
from flk.spec.constants import CONSTANTS


class Disk:
    """The logs of one node. `identity` names the disk: a region that lost one writes its next log under another name.

    A segment that has `max_segment_bytes` takes no more data frames (WAL-2).
    """

    def __init__(
        self, region: str, identity: int = 1, *, max_segment_bytes: int = CONSTANTS.wal.max_segment_bytes
    ) -> None:
        self.region = region
        self.identity = identity
        self.max_segment_bytes = max_segment_bytes
        self.segments: dict[str, bytearray] = {}
        self.aside: dict[str, bytes] = {}
        self._sealed: set[str] = set()
        self._closed: set[str] = set()
        self._names: dict[str, list[str]] = {}  # of each log, in order: the next segment is always the last by name

    def log(self, log: str) -> str:
        """The full name of a log on this disk: `eu.000001` is the inbox of region eu's first disk."""
        name = f"{self.region}.{self.identity:06d}"
        return name if log == INBOX else f"{name}-{log}"

    def names(self, log: str, after: str = "", *, sealed: bool = False) -> tuple[str, ...]:
        """Segment names of a log after `after`, in order."""
        names = self._names.get(log, [])
        later = names[bisect_right(names, after) :]
        return tuple(name for name in later if name in self._sealed) if sealed else tuple(later)

    def is_full(self, log: str) -> bool:
        """Whether the open segment has reached its limit and should be sealed (WAL-2)."""
        names = self._names.get(log)
        if not names or names[-1] in self._sealed:
            return False
        return len(self.segments[names[-1]]) >= self.max_segment_bytes

    def append(self, log: str, frame: Frame, clock: Timestamp) -> None:
        """Make a frame durable at the end of the open segment; `clock` is that of the node."""
        self._open(log, clock).extend(data(frame))

    def seal(self, log: str) -> None:
        """Seal every segment of the log that is not sealed; none is left open."""
        for name in self.names(log):
            if name not in self._sealed:
                self.segments[name] += seal(bytes(self.segments[name]))
                self._sealed.add(name)

    def close(self, log: str) -> None:
        """Write no more frames to the segments there are, of which a synchronisation failed (WAL-7)."""
        self._closed.update(self.names(log))

    def truncate(self, name: str, size: int) -> None:
        """Cut a segment."""
        del self.segments[name][size:]
        self._sealed.discard(name)

    def salvage(self, log: str, name: str, frames: tuple[Frame, ...], clock: Timestamp) -> None:
        """Set a damaged segment aside, leave an empty sealed one in its place, and append its valid frames again."""
        self.aside[name] = bytes(self.segments[name])
        empty = opening(Head(self.region, self.log(log), sequence_of(name)), clock)
        self.segments[name] = bytearray(empty + seal(empty))
        self._sealed.add(name)
        for frame in frames:
            self.append(log, frame, clock)

    def _open(self, log: str, clock: Timestamp) -> bytearray:
        names = self._names.setdefault(log, [])
        if names and self._takes_frames(names[-1]):
            return self.segments[names[-1]]
        sequence = sequence_of(names[-1]) + 1 if names else 1
        name = segment_name(self.log(log), sequence)
        names.append(name)
        self.segments[name] = bytearray(opening(Head(self.region, self.log(log), sequence), clock))
        return self.segments[name]

    def _takes_frames(self, name: str) -> bool:
        ended = name in self._sealed or name in self._closed
        return not ended and len(self.segments[name]) < self.max_segment_bytes


class Entries:
    """The store of one region: entries, watermarks, the local winners that gave way, and the audit queue if it has one.

    With `tiers`, `entries` is what the first tier that has a key holds under it; without, it is all there is. With `moving`, some
    keys are being moved to another shard, and `entries` is what the shard that rules has decided.
    """

    def __init__(
        self, tasks: TaskQueue | None = None, tiers: Tiers | None = None, moving: Moving | None = None
    ) -> None:
        self.tasks = tasks
        self.tiers = tiers
        self.moving = moving
        self.entries: MutableMapping[Key, Entry] = {} if tiers is None else tiers.first
        self.marks: dict[str, str] = {}
        self.superseded: list[tuple[Key, Entry, Entry]] = []

    def insert_or_get(self, claim: Claim, known: Entry | None = None) -> Entry:
        """The entry now stored under the key: the claim's own if there was none, or only one of a clock ahead of ours (DUP-1).

        In a store of tiers, `known` is what the tiers were found to have: here only the hot one is looked into.
        """
        return self._join(claim, known)[0]

    def merge(self, claim: Claim, known: Entry | None = None) -> bool:
        """Join one entry in; whether a stored one gave way, which is recorded (CRR-1, CRR-3)."""
        return self._join(claim, known)[1]

    def _join(self, claim: Claim, known: Entry | None) -> tuple[Entry, bool]:
        """What prevails from now on, and whether what was stored gave way."""
        here = self.entries if self.tiers is None else self.tiers.held[Tier.HOT]
        stored = here.get(claim.key, known)
        if stored is None:
            self._put(claim.key, claim.entry)
            if self.tasks is not None:
                self.tasks.follow(claim)
            return claim.entry, False
        winner = join(stored, claim.entry)
        if winner == stored:
            return stored, False
        self._put(claim.key, winner)
        self.superseded.append((claim.key, stored, winner))
        return winner, True

    def _put(self, key: Key, entry: Entry) -> None:
        if self.tiers is None:
            self.entries[key] = entry
        else:
            self.tiers.place(key, entry)

    def sample(self, size: int, random: Random) -> tuple[Key, ...]:
        """At most `size` keys, each equally likely."""
        keys = sorted(self.entries)
        return tuple(random.sample(keys, min(size, len(keys))))


class Objects:
    """An object store with conditional creation (CRR-9)."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put(self, name: str, content: bytes) -> bool:
        """Create the object unless the name is taken; whether it was created."""
        if name in self.objects:
            return False
        self.objects[name] = content
        return True

    def names(self, prefix: str, after: str) -> tuple[str, ...]:
        """Names with the prefix that sort after `after`."""
        return tuple(name for name in sorted(self.objects) if name.startswith(prefix) and name > after)


def no_service(submission: Submission) -> Response | None:
    """The service of a node that posts to none: no answer ever comes."""
    del submission
    return None


class MemoryNode:
    """Performs every effect at once. `perform` is what `runtime.run` takes.

    `now` gives wall time in seconds, `peers` the stores that divergence detection may read, `post` the service an outbox
    delivers to, `archive` where audit tasks take effect (None: this node is no worker). `store_down` makes the store unavailable;
    from its first failure the node is behind its log and admits and claims nothing until `recover` has run (ORD-4).
    `tiered` is what it knows of the tiers of its store (None: it has none).
    """

    def __init__(
        self,
        disk: Disk,
        entries: Entries,
        objects: Objects,
        now: Callable[[], float],
        *,
        peers: Mapping[str, Entries] | None = None,
        post: Callable[[Submission], Response | None] = no_service,
        archive: Archive | None = None,
        seed: int = 0,
    ) -> None:
        self.disk = disk
        self.entries = entries
        self.objects = objects
        self.clock: Timestamp = ZERO
        self.in_flight = 0
        self.limit = CONSTANTS.node.max_in_flight
        self.store_down = False
        self.behind = False
        self.slept = 0.0
        self._now = now
        self._peers = peers or {}
        self._post = post
        self._random = Random(seed)
        self._performers: dict[type[Effect[Any]], Callable[[Any], Any]] = {
            Admit: self._admit,
            Append: self._append,
            Salvage: lambda e: disk.salvage(e.log, e.name, e.frames, self.clock),
            Seal: self._seal,
            CaughtUp: self._caught_up,
            Segments: lambda e: disk.names(e.log, e.after, sealed=e.sealed),
            ReadSegment: lambda e: bytes(disk.segments[e.name]),
            Truncate: lambda e: disk.truncate(e.name, e.size),
            Store: self._store,
            Merge: self._merge,
            Resume: self._resume,
            Observe: self._observe,
            Mark: self._mark,
            Marked: lambda e: self._reachable().marks.get(e.name, ""),
            PutObject: lambda e: objects.put(e.name, e.content),
            GetObject: lambda e: objects.objects.get(e.name),
            ListObjects: lambda e: objects.names(e.prefix, e.after),
            CountEntries: lambda e: len(self._peer(e.region).entries),
            SampleKeys: lambda e: self._peer(e.region).sample(e.size, self._random),
            Fetch: lambda e: tuple(map(self._peer(e.region).entries.get, e.keys)),
            Post: lambda e: self._post(e.submission),
            Sleep: self._sleep,
            Draw: lambda _: self._random.random(),
        }
        self.tiered = None if entries.tiers is None else TieredStore(entries.tiers, self._reachable, now)
        if self.tiered is not None:
            self._performers |= self.tiered.performers
        if entries.moving is not None:
            self._performers |= MigratedStore(entries.moving, self._reachable).performers
        if archive is not None:
            self._performers |= {
                TakeTask: lambda _: self._tasks().take(),
                Attempt: lambda e: archive.attempt(e.task, e.number),
                MarkProcessed: lambda e: self._tasks().mark(e.task),
                Bury: lambda e: self._tasks().bury(e.task),
                Acknowledge: lambda e: self._tasks().acknowledge(e.task),
            }

    def perform(self, effect: Effect[Any]) -> Any:
        """The effect's result, or the refusal it meets."""
        return self._performers[type(effect)](effect)

    def _admit(self, effect: Admit) -> None:
        admit(effect.size, self.in_flight, behind=self.behind, limit=self.limit)

    def _append(self, effect: Append) -> Timestamp:
        self.clock = tick(self.clock, self._now())
        self.disk.append(effect.log, Frame(self.clock, effect.payload), self.clock)
        return self.clock

    def _seal(self, effect: Seal) -> None:
        require_level(behind=self.behind)
        if self.tiered is not None:
            self.tiered.require_settled()
        self.disk.seal(effect.log)

    def _caught_up(self, effect: CaughtUp) -> None:
        del effect
        self.behind = False
        if self.tiered is not None:
            self.tiered.owed.clear()

    def _store(self, effect: Store) -> Entry:
        self.behind = self.behind or self.store_down
        require_level(behind=self.behind)
        if self.tiered is not None:
            return run(tiering.claim(effect.claim), self.perform)
        moving = self.entries.moving
        if moving is not None and moving.moves(effect.claim.key):
            return run(migration.claim(effect.claim), self.perform)
        return self._reachable().insert_or_get(effect.claim)

    def _merge(self, effect: Merge) -> int:
        if self.tiered is not None:
            return run(tiering.merge(effect.claims), self.perform)
        there, moved = split(effect.claims, self.entries.moving)
        gave_way = run(migration.merge(moved), self.perform) if moved else 0
        return gave_way + sum(map(self._reachable().merge, there))

    def _resume(self, effect: Resume) -> None:
        self.clock = max(self.clock, effect.timestamp)

    def _observe(self, effect: Observe) -> None:
        self.clock = observe(self.clock, effect.timestamp, self._now())

    def _mark(self, effect: Mark) -> None:
        self._reachable().marks[effect.name] = effect.value

    def _sleep(self, effect: Sleep) -> None:
        self.slept += effect.seconds

    def _reachable(self) -> Entries:
        if self.store_down:
            raise unavailable("the store does not answer")
        return self.entries

    def _tasks(self) -> TaskQueue:
        tasks = self._reachable().tasks
        if tasks is None:
            raise unavailable("the store has no audit queue")
        return tasks

    def _peer(self, region: str) -> Entries:
        peer = self._peers.get(region)
        if peer is None:
            raise unavailable(f"region {region} does not answer")
        return peer
