"""The memory runtime: a node whose disk, store and object store are values in memory.

What survives a crash is what the real ones keep: `Disk`, `Entries` and `Objects` live on, the node around them is made anew.
The simulator wraps the same parts in time and faults.
"""

from collections.abc import Callable, Mapping
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
from flk.model.submission import Response, Submission
from flk.model.tasks import Archive, TaskQueue
from flk.spec.constants import CONSTANTS


class Disk:
    """The logs of one node. `identity` names the disk: a region that lost one writes its next log under another name."""

    def __init__(self, region: str, identity: int = 1) -> None:
        self.region = region
        self.identity = identity
        self.segments: dict[str, bytearray] = {}
        self.aside: dict[str, bytes] = {}
        self._sealed: set[str] = set()

    def log(self, log: str) -> str:
        """The full name of a log on this disk: `eu.000001` is the inbox of region eu's first disk."""
        name = f"{self.region}.{self.identity:06d}"
        return name if log == INBOX else f"{name}-{log}"

    def names(self, log: str, after: str = "", *, sealed: bool = False) -> tuple[str, ...]:
        """Segment names of a log after `after`, in order."""
        prefix = self.log(log) + "/"
        return tuple(
            name
            for name in sorted(self.segments)
            if name.startswith(prefix) and name > after and (name in self._sealed or not sealed)
        )

    def append(self, log: str, frame: Frame, clock: Timestamp) -> None:
        """Make a frame durable at the end of the open segment; `clock` is that of the node."""
        self._open(log, clock).extend(data(frame))

    def seal(self, log: str) -> None:
        """Seal every segment of the log that is not sealed; none is left open."""
        for name in self.names(log):
            if name not in self._sealed:
                self.segments[name] += seal(bytes(self.segments[name]))
                self._sealed.add(name)

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
        names = self.names(log)
        if names and names[-1] not in self._sealed:
            return self.segments[names[-1]]
        sequence = sequence_of(names[-1]) + 1 if names else 1
        name = segment_name(self.log(log), sequence)
        self.segments[name] = bytearray(opening(Head(self.region, self.log(log), sequence), clock))
        return self.segments[name]


class Entries:
    """The store of one region: entries, watermarks, the local winners that gave way, and the audit queue if it has one."""

    def __init__(self, tasks: TaskQueue | None = None) -> None:
        self.tasks = tasks
        self.entries: dict[Key, Entry] = {}
        self.marks: dict[str, str] = {}
        self.superseded: list[tuple[Key, Entry, Entry]] = []

    def insert_or_get(self, claim: Claim) -> Entry:
        """The entry now stored under the key: the claim's own if there was none, or only one of a clock ahead of ours (DUP-1)."""
        self._join(claim)
        return self.entries[claim.key]

    def merge(self, claim: Claim) -> bool:
        """Join one entry in; whether a stored one gave way, which is recorded (CRR-1, CRR-3)."""
        return self._join(claim)

    def _join(self, claim: Claim) -> bool:
        stored = self.entries.get(claim.key)
        winner = claim.entry if stored is None else join(stored, claim.entry)
        self.entries[claim.key] = winner
        if stored is None and self.tasks is not None:
            self.tasks.follow(claim)
        if stored is None or winner == stored:
            return False
        self.superseded.append((claim.key, stored, winner))
        return True

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
            CaughtUp: lambda _: setattr(self, "behind", False),
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
        self.disk.seal(effect.log)

    def _store(self, effect: Store) -> Entry:
        self.behind = self.behind or self.store_down
        require_level(behind=self.behind)
        return self._reachable().insert_or_get(effect.claim)

    def _merge(self, effect: Merge) -> int:
        return sum(map(self._reachable().merge, effect.claims))

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
