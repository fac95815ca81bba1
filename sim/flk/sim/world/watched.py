"""The parts that survive a crash, watched: each change of a disk, a store or the object store is an event.

Watching the parts, and not the code that drives them, means that no mistake of a program or of the runtime goes unseen.
"""

from collections.abc import Callable, Iterable
from functools import partial
from random import Random
from typing import NamedTuple

from flk.model.effects import INBOX, Watermark
from flk.model.entries.entry import Claim, Entry, Key
from flk.model.entries.migration import MigratingKeys, Phase, Side
from flk.model.entries.tasks import TaskQueue
from flk.model.entries.tiers import Terms, Tier, Tiers
from flk.model.log.frames import OVERHEAD, Frame, Stated, data, scan
from flk.model.log.hlc import ZERO, Timestamp, is_ahead
from flk.model.memory.parts import Disk, Entries, Objects
from flk.model.programs.ship import PREFIX
from flk.sim.scenarios.faults import ObjectDamage, ObjectLoss
from flk.sim.world.events import (
    Claimed,
    Forgotten,
    Logged,
    LogObject,
    Merged,
    PoliciesStated,
    Removed,
    RulingSwitched,
    SegmentSealed,
    ShardParted,
    SideWritten,
    TierDropped,
    TierPlaced,
    Uploaded,
)
from flk.sim.world.object_faults import ObjectFaults
from flk.sim.world.observer import Observer
from flk.sim.world.token_bucket import Throttles
from flk.spec.constants import CONSTANTS

AUDIT = CONSTANTS.transparency.object_prefix


class WatchedDisk(Disk):
    """A disk on which every frame that becomes durable in the inbox is an event. `began` is told of each segment that a node opens,
    and from which timestamp on.
    """

    def __init__(
        self,
        node: str,
        region: str,
        number: int,
        observer: Observer,
        segment_bytes: int,
        seed: int,
        began: Callable[[str, Timestamp], None],
    ) -> None:
        super().__init__(region, number, max_segment_bytes=segment_bytes, seed=seed)
        self._node = node
        self._observer = observer
        self._began = began

    def _start(self, log: str, clock: Timestamp, stated: Stated) -> bytearray:
        segment = super()._start(log, clock, stated)
        if log == INBOX:
            self._began(self._names[log][-1], clock)
        return segment

    def _extend(self, log: str, frame: Frame) -> None:
        super()._extend(log, frame)
        if log == INBOX:
            self._observer.on(Logged(self._node, frame))

    def state(self, log: str, stated: Stated) -> None:
        """Begin a segment that states something else of policies."""
        super().state(log, stated)
        self._observer.on(PoliciesStated(self._node, self.log(log), stated.since, stated.text))

    def seal(self, log: str) -> None:
        """Seal what is open."""
        opened = [name for name in self.names(log) if name not in self._sealed]
        super().seal(log)
        for name in opened if log == INBOX else ():
            self._observer.on(SegmentSealed(self._node, name, bytes(self.segments[name])))

    def release(self, log: str, last: str) -> tuple[str, ...]:
        """Note that segments are removed."""
        before = self.names(log)
        left = super().release(log, last)
        for name in before[: len(before) - len(self.names(log))] if log == INBOX else ():
            self._observer.on(Removed(self._node, name, bytes(self.segments[name])))
        return left

    def salvage(self, log: str, name: str, frames: tuple[Frame, ...], clock: Timestamp) -> None:
        """Put an empty segment in the place of a damaged one, and log its frames again."""
        super().salvage(log, name, frames, clock)
        self._observer.on(SegmentSealed(self._node, name, bytes(self.segments[name])))

    def begin_segment(self, clock: Timestamp) -> str:
        """Open a segment of the inbox that has no frame yet, if none is open; its name."""
        self._open(INBOX, clock, self.stated_at(INBOX))
        return self.names(INBOX)[-1]

    def tear(self, frames: Iterable[Frame], size: int) -> None:
        """Keep the first `size` bytes of what was being written when the power went: whole frames, and a part of the next."""
        for frame in frames:
            length = OVERHEAD + len(frame.payload)
            if size < length:
                segment = self._open(INBOX, frame.timestamp, frame.stated)
                segment.extend(data(frame, self.salt(self.names(INBOX)[-1]))[:size])
                return
            self.append(INBOX, frame, frame.timestamp)
            size -= length


class WatchedEntries(Entries):
    """A store of which every claim and every merge is an event."""

    def __init__(
        self,
        region: str,
        node: str,
        observer: Observer,
        tasks: TaskQueue | None = None,
        tiers: Tiers | None = None,
        moving: MigratingKeys | None = None,
    ) -> None:
        super().__init__(tasks, tiers, moving)
        self._region = region
        self._node = node
        self._observer = observer

    def insert_or_get(self, claim: Claim, known: Entry | None = None) -> Entry:
        """Answer a claim."""
        before = self.entries.get(claim.key)
        recorded = len(self.superseded)
        stored = super().insert_or_get(claim, known)
        records = self.superseded[recorded:]
        self._observer.on(Claimed(self._region, self._node, claim, before, stored, records))
        return stored

    def merge(self, claim: Claim, known: Entry | None = None) -> bool:
        """Join an entry in."""
        before = self.entries.get(claim.key)
        recorded = len(self.superseded)
        gave_way = super().merge(claim, known)
        after = (
            self.entries.get(claim.key) or known or claim.entry
        )  # a tier may have forgotten what it was found to have
        records = self.superseded[recorded:]
        self._observer.on(Merged(self._region, self._node, claim, before, after, records))
        return gave_way

    def lose(self, keys: Iterable[Key]) -> None:
        """Have these keys no more, and say nothing to the node."""
        for key in keys:
            self._observer.on(Forgotten(self._region, key, self.entries.pop(key)))

    def switch_ruling_shard(self) -> list[tuple[Key, Entry | None]]:
        """Let the other shard rule."""
        changed = super().switch_ruling_shard()
        for key, now in changed:
            self._observer.on(RulingSwitched(self._region, key, now))
        return changed

    def part(self, kept: int) -> None:
        """Let a shard go."""
        before = tuple(self.superseded)
        super().part(kept)
        self._observer.on(ShardParted(self._region, before, tuple(self.superseded)))

    def sample(self, size: int, random: Random) -> tuple[Key, ...]:
        """At most `size` keys, each equally likely. Their order of arrival repeats with the run, so they need no sorting."""
        return tuple(random.sample(list(self.entries), min(size, len(self.entries))))


class SharedEntries(WatchedEntries):
    """The store that the nodes of a region share. `latest` is the latest timestamp that any of them brought, but for those of other
    regions that were too far ahead (HLC-7).
    """

    def __init__(self, region: str, observer: Observer) -> None:
        super().__init__(region, region, observer)
        self.latest = ZERO
        self._marks_of: dict[str, dict[str, str]] = {}

    def seen_by(self, node: str, log: str, now: Callable[[], float]) -> WatchedEntries:
        """What the node of a log has of it: the entries of all, and watermarks of its own. `now` is the node's wall time."""
        seen = NodeEntries(self, node, now)
        self._marks_of[log] = seen.marks
        return seen

    @property
    def watermarks(self) -> tuple[Watermark, ...]:
        """What the nodes of all logs have marked."""
        marks = ((log, name, value) for log, marks in self._marks_of.items() for name, value in marks.items())
        return tuple(Watermark(*mark) for mark in marks)

    def note(self, entry: Entry, now: float) -> None:
        """An entry was brought, at that moment of a node's wall time."""
        if entry.region == self._region or not is_ahead(entry.timestamp, now):
            self.latest = max(self.latest, entry.timestamp)


class NodeEntries(WatchedEntries):
    """A shared store, as one of its nodes has it."""

    def __init__(self, shared: SharedEntries, node: str, now: Callable[[], float]) -> None:
        super().__init__(shared._region, node, shared._observer)  # noqa: SLF001 - it is a part of that
        self.entries = shared.entries
        self.superseded = shared.superseded
        self.shared = shared
        self._now = now

    def insert_or_get(self, claim: Claim, known: Entry | None = None) -> Entry:
        """Answer a claim, and in the same step keep the region's clock."""
        self.shared.note(claim.entry, self._now())
        return super().insert_or_get(claim, known)

    def merge(self, claim: Claim, known: Entry | None = None) -> bool:
        """Join an entry in, and in the same step keep the region's clock."""
        self.shared.note(claim.entry, self._now())
        return super().merge(claim, known)


class WatchedTiers(Tiers):
    """Tiers of which every change is an event. `forgotten` is what they held last under the keys that are in no tier."""

    def __init__(self, region: str, observer: Observer, terms: Terms) -> None:
        super().__init__(terms)
        self.forgotten: dict[Key, Entry] = {}
        self._region = region
        self._observer = observer

    def put(self, tier: Tier, key: Key, entry: Entry) -> None:
        """Let a tier hold an entry."""
        before = self.held[tier].get(key)
        super().put(tier, key, entry)
        self._observer.on(TierPlaced(self._region, tier, key, before, entry))

    def drop(self, tier: Tier, key: Key) -> None:
        """Let a tier hold a key no more."""
        entry = self.held[tier][key]
        super().drop(tier, key)
        if key not in self.first:
            self.forgotten[key] = entry
            self._observer.on(Forgotten(self._region, key, entry))
        self._observer.on(TierDropped(self._region, tier, key, entry))


class WatchedKeys(MigratingKeys):
    """Keys that move, of which every change on either side is an event."""

    def __init__(self, region: str, observer: Observer, moves: Callable[[Key], bool]) -> None:
        super().__init__(moves)
        self._region = region
        self._observer = observer

    def forget(self, side: Side, key: Key, phase: Phase) -> None:
        """Delete a key from a side."""
        before = self.held[side].get(key)
        super().forget(side, key, phase)
        if before is not None:
            self._observer.on(SideWritten(self._region, side, key, before, None))

    def _put(self, side: Side, key: Key, entry: Entry) -> None:
        before = self.held[side].get(key)
        super()._put(side, key, entry)
        if before != entry:
            self._observer.on(SideWritten(self._region, side, key, before, entry))


class Fork(NamedTuple):
    """The objects of another history of the audit log whose names have this prefix."""

    prefix: str
    objects: Objects


class WatchedObjects(Objects):
    """An object store of which every creation is an event. During an outage it refuses all requests, when throttled some; and of
    single objects it may say otherwise than they are.
    """

    def __init__(self, observer: Observer, faults: ObjectFaults) -> None:
        super().__init__()
        self.outages = 0
        self.throttles = Throttles()
        self.faults = faults
        self.forks: dict[str, Fork] = {}
        """By the region that is shown another history of an audit log than it has."""
        self.removed: dict[str, bytes] = {}
        """Segments whose objects were removed on purpose: for whoever judges a run."""
        self._observer = observer

    def serves(self, now: float) -> bool:
        """Whether it answers a request that comes now."""
        return not self.outages and self.throttles.serve(now)

    def put(self, name: str, content: bytes) -> bool:
        """Create an object."""
        lost = self.objects.pop(name, None) if self.faults.is_lost(name) else None
        before = self.objects.get(name)
        created = super().put(name, content)
        if created and name.startswith(AUDIT):
            self._observer.on(LogObject(name, content, before))
        if created and name.startswith(PREFIX):
            self.faults.created(name, again=lost is not None)
            self._observer.on(Uploaded(name, content, scan(content), before, lost))
        return created

    def replace(self, name: str, damaged: bytes, content: bytes) -> bool:
        """Put another content in place of what reads as damaged. That does not befall it twice."""
        before = self.objects.get(name)
        replaced = super().replace(name, damaged, content)
        if replaced and name.startswith(AUDIT):
            self._observer.on(LogObject(name, content, before))
        elif replaced:
            self.faults.created(name, again=True)
            self._observer.on(Uploaded(name, content, scan(content), None, before, damaged))
        return replaced

    def delete(self, name: str) -> None:
        """Remove an object on purpose."""
        content = self.objects.get(name)
        super().delete(name)
        if content is not None and name.startswith(AUDIT):
            self._observer.on(LogObject(name, None, content))
        if content is not None and name.startswith(PREFIX):
            self.removed[name] = content
            self.faults.removed(name)
            self._observer.on(Removed("", name.removeprefix(PREFIX), content))

    def leave(self, fault: ObjectLoss | ObjectDamage) -> None:
        """What a fault that ends has done to objects stays, but where they were put back."""
        for name in [name for name in self.objects if self.faults.befalls(fault, name)]:
            if isinstance(fault, ObjectLoss):
                del self.objects[name]
                self.faults.removed(name)
            else:
                self.objects[name] = self.faults.read(name, self.objects[name], partial(self._another, name))

    def get(self, name: str) -> bytes | None:
        """The content, as the object reads."""
        content = super().get(name)
        if content is None or not self.faults.is_found(name):
            return None
        return self.faults.read(name, content, partial(self._another, name))

    def names(self, prefix: str, after: str) -> tuple[str, ...]:
        """The names that are listed."""
        names = super().names(prefix, after)
        return tuple(filter(self.faults.is_listed, names)) if self.faults.hold else names

    def occupy(self, name: str, content: bytes) -> bool:
        """Somebody who is no region of the run creates an object, unless the name is taken; whether it was created."""
        if name in self.objects:
            return False
        self.objects[name] = content
        self.faults.created(name)
        return True

    def vacate(self, name: str, content: bytes) -> None:
        """Whoever created it takes an object away, if it still is what they put there."""
        if self.objects.get(name) == content:
            del self.objects[name]
            self.faults.removed(name)

    def _another(self, name: str) -> bytes:
        """The content of the first other object; without any, of this one."""
        return self.objects[next((other for other in sorted(self.objects) if other != name), name)]


class ShownObjects(Objects):
    """The object store as one region sees it, which may be shown another history of an audit log than there is."""

    def __init__(self, whole: WatchedObjects, region: str) -> None:
        super().__init__()
        self._whole = whole
        self._region = region

    def put(self, name: str, content: bytes) -> bool:
        """Create an object."""
        return self._where(name).put(name, content)

    def replace(self, name: str, damaged: bytes, content: bytes) -> bool:
        """Put another content in place of one."""
        return self._where(name).replace(name, damaged, content)

    def delete(self, name: str) -> None:
        """Remove an object on purpose."""
        self._where(name).delete(name)

    def get(self, name: str) -> bytes | None:
        """The content, as the object reads."""
        return self._where(name).get(name)

    def names(self, prefix: str, after: str) -> tuple[str, ...]:
        """The names that are listed."""
        return self._where(prefix).names(prefix, after)

    def _where(self, name: str) -> Objects:
        fork = self._whole.forks.get(self._region)
        return fork.objects if fork is not None and name.startswith(fork.prefix) else self._whole
