"""The parts that survive a crash, watched: each change of a disk, a store or the object store is told to who checks or measures.

Watching the parts, and not the code that drives them, means that no mistake of a program or of the runtime goes unseen.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from random import Random
from typing import NamedTuple

from flk.model.effects import INBOX
from flk.model.entries.entry import Claim, Entry, Key
from flk.model.entries.migration import MigratingKeys, Phase
from flk.model.entries.tasks import Task, TaskQueue
from flk.model.entries.tiers import Terms, Tier, Tiers
from flk.model.flow.submission import Response, Submission
from flk.model.log.frames import Frame, Scan, data, scan
from flk.model.log.hlc import Timestamp
from flk.model.memory.parts import Disk, Entries, Objects
from flk.model.programs.divergence import Divergence
from flk.model.programs.recover import Recovery
from flk.sim.scenarios.faults import Stop
from flk.sim.world.token_bucket import Throttles

NO_ANSWER = 0


class Intent(StrEnum):
    """What a submission is meant to do: deliver a record, pass as somebody else's, replace what is stored, or be answered again."""

    HONEST = "honest"
    FORGED = "forged"
    EQUIVOCATING = "equivocating"
    REPLAYED = "replayed"


class Attempt(NamedTuple):
    """One try to deliver: which agent and item, where to, when it was sent and when it was over, and the status it got.

    Agent and item of what an attacker sends again are -1.
    """

    agent: int
    item: int
    region: str
    sent: float
    over: float
    status: int
    intent: Intent = Intent.HONEST


class TaskChange(StrEnum):
    """What became of an audit task."""

    ENQUEUED = "enqueued"
    TAKEN = "taken"
    EFFECTED = "effected"
    MARKED = "marked"
    BURIED = "buried"
    ACKNOWLEDGED = "acknowledged"


class Rotten(NamedTuple):
    """A frame that rotted, and what it claimed."""

    claim: Claim
    frame: Frame


class Watcher:
    """Is told what happens, at the simulated moment when it happens. This one lets everything pass."""

    def logged(self, region: str, frame: Frame) -> None:
        """A frame became durable in a region's log."""

    def claimed(
        self, region: str, claim: Claim, before: Entry | None, stored: Entry, records: Sequence[object]
    ) -> None:
        """The store of a region answered a claim; `before` is what it held until then."""

    def merged(self, region: str, claim: Claim, before: Entry | None, after: Entry, records: Sequence[object]) -> None:
        """An entry was joined into a region's store; `records` are the supersessions written with it."""

    def replied(self, region: str, request: Submission, logged: Timestamp | None, response: Response) -> None:
        """A node answered a request; `logged` is the timestamp of the frame it wrote for it."""

    def marked(self, region: str, name: str, value: str) -> None:
        """A watermark was set."""

    def uploaded(self, name: str, found: Scan) -> None:
        """An object was created; `found` is what its bytes say."""

    def crashed(self, fault: Stop) -> None:
        """A region stopped; if its disk is lost, it is gone by now."""

    def restarted(self, region: str) -> None:
        """A region started again."""

    def log_failed(self, region: str) -> None:
        """A synchronisation of a region's log failed; its node ends and starts anew."""

    def rotted(self, region: str, lost: Sequence[Rotten]) -> None:
        """Frames of a region's log cannot be read any more, and are not in the object store either."""

    def fell_behind(self, region: str) -> None:
        """The store of a region did not answer; its node is behind the log."""

    def recovered(self, region: str, recovery: Recovery) -> None:
        """A node is level with its log."""

    def compared(self, region: str, peer: str, divergence: Divergence) -> None:
        """A node compared its region with another."""

    def attempted(self, attempt: Attempt) -> None:
        """An agent's attempt to deliver is over."""

    def held_back(self, sender: str, place: str) -> None:
        """A circuit breaker kept a request to a place from being sent."""

    def moved(self, agent: str, region: str, to: str) -> None:
        """An agent left a region for another."""

    def migrated(self, region: str, phase: Phase) -> None:
        """The migration of a region's store is in another phase."""

    def task_changed(self, region: str, change: TaskChange, task: Task) -> None:
        """Something became of an audit task of a region."""

    def silent(self, region: str, shard: str) -> None:
        """A request met a shard that did not answer."""

    def looked(self, region: str, tier: Tier, keys: Sequence[Key]) -> None:
        """A tier answered what it holds under keys."""

    def turned_away(self, region: str, claim: Claim) -> None:
        """A claim could not be judged while a tier is away; from now on it is owed."""

    def searched(self, region: str, claim: Claim, tier: Tier | None, began: float, result: object) -> None:
        """A claim that a node began to look for in the tiers then has its entry, found in `tier` (None: in none), or a refusal."""

    def placed(self, region: str, tier: Tier, key: Key, entry: Entry) -> None:
        """A tier holds an entry from now on."""

    def dropped(self, region: str, tier: Tier, key: Key, entry: Entry) -> None:
        """A tier held an entry until now."""

    def forgot(self, region: str, key: Key, entry: Entry) -> None:
        """The last tier that held an entry holds it no more."""

    def turned(self, region: str, key: Key, entry: Entry | None) -> None:
        """Another shard rules over a key, which has this under it, and not what was stored until now."""


class WatchedDisk(Disk):
    """A disk that tells of every frame that becomes durable in the inbox."""

    def __init__(self, region: str, identity: int, watchers: Iterable[Watcher], segment_bytes: int) -> None:
        super().__init__(region, identity, max_segment_bytes=segment_bytes)
        self._watchers = tuple(watchers)

    def append(self, log: str, frame: Frame, clock: Timestamp) -> None:
        """Make a frame durable, and tell."""
        super().append(log, frame, clock)
        if log == INBOX:
            for watcher in self._watchers:
                watcher.logged(self.region, frame)

    def begin_segment(self, clock: Timestamp) -> str:
        """Open a segment of the inbox that has no frame yet, if none is open; its name."""
        self._open(INBOX, clock)
        return self.names(INBOX)[-1]

    def tear(self, frames: Iterable[Frame], size: int) -> None:
        """Keep the first `size` bytes of what was being written when the power went: whole frames, and a part of the next."""
        for frame in frames:
            image = data(frame)
            if size < len(image):
                self._open(INBOX, frame.timestamp).extend(image[:size])
                return
            self.append(INBOX, frame, frame.timestamp)
            size -= len(image)


class WatchedEntries(Entries):
    """A store that tells of every claim and every merge."""

    def __init__(
        self,
        region: str,
        watchers: Iterable[Watcher],
        tasks: TaskQueue | None = None,
        tiers: Tiers | None = None,
        moving: MigratingKeys | None = None,
    ) -> None:
        super().__init__(tasks, tiers, moving)
        self._region = region
        self._watchers = tuple(watchers)

    def insert_or_get(self, claim: Claim, known: Entry | None = None) -> Entry:
        """Answer a claim, and tell."""
        before = self.entries.get(claim.key)
        recorded = len(self.superseded)
        stored = super().insert_or_get(claim, known)
        records = self.superseded[recorded:]
        for watcher in self._watchers:
            watcher.claimed(self._region, claim, before, stored, records)
        return stored

    def merge(self, claim: Claim, known: Entry | None = None) -> bool:
        """Join an entry in, and tell."""
        before = self.entries.get(claim.key)
        recorded = len(self.superseded)
        gave_way = super().merge(claim, known)
        after = (
            self.entries.get(claim.key) or known or claim.entry
        )  # a tier may have forgotten what it was found to have
        records = self.superseded[recorded:]
        for watcher in self._watchers:
            watcher.merged(self._region, claim, before, after, records)
        return gave_way

    def switch_ruling_shard(self) -> list[tuple[Key, Entry, Entry | None]]:
        """Let the other shard rule, and tell."""
        changed = super().switch_ruling_shard()
        for key, _, now in changed:
            for watcher in self._watchers:
                watcher.turned(self._region, key, now)
        return changed

    def sample(self, size: int, random: Random) -> tuple[Key, ...]:
        """At most `size` keys, each equally likely. Their order of arrival repeats with the run, so they need no sorting."""
        return tuple(random.sample(list(self.entries), min(size, len(self.entries))))


class WatchedTiers(Tiers):
    """Tiers that tell of every change. `forgotten` is what they held last under the keys that are in no tier."""

    def __init__(self, region: str, watchers: Iterable[Watcher], terms: Terms) -> None:
        super().__init__(terms)
        self.forgotten: dict[Key, Entry] = {}
        self._region = region
        self._watchers = tuple(watchers)

    def put(self, tier: Tier, key: Key, entry: Entry) -> None:
        """Let a tier hold an entry, and tell."""
        super().put(tier, key, entry)
        for watcher in self._watchers:
            watcher.placed(self._region, tier, key, entry)

    def drop(self, tier: Tier, key: Key) -> None:
        """Let a tier hold a key no more, and tell."""
        entry = self.held[tier][key]
        super().drop(tier, key)
        if key not in self.first:
            self.forgotten[key] = entry
            for watcher in self._watchers:
                watcher.forgot(self._region, key, entry)
        for watcher in self._watchers:
            watcher.dropped(self._region, tier, key, entry)


class WatchedObjects(Objects):
    """An object store that tells of every object it creates. During an outage it refuses everything, when throttled too much."""

    def __init__(self, watchers: Iterable[Watcher]) -> None:
        super().__init__()
        self.outages = 0
        self.throttles = Throttles()
        self._watchers = tuple(watchers)

    def serves(self, now: float) -> bool:
        """Whether it answers a request that comes now."""
        return not self.outages and self.throttles.serve(now)

    def put(self, name: str, content: bytes) -> bool:
        """Create an object, and tell."""
        created = super().put(name, content)
        if created:
            found = scan(content)
            for watcher in self._watchers:
                watcher.uploaded(name, found)
        return created
