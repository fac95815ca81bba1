"""The memory runtime: a node whose disk, store and object store are values in memory.

What survives a crash is what the real ones keep: the `parts` live on, the node around them is made anew. The simulator wraps
the same parts in time and faults.
"""

from collections.abc import Callable, Mapping
from random import Random
from typing import TypeVar

from flk.model.effects import (
    INBOX,
    Acknowledge,
    Admit,
    Allow,
    Append,
    Attempt,
    Bury,
    CaughtUp,
    Charge,
    Clock,
    CountEntries,
    DeleteObject,
    Draw,
    Effect,
    Export,
    Fetch,
    Foresee,
    GetBeginning,
    GetObject,
    Inherit,
    Inspect,
    ListObjects,
    Mark,
    Marked,
    MarkProcessed,
    Merge,
    Noted,
    Observe,
    Post,
    PutObject,
    ReadSegment,
    Recall,
    Release,
    RemoveSegment,
    ReplaceObject,
    Restore,
    Resume,
    Salvage,
    SampleKeys,
    Seal,
    Segments,
    Sleep,
    StatedPolicies,
    StatePolicies,
    Store,
    Supersessions,
    TakeTask,
    Truncate,
)
from flk.model.entries.entry import Entry
from flk.model.entries.migration import split
from flk.model.entries.tasks import Archive, TaskQueue
from flk.model.flow.admission import admit, require_level
from flk.model.flow.submission import Response, Submission
from flk.model.flow.tenants import Tenants
from flk.model.flow.timekeeping import Timekeeper
from flk.model.log.frames import Frame, Stated
from flk.model.log.hlc import ZERO, Timestamp, at, observe, tick
from flk.model.memory.migrated import MigratedStore
from flk.model.memory.parts import Disk, Entries, Objects
from flk.model.memory.performers import Performers
from flk.model.memory.rotten import RottenStore
from flk.model.memory.sharing import SharingStore
from flk.model.memory.tiered import TieredStore
from flk.model.policies.ruling import Conflict
from flk.model.programs import migration, tiering
from flk.model.refusal import being_put_back, unavailable
from flk.model.runtime import run
from flk.spec.constants import CONSTANTS

R = TypeVar("R")


def no_service(submission: Submission) -> Response | None:
    """The service of a node that posts to none: no answer ever comes."""
    del submission
    return None


class MemoryNode:
    """Performs every effect at once. `perform` is what `runtime.run` takes.

    `now` gives wall time in seconds, `time` says whether to log by it (None: without a steady clock), `peers` the stores that
    divergence detection may read, `post` the service an outbox delivers to, `archive` where audit tasks take effect (None: this is
    no worker). `store_down` makes the store unavailable; from its first failure the node is behind its log and admits and claims
    nothing until `recover` has run (ORD-4). `tiered` is what it knows of the tiers of its store (None: it has none). Other nodes of
    the region have a store that is `shared`, too. `tenants` says what is asked of each (None: of all, nothing).
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
        time: Timekeeper | None = None,
        shared: bool = False,
        tenants: Tenants | None = None,
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
        self.time = time or Timekeeper(now, now)
        self.tenants = tenants or Tenants()
        self._peers = peers or {}
        self._post = post
        self._random = Random(seed)
        self.performers: Performers = {
            Admit: self._admit,
            Allow: lambda e: self.tenants.require_room(e.tenant, self.time.steady()),
            Charge: lambda e: self.tenants.charge(e.tenant, self.time.steady()),
            Append: self._append,
            Salvage: lambda e: disk.salvage(e.log, e.name, e.frames, self.clock),
            Seal: self._seal,
            CaughtUp: self._caught_up,
            Segments: lambda e: disk.names(e.log, e.after, sealed=e.sealed),
            ReadSegment: lambda e: disk.read(e.name),
            Noted: lambda e: disk.noted(e.log, at(now())),
            Release: lambda e: disk.release(e.log, e.last),
            RemoveSegment: lambda e: disk.remove(e.name),
            Truncate: lambda e: disk.truncate(e.name, e.size),
            Inspect: lambda e: disk.inspect(e.log, at(now())),
            Restore: lambda e: disk.restore(e.log, e.name, e.content),
            Store: self._store,
            Recall: self._recall,
            Merge: self._merge,
            Resume: self._resume,
            Foresee: lambda _: tick(self.clock, self.time.believed(self.clock)),
            Observe: self._observe,
            StatedPolicies: lambda e: disk.stated_at(e.log),
            StatePolicies: self._state,
            Inherit: self._inherit,
            Mark: self._mark,
            Marked: lambda e: self._reachable().marks.get(e.name, ""),
            Clock: lambda _: self.clock,
            Export: lambda e: self._reachable().export(e.after, e.limit),
            Supersessions: lambda e: tuple(self._reachable().superseded[e.after : e.after + e.limit]),
            PutObject: lambda e: objects.put(e.name, e.content),
            ReplaceObject: lambda e: objects.replace(e.name, e.damaged, e.content),
            GetObject: lambda e: objects.get(e.name),
            GetBeginning: lambda e: objects.beginning(e.name, e.size),
            DeleteObject: lambda e: objects.delete(e.name),
            ListObjects: lambda e: objects.names(e.prefix, e.after),
            CountEntries: lambda e: len(self._peer(e.region).entries),
            SampleKeys: lambda e: self._peer(e.region).sample(e.size, self._random),
            Fetch: lambda e: tuple(map(self._peer(e.region).entries.get, e.keys)),
            Post: lambda e: self._post(e.submission),
            Sleep: self._sleep,
            Draw: lambda _: self._random.random(),
        }
        self.performers |= disk.audit.performers
        self.performers |= RottenStore(self._reachable).performers
        self.sharing = SharingStore(self._reachable, disk.log(INBOX)) if shared else None
        if self.sharing is not None:
            self.performers |= self.sharing.performers
        self.tiered = None if entries.tiers is None else TieredStore(entries.tiers, self._reachable, now)
        if self.tiered is not None:
            self.performers |= self.tiered.performers
        if entries.migrating is not None:
            self.performers |= MigratedStore(entries.migrating, self._reachable).performers
        if archive is not None:
            self.performers |= {
                TakeTask: lambda _: self._tasks().take(),
                Attempt: lambda e: archive.attempt(e.task, e.number),
                MarkProcessed: lambda e: self._tasks().mark(e.task),
                Bury: lambda e: self._tasks().dead_letter(e.task),
                Acknowledge: lambda e: self._tasks().acknowledge(e.task),
            }

    def perform(self, effect: Effect[R]) -> R:
        """The effect's result. Raises Refused where the effect is refused."""
        result: R = self.performers[type(effect)](effect)  # type: ignore[assignment]  # each performer gives its effect's result
        return result

    def why_not_timely(self) -> str:
        """Why nothing is logged by the time that the node has, empty if something is (HLC-5)."""
        return self.time.why_not(self.clock)

    def _admit(self, effect: Admit) -> None:
        admit(effect.size, self.in_flight, behind=self.behind, limit=self.limit)
        self.time.believed(self.clock)

    def _append(self, effect: Append) -> Timestamp:
        now = self.time.believed(self.clock) if effect.log == INBOX else self._now()
        if self.sharing is not None:
            self.clock = max(self.clock, self.sharing.latest())
        self.clock = tick(self.clock, now)
        frame = Frame(self.clock, effect.payload, self.disk.stated_at(effect.log))
        self.disk.append(effect.log, frame, self.clock)
        return self.clock

    def _state(self, effect: StatePolicies) -> None:
        if self.disk.stated_at(effect.log).text != effect.before:
            raise Conflict("somebody else has changed the policies meanwhile; look at them, and ask again")
        self.clock = tick(self.clock, self.time.believed(self.clock))
        self.disk.state(effect.log, Stated(self.clock, effect.text))

    def _seal(self, effect: Seal) -> None:
        require_level(behind=self.behind)
        if self.tiered is not None:
            self.tiered.require_none_deferred()
        self.disk.seal(effect.log)

    def _caught_up(self, effect: CaughtUp) -> None:
        del effect
        self.behind = False
        if self.tiered is not None:
            self.tiered.deferred.clear()

    def _store(self, effect: Store) -> Entry:
        self.behind = self.behind or self.store_down
        require_level(behind=self.behind)
        if self.tiered is not None:
            return run(tiering.claim(effect.claim), self.perform)
        moving = self.entries.migrating
        if moving is not None and moving.moves(effect.claim.key):
            return run(migration.claim(effect.claim), self.perform)
        self._require_writable()
        if self._reachable().rotten.set_aside(effect.claim):
            raise being_put_back()
        return self._reachable().insert_or_get(effect.claim)

    def _recall(self, effect: Recall) -> Entry | None:
        require_level(behind=self.behind)
        if self.tiered is not None:
            (found,) = run(tiering.ask((effect.key,)), self.perform)
            return found and found.entry
        entries = self._reachable()
        if effect.key in entries.rotten.held:
            raise being_put_back()
        return entries.entries.get(effect.key)

    def _merge(self, effect: Merge) -> int:
        if self.tiered is not None:
            return run(tiering.merge(effect.claims), self.perform)
        self._require_writable()
        there, moved = split(effect.claims, self.entries.migrating)
        gave_way = run(migration.merge(moved), self.perform) if moved else 0
        entries = self._reachable()
        return gave_way + sum(entries.merge(claim) for claim in there if not entries.rotten.set_aside(claim))

    def _require_writable(self) -> None:
        if self.sharing is not None:
            self.sharing.require_writable()

    def _resume(self, effect: Resume) -> None:
        self.clock = max(self.clock, effect.timestamp)

    def _observe(self, effect: Observe) -> None:
        now = self._now()
        for seen in effect.timestamps:
            self.clock = observe(self.clock, seen, now)

    def _inherit(self, effect: Inherit) -> None:
        if self.time.trusts_wall:
            self._observe(Observe(effect.timestamps))
        else:
            self.clock = max(self.clock, *effect.timestamps)

    def _mark(self, effect: Mark) -> bool:
        marks = self._reachable().marks
        if moves := effect.moves(marks.get(effect.name, "")):
            marks[effect.name] = effect.value
        return moves

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
