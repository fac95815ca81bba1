"""What of a node survives a crash, as values in memory: its disk, its store, and the object store that regions share."""

from bisect import bisect_right, insort
from collections import Counter, defaultdict
from collections.abc import MutableMapping
from hashlib import sha256
from heapq import nsmallest
from itertools import chain, groupby, islice
from operator import attrgetter
from random import Random

from msgspec.structs import replace

from flk.model.effects import INBOX
from flk.model.entries.entry import Claim, Entry, Key, Supersession, export_order, join
from flk.model.entries.migration import MigratingKeys, Phase
from flk.model.entries.rotten import RottenRows
from flk.model.entries.tasks import TaskQueue
from flk.model.entries.tiers import Tier, Tiers
from flk.model.log.frames import (
    SALT_BYTES,
    UNSTATED,
    Frame,
    Head,
    Stated,
    data,
    log_of,
    opening,
    scan,
    seal,
    sealed_digest,
    segment_name,
    sequence_of,
)
from flk.model.log.hlc import LAST, ZERO, Timestamp
from flk.model.log.manifest import Inventory, Note, compacted, glance, removed, said_at, saying, withdrawn
from flk.model.memory.auditing import AuditIndex
from flk.model.refusal import unavailable
from flk.spec.constants import CONSTANTS


class Disk:
    """The logs of one node. `identity` names the disk: a region that lost one writes its next log under another name.

    A segment that has `max_segment_bytes` takes no more data frames (WAL-2). Its salt follows from `seed` and its name. The loss of
    the segments in `accepted` is accepted: their node goes on without them (WAL-9).
    """

    def __init__(
        self,
        region: str,
        identity: int = 1,
        *,
        max_segment_bytes: int = CONSTANTS.wal.max_segment_bytes,
        seed: int = 0,
    ) -> None:
        self.region = region
        self.identity = identity
        self.max_segment_bytes = max_segment_bytes
        self.segments: dict[str, bytearray] = {}
        self.damaged: dict[str, bytes] = {}
        self.accepted: set[str] = set()
        self.audit = AuditIndex()
        self._seed = seed
        self._has_policies = False
        self._salts: dict[str, bytes] = {}
        self._notes: dict[str, list[Note]] = {}
        self._marks: dict[str, Note] = {}
        self._frames: Counter[str] = Counter()
        self._clocks: defaultdict[str, Timestamp] = defaultdict(lambda: ZERO)  # of each segment, the latest timestamp
        self._sealed: set[str] = set()
        self._closed: set[str] = set()
        self._said: dict[str, Stated] = {}  # of each segment, what it states
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

    def salt(self, name: str) -> bytes:
        """The salt of a segment."""
        salt = self._salts.get(name)
        if salt is None:
            salt = self._salts[name] = sha256(f"{self._seed}/{name}".encode()).digest()[:SALT_BYTES]
        return salt

    def inspect(self, log: str, wall: Timestamp) -> Inventory:
        """What a log has and should have (WAL-9)."""
        there = tuple(glance(name, bytes(self.segments[name]), self.salt(name)) for name in self.names(log))
        notes = tuple(self._notes.get(log, ()))
        return Inventory(self.log(log), there, notes, self._marks.get(log), frozenset(self.accepted), wall)

    def noted(self, log: str, wall: Timestamp) -> Inventory:
        """What the manifest of a log says (RET-4)."""
        notes = tuple(self._notes.get(log, ()))
        return Inventory(self.log(log), (), notes, self._marks.get(log), frozenset(self.accepted), wall)

    def read(self, name: str) -> bytes:
        """The bytes of a segment. Raises Unavailable if it was removed on purpose."""
        if self._is_released(name):
            raise unavailable(f"{name} was removed: a snapshot covers it")
        return bytes(self.segments[name])

    def release(self, log: str, last: str) -> tuple[str, ...]:
        """Note that the segments up to `last` are removed; the names of all such that still have bytes (RET-4)."""
        names = self._names.get(log, [])
        if not names or last >= names[-1]:
            raise ValueError(f"{last} is the last segment of its log, which stays")
        if sequence_of(last) > removed(self._notes[log]):
            self._notes[log] = list(compacted(self._notes[log], sequence_of(last)))
            names[:] = [name for name in names if name > last]
        return tuple(sorted(n for n in self.segments if log_of(n) == self.log(log) and n < names[0]))

    def remove(self, name: str) -> None:
        """Delete the bytes of a segment that was released."""
        if not self._is_released(name):
            raise ValueError(f"{name} was not released")
        for kept in (self.segments, self._salts, self._clocks):
            kept.pop(name, None)
        self._frames.pop(name, None)
        self._sealed.discard(name)

    def is_full(self, log: str) -> bool:
        """Whether the open segment has reached its limit and should be sealed (WAL-2)."""
        names = self._names.get(log)
        if not names or names[-1] in self._sealed:
            return False
        return len(self.segments[names[-1]]) >= self.max_segment_bytes

    def append(self, log: str, frame: Frame, clock: Timestamp) -> None:
        """Make a frame durable at the end of the open segment; `clock` is that of the node."""
        self._open(log, clock, frame.stated)
        self._extend(log, frame)

    def _extend(self, log: str, frame: Frame) -> None:
        name = self._names[log][-1]
        segment = self.segments[name]
        segment.extend(data(frame, self.salt(name)))
        self._frames[name] += 1
        self._clocks[name] = max(self._clocks[name], frame.timestamp)
        self._marks[log] = Note(sequence_of(name), size=len(segment), clock=self._clocks[name])

    def stated_at(self, log: str, timestamp: Timestamp = LAST) -> Stated:
        """What a log states of policies for a frame that it gave a timestamp, or gives it now (POL-9)."""
        notes = self._notes.get(log)
        return said_at(notes, timestamp) if self._has_policies and notes else UNSTATED

    def stated_in(self, name: str) -> Stated:
        """What a segment stated of policies when it began, whatever has happened to its bytes."""
        return self._said.get(name, UNSTATED)

    def state(self, log: str, stated: Stated) -> None:
        """Begin a segment that states something of policies, since the time of the node's clock."""
        self._has_policies = True
        self._open(log, stated.since, stated)

    def seal(self, log: str) -> None:
        """Seal every segment of the log that is not sealed; none is left open."""
        for name in self.names(log):
            if name not in self._sealed:
                self.segments[name] += seal(bytes(self.segments[name]), self.salt(name))
                self._sealed.add(name)
                self._note(log, name, bytes(self.segments[name]))

    def close(self, log: str) -> None:
        """Write no more frames to the segments there are, of which a synchronisation failed (WAL-7)."""
        self._closed.update(self.names(log))

    def truncate(self, name: str, size: int) -> None:
        """Cut a segment."""
        for log, mark in self._marks.items():
            if name == segment_name(self.log(log), mark.sequence):
                self._marks[log] = replace(mark, size=min(mark.size, size))
            elif name in self.names(log):
                self._notes[log] += withdrawn(self._notes[log], sequence_of(name), size)
        del self.segments[name][size:]
        self._sealed.discard(name)

    def salvage(self, log: str, name: str, frames: tuple[Frame, ...], clock: Timestamp) -> None:
        """Keep a copy of a damaged segment, leave an empty sealed one in its place, and append its valid frames again: those under
        one policy to one segment, although it may become longer than others by that.

        Raises Unavailable if it was removed on purpose.
        """
        if self._is_released(name):
            raise unavailable(f"{name} was removed: a snapshot covers it")
        empty = opening(Head(self.region, self.log(log), sequence_of(name)), clock, self.salt(name))
        self.restore(log, name, empty + seal(empty))
        for stated, some in groupby(frames, key=attrgetter("stated")):
            self._open(log, clock, stated)
            for frame in some:
                self._extend(log, frame)

    def restore(self, log: str, name: str, content: bytes) -> None:
        """Keep a copy of what stands in a segment's place, and put a sealed one there."""
        names = self._names.setdefault(log, [])
        if name not in names:
            insort(names, name)
        if name in self.segments:
            self.damaged[name] = bytes(self.segments[name])
        self._clocks[name] = scan(content).clock
        self._note(log, name, content)
        self.segments[name] = bytearray(content)
        self._sealed.add(name)

    def lose(self, name: str) -> None:
        """Let a segment be gone, as if its file were."""
        del self.segments[name]
        self._sealed.discard(name)
        for names in self._names.values():
            if name in names:
                names.remove(name)

    def _open(self, log: str, clock: Timestamp, stated: Stated = UNSTATED) -> bytearray:
        names = self._names.setdefault(log, [])
        if names and self._takes_frames(names[-1]) and self.stated_in(names[-1]) == stated:
            return self.segments[names[-1]]
        return self._start(log, clock, stated)

    def _start(self, log: str, clock: Timestamp, stated: Stated) -> bytearray:
        names = self._names[log]
        sequence = sequence_of(names[-1]) + 1 if names else 1
        name = segment_name(self.log(log), sequence)
        notes = self._notes.setdefault(log, [])
        mark = self._marks.get(log)
        if names and names[-1] not in self._sealed and mark is not None and mark.sequence == sequence_of(names[-1]):
            notes.append(Note(mark.sequence, salt=self.salt(names[-1]).hex(), size=mark.size))
        names.append(name)
        notes.append(saying(notes, Note(sequence, salt=self.salt(name).hex()), stated))
        head = Head(self.region, self.log(log), sequence)
        self.segments[name] = bytearray(opening(head, clock, self.salt(name), stated))
        self._said[name] = stated
        self._clocks[name] = clock
        return self.segments[name]

    def _is_released(self, name: str) -> bool:
        return any(
            sequence_of(name) <= removed(notes)
            for log, notes in self._notes.items()
            if log_of(name) == self.log(log) and notes and notes[0].removed
        )

    def _takes_frames(self, name: str) -> bool:
        ended = name in self._sealed or name in self._closed
        return not ended and len(self.segments[name]) < self.max_segment_bytes

    def _note(self, log: str, name: str, content: bytes) -> None:
        """Note a segment that is sealed."""
        note = Note(
            sequence_of(name),
            salt=self.salt(name).hex(),
            size=len(content),
            frames=self._frames[name],
            digest=sealed_digest(content, self.salt(name)),
            clock=self._clocks[name],
        )
        self._notes.setdefault(log, []).append(note)


class Entries:
    """The store of one region: entries, watermarks, the local winners that gave way, and the audit queue if it has one.

    With `tiers`, `entries` is what the first tier that has a key holds under it; without, it is all there is. With `migrating`,
    some keys are being moved to another shard, and `entries` is what the shard that rules has decided.
    """

    def __init__(
        self, tasks: TaskQueue | None = None, tiers: Tiers | None = None, migrating: MigratingKeys | None = None
    ) -> None:
        self.tasks = tasks
        self.tiers = tiers
        self.migrating = migrating
        self.entries: MutableMapping[Key, Entry] = {} if tiers is None else tiers.first
        self.marks: dict[str, str] = {}
        self.superseded: list[Supersession] = []
        self.rotten = RottenRows()
        self.barred: set[str] = set()  # logs whose nodes may write no more

    def insert_or_get(self, claim: Claim, known: Entry | None = None) -> Entry:
        """The entry now stored under the key: the claim's own if there was none, or only one of a clock ahead of ours (DUP-1).

        In a store of tiers, `known` is what the tiers were found to have: here only the hot one is looked into.
        """
        return self._join(claim, known)[0]

    def merge(self, claim: Claim, known: Entry | None = None) -> bool:
        """Join one entry in; whether a stored one gave way, which is recorded (CRR-1, CRR-3)."""
        return self._join(claim, known)[1]

    def switch_ruling_shard(self) -> list[tuple[Key, Entry | None]]:
        """The other shard rules over the keys that move: what it has is what is stored. Where that is not what was stored before,
        the last write had reached one side only and was not answered. Returns such keys, and what is stored now.
        """
        if self.migrating is None:
            return []
        ruling = self.migrating.ruling
        keys = dict.fromkeys([*filter(self.migrating.moves, self.entries), *ruling])
        changed = [(key, ruling.get(key)) for key in keys if ruling.get(key) != self.entries.get(key)]
        for key, now in changed:
            if now is None:
                del self.entries[key]
            else:
                self.entries[key] = now
        return changed

    def part(self, kept: int) -> None:
        """Let the old side go. What gave way there goes with it, and the first `kept` that were kept of that are told from now on
        (MIG-9).
        """
        moving = self.migrating
        if moving is None or moving.parted:
            return
        moving.require(Phase.CLEANED)
        gone = set(map(id, moving.gave_way))  # of two that are equal, one may have given way elsewhere
        stay = [row for row in self.superseded if id(row) not in gone]
        pages = (moving.kept[place] for place in sorted(moving.kept))
        self.superseded[:] = [*stay, *islice(chain.from_iterable(pages), kept)]
        moving.parted = True

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
        self.superseded.append(Supersession(claim.key, stored, winner))
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

    def export(self, after: Key | None, limit: int) -> tuple[Claim, ...]:
        """At most `limit` entries whose keys come after `after`, by `export_order`."""
        later = (key for key in self.entries if after is None or export_order(key) > export_order(after))
        return tuple(Claim(key, self.entries[key]) for key in nsmallest(limit, later, key=export_order))


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

    def replace(self, name: str, damaged: bytes, content: bytes) -> bool:
        """Put `content` in place of an object that reads as `damaged`; whether it did (CRR-10)."""
        if self.get(name) != damaged:
            return False
        self.objects[name] = content
        return True

    def delete(self, name: str) -> None:
        """Delete the object, if there is one."""
        self.objects.pop(name, None)

    def get(self, name: str) -> bytes | None:
        """The object's content, None if there is none."""
        return self.objects.get(name)

    def beginning(self, name: str, size: int) -> bytes | None:
        """The object's first bytes, no more than `size`; None if there is none."""
        content = self.get(name)
        return None if content is None else content[:size]

    def names(self, prefix: str, after: str) -> tuple[str, ...]:
        """Names with the prefix that sort after `after`."""
        return tuple(name for name in sorted(self.objects) if name.startswith(prefix) and name > after)
