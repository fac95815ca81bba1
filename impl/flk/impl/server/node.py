"""A node on real parts: how each effect is performed on the file log, the store and the object store."""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import structlog

from flk.impl.server.breaker import CircuitBreaker
from flk.impl.server.looking import Looking
from flk.impl.server.metrics import Metrics
from flk.impl.server.progress import Progress
from flk.impl.storage.known_time import steady
from flk.impl.storage.objects import Objects
from flk.impl.storage.rows import Damaged
from flk.impl.storage.shared import TakenOver
from flk.impl.storage.store import EntryStore
from flk.impl.storage.tiers import Apart, Tiered
from flk.impl.storage.wal import Commit, FileDisk
from flk.model.effects import (
    INBOX,
    Admit,
    Allow,
    Append,
    CaughtUp,
    Charge,
    Clock,
    CountEntries,
    DeleteObject,
    Each,
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
    Merge,
    Noted,
    Observe,
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
    StatedPolicies,
    StatePolicies,
    Store,
    Supersessions,
    Truncate,
)
from flk.model.entries.entry import Claim, Entry, Key, Supersession
from flk.model.flow.admission import admit, require_level
from flk.model.flow.tenants import Tenants
from flk.model.flow.timekeeping import Timekeeper
from flk.model.log.frames import Frame, Stated, segment_name, sequence_of
from flk.model.log.hlc import ZERO, Timestamp, at, observe, tick
from flk.model.log.manifest import removed
from flk.model.policies.ruling import Conflict
from flk.model.refusal import OutOfReach, Refused, Unavailable, Untimely, unavailable
from flk.model.runtime import met
from flk.spec.constants import CONSTANTS

log = structlog.get_logger()


class Staged(NamedTuple):
    """Frames that have their timestamps and their place in the log, but are not durable yet."""

    timestamps: list[Timestamp]
    commit: Commit


class RealNode:
    """Performs effects. One caller at a time, but that `Admit` and those on objects may be asked for at any moment, by any thread.

    A node begins behind its log and admits nothing until `recover` has run (WAL-5). Without an object store it is alone: it
    finds no objects, and ships none. It knows the entries of no region but its own.
    """

    def __init__(
        self,
        disk: FileDisk,
        store: EntryStore,
        metrics: Metrics | None = None,
        now: Callable[[], float] = time.time,
        *,
        objects: Objects | None = None,
        timekeeper: Timekeeper | None = None,
        progress: Progress | None = None,
        breaker: CircuitBreaker | None = None,
        tiers: Tiered | None = None,
    ) -> None:
        self.tiers = tiers
        """The tiers of which `store` is the warm one, if it has any (TIR-*)."""
        self.progress = progress or Progress()
        self.disk = disk
        self.store = store
        self.metrics = metrics or Metrics()
        self.looking = Looking(store, self.metrics)
        self.breaker = breaker
        if breaker is not None:
            self.metrics.watch_breaker("objects", lambda: breaker.open)
        self.clock = ZERO
        self.in_flight = 0
        self.limit: Callable[[], int] = lambda: CONSTANTS.node.max_in_flight
        """How many submissions may be in flight now (ORD-6)."""
        self.behind = True
        self.cut_off = ""  # why the region's store did not answer when it was asked last, if it did not
        self.postponed = ""
        """Why the latest recovery did not come to its end."""
        self.rebuilt = ""
        """What became of the store that was damaged last, if one was."""
        self._now = now
        self.time = timekeeper or Timekeeper(now, steady)
        self.tenants = Tenants()
        """What is asked of each tenant, and what it has used (TEN-*)."""
        self._doubt = ""
        if tiers is not None:
            tiers.now = lambda: self.time.believed(self.clock)
        self.metrics.watch_clock(
            lambda: not self.time.why_not(self.clock), steady=self.time.step, log=lambda: self.time.lead(self.clock)
        )
        self.at_once: dict[type[Effect[object]], Callable[[Any], Any]] = {
            Admit: self._admit,
            Each: self._each,
            Allow: lambda e: self.tenants.require_room(e.tenant, self.time.steady()),
            Charge: lambda e: self.tenants.charge(e.tenant, self.time.steady()),
            Salvage: lambda e: disk.salvage(e.log, e.name, e.frames, self.clock),
            Seal: self._seal,
            CaughtUp: self._caught_up,
            Segments: lambda e: disk.names(e.log, e.after, sealed=e.sealed),
            ReadSegment: lambda e: disk.read(e.name),
            Truncate: self._truncate,
            Inspect: lambda e: disk.inspect(e.log, at(now())),
            Noted: lambda e: disk.noted(e.log, at(now())),
            Release: lambda e: disk.release(e.log, e.last),
            RemoveSegment: lambda e: disk.remove(e.name),
            Restore: lambda e: disk.restore(e.log, e.name, e.content),
            Merge: self._merge,
            Resume: self._resume,
            Foresee: lambda _: tick(self.clock, self.time.believed(self.clock)),
            Observe: self._observe,
            StatedPolicies: lambda e: disk.stated_at(e.log),
            StatePolicies: self._state,
            Inherit: self._inherit,
            Mark: self._mark,
            Marked: lambda e: store.marked(e.name),
            Clock: lambda _: self.clock,
            Export: lambda e: store.export(e.after, e.limit),
            Supersessions: lambda e: tuple(Supersession(*row) for row in store.superseded(e.after, e.limit)),
            CountEntries: lambda e: self._of(e.region).count(),
            SampleKeys: lambda e: self._of(e.region).sample(e.size),
            Fetch: lambda e: self._of(e.region).fetch(e.keys),
            Recall: self._recall,
            **object_performers(objects, breaker),
            **(_performers_of(tiers, disk.region) if tiers else {}),
        }
        self._alone: dict[type[Effect[object]], Callable[[Any], Any]] = {
            Append: self._append_one,
            Store: self._claim_one,
        }

    def perform(self, effect: Effect[object]) -> Any:
        """Any one effect's result, or the refusal it meets: what `flk.model.runtime.run` takes."""
        if (at_once := self.at_once.get(type(effect))) is not None:
            return at_once(effect)
        return self._alone[type(effect)](effect)

    def follow_region(self) -> Timestamp:
        """Let the clock go on from what other nodes have stored in the region's store (HLC-7), and say how far that is. Before each
        group commit is staged.

        Raises Unavailable if the store does not answer: nothing is logged then, since its timestamp might be too early.
        """
        try:
            latest = self.store.latest()
        except Unavailable as refusal:
            self.cut_off = refusal.detail
            self.behind = self.behind or isinstance(refusal, TakenOver)
            raise
        self.cut_off = ""
        self._inherit(Inherit((latest,)))
        return latest

    def stage(self, effects: Sequence[Append]) -> Staged:
        """Give the frames of a group commit their timestamps, in order, and lay them out. All go to the log of the first.

        Raises Untimely if wall time has become doubtful since they were admitted (HLC-5).
        """
        now = self.time.believed(self.clock)
        self.metrics.ingest.inc(len(effects))
        first = tick(self.clock, now)
        timestamps = [Timestamp(first + number) for number in range(len(effects))]  # what ticking at one moment gives
        self.clock = timestamps[-1]
        log = effects[0].log
        stated = self.disk.stated_at(log)
        frames = [Frame(timestamp, each.payload, stated) for timestamp, each in zip(timestamps, effects, strict=True)]
        return Staged(timestamps, self.disk.stage(log, frames, self.clock))

    def committed(self, staged: Staged) -> list[Timestamp]:
        """The timestamps that the programs receive once the commit has returned (WAL-1)."""
        self.metrics.wal_fsyncs.inc()
        self.metrics.wal_bytes.inc(len(staged.commit.content))
        self.metrics.wal_batch_frames.observe(len(staged.timestamps))
        return staged.timestamps

    def _state(self, effect: StatePolicies) -> None:
        if self.disk.stated_at(effect.log).text != effect.before:
            raise Conflict("somebody else has changed the policies meanwhile; look at them, and ask again")
        self.follow_region()
        self.clock = tick(self.clock, self.time.believed(self.clock))
        self.disk.state(effect.log, Stated(self.clock, effect.text))

    def claim(self, effects: Sequence[Store]) -> Sequence[Entry | OutOfReach]:
        """The stored entries, for claims in log order. From the first failure the node is behind (ORD-4); but a claim that only an
        absent tier could decide is deferred alone (TIR-3).
        """
        require_level(behind=self.behind)
        began = time.perf_counter()
        claims = [effect.claim for effect in effects]
        gave_way = self.store.gave_way
        try:
            answers = self._insert_or_get(claims)
        except Unavailable as refusal:
            self.behind = True
            log.warning("store.unavailable", reason=refusal.detail)
            if self.store.shared and isinstance(refusal, Damaged):
                self.metrics.store_damage.inc()
            raise
        self.metrics.claim_seconds.observe(time.perf_counter() - began)
        decided = [(claim, found) for claim, found in zip(claims, answers, strict=True) if isinstance(found, Entry)]
        self.metrics.claimed(*(zip(*decided, strict=True) if decided else ((), ())))
        self.metrics.supersessions.inc(self.store.gave_way - gave_way)
        return answers

    def _insert_or_get(self, claims: Sequence[Claim]) -> Sequence[Entry | OutOfReach]:
        return self.tiers.claim(claims) if self.tiers else self.store.claim(claims)

    def recalled(self, keys: Sequence[Key]) -> Apart:
        """How to find what is stored under each of the keys (API-2). Raises Unavailable while the node is behind its log."""
        steps = self.tiers.found(keys) if self.tiers else Apart(lambda: self.store.fetch(keys), lambda found: found)

        def begin() -> Any:
            require_level(behind=self.behind)
            return steps.begin()

        return Apart(begin, steps.finish)

    def look_at_time(self) -> None:
        """Follow wall time where no request does, and log when it becomes doubtful or is believed again (HLC-5)."""
        doubt = self.time.why_not(self.clock)
        if doubt and not self._doubt:
            log.error("clock.doubtful", reason=doubt)
        elif self._doubt and not doubt:
            log.info("clock.believed")
        self._doubt = doubt

    def begin_store_anew(self) -> None:
        """Set a damaged store aside, for recovery to rebuild it from the log (DUP-8).

        Raises Unavailable if a segment of the log is missing: what that held is perhaps in the damaged store, and nowhere else.
        """
        self.behind = True
        if missing := self.missing_segment():
            raise unavailable(f"{self.store.damage}; the log cannot rebuild it: segment {missing} is missing")
        damage, aside = self.store.damage, self.store.begin_anew()
        if self.tiers is not None:
            self.tiers.forget()
        self.metrics.store_damage.inc()
        log.error("store.damaged", reason=damage, kept_as=str(aside))
        self.rebuilt = f"{damage}: it is kept as {aside}, and rebuilt from the log"

    def missing_segment(self) -> str:
        """The first segment that is missing from the node's own log, and was not removed on purpose; empty if none is."""
        names = self.disk.names(INBOX)
        numbers = enumerate(names, start=removed(self.disk.noted(INBOX, ZERO).notes) + 1)
        gap = next((number for number, name in numbers if sequence_of(name) != number), None)
        return "" if gap is None else segment_name(self.disk.log(INBOX), gap)

    def why_not_ready(self) -> str:
        """Why the node takes no records now, empty if it does (OBS-3)."""
        if self.store.damage:
            return f"{self.store.damage}; it is to be rebuilt from the log"
        if self.behind:
            return self.postponed or str(self.progress) or "the log waits to be replayed into the store"
        if self.cut_off:
            return self.cut_off
        return self.time.why_not(self.clock) or self.disk.why_not_growing()

    def close(self) -> None:
        """Write what the store has pending, and release both parts. The log rebuilds what the store cannot write any more."""
        try:
            if self.tiers is not None:
                self.tiers.close()
            self.store.close()
        except Unavailable as refusal:
            log.warning("store.not_written", reason=refusal.detail)
        finally:
            self.disk.close()

    def require_room(self, size: int, beside: int = 0) -> None:
        """Return if there is room for a request of `size` bytes, beside so many that are still to begin. Raises TooLarge,
        Unavailable or Overloaded (ORD-5, ORD-6).
        """
        admit(size, self.in_flight + beside, behind=self.behind, limit=self.limit())

    def _admit(self, effect: Admit) -> None:
        self.require_room(effect.size)
        self.time.believed(self.clock)

    def _each(self, effect: Each[object]) -> list[object]:
        if all(type(one) is Admit for one in effect.effects):
            return [*self._admit_each(effect.effects)]
        return [met(self.perform, one) for one in effect.effects]

    def _admit_each(self, effects: Sequence[Any]) -> Iterator[Refused | None]:
        """Whether there is room for each, beside those before it."""
        admitted, limit = 0, self.limit()
        try:
            self.time.believed(self.clock)
            untimely = None
        except Untimely as refusal:
            untimely = refusal
        for effect in effects:
            try:
                admit(effect.size, self.in_flight + admitted, behind=self.behind, limit=limit)
                if untimely is not None:
                    raise untimely
                admitted += 1
            except Refused as refusal:
                yield refusal
            else:
                yield None

    def _append_one(self, effect: Append) -> Timestamp:
        if self.store.shared:
            self.follow_region()
        staged = self.stage((effect,))
        staged.commit()
        return self.committed(staged)[0]

    def _claim_one(self, effect: Store) -> Entry:
        (answer,) = self.claim((effect,))
        if isinstance(answer, OutOfReach):
            raise answer
        return answer

    def _mark(self, effect: Mark) -> bool:
        if moves := not effect.forward or effect.moves(self.store.marked(effect.name)):
            self.store.mark(effect.name, effect.value)
        return moves

    def _recall(self, effect: Recall) -> Entry | None:
        steps = self.recalled((effect.key,))
        found: Sequence[Entry | None] = steps.finish(steps.begin())
        return found[0]

    def _seal(self, effect: Seal) -> None:
        require_level(behind=self.behind)
        if self.tiers is not None:
            self.tiers.require_none_deferred()
        self.disk.seal(effect.log)

    def _caught_up(self, effect: CaughtUp) -> None:
        del effect
        self.store.replayed()
        self.behind = False
        if self.tiers is not None:
            self.tiers.forgive()

    def _truncate(self, effect: Truncate) -> None:
        self.disk.truncate(effect.name, effect.size)
        self.metrics.wal_truncations.inc()

    def _merge(self, effect: Merge) -> int:
        began = time.perf_counter()
        superseded = self.tiers.merge(effect.claims) if self.tiers else self.store.merge(effect.claims)
        self.metrics.merge_seconds.observe(time.perf_counter() - began)
        self.metrics.supersessions.inc(superseded)
        return superseded

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

    def _of(self, region: str) -> EntryStore:
        if region != self.disk.region:
            raise unavailable(f"region {region} is not known here")
        return self.store


def object_performers(
    objects: Objects | None, breaker: CircuitBreaker | None
) -> dict[type[Effect[object]], Callable[[Any], Any]]:
    """How effects on objects are performed; where there is no object store, none are found."""
    if objects is None:
        return {
            ListObjects: lambda _: (),
            **dict.fromkeys((PutObject, ReplaceObject, GetObject, GetBeginning, DeleteObject), _no_objects),
        }
    asked: dict[type[Effect[object]], Callable[[Any], Any]] = {
        PutObject: lambda e: objects.put(e.name, e.content),
        ReplaceObject: lambda e: objects.replace(e.name, e.damaged, e.content),
        GetObject: lambda e: objects.get(e.name),
        GetBeginning: lambda e: objects.beginning(e.name, e.size),
        ListObjects: lambda e: objects.names(e.prefix, e.after),
        DeleteObject: lambda e: objects.delete(e.name),
    }
    if breaker is None:
        return asked
    return {kind: partial(_by, breaker, request) for kind, request in asked.items()}


def _performers_of(tiers: Tiered, region: str) -> dict[type[Effect[object]], Callable[[Any], Any]]:
    """The effects on tiers; and what a store of tiers answers otherwise than one with all entries in one place, or not at all."""

    def fetch(effect: Fetch) -> tuple[Entry | None, ...]:
        if effect.region != region:
            raise unavailable(f"region {effect.region} is not known here")
        return tiers.fetch(effect.keys)

    return {
        **tiers.performers,
        Fetch: fetch,
        **dict.fromkeys((Export, CountEntries, SampleKeys), _not_in_one_place),
    }


def _not_in_one_place(effect: Effect[object]) -> None:
    """A snapshot or a comparison that leaves out what the cold tier has would be wrong (SNAP-3, CRR-8)."""
    raise unavailable(
        f"{type(effect).__name__}: a node with a cold tier (--cold) writes no snapshots and is not compared with others:"
        " its store has a part of the entries only"
    )


def _by(breaker: CircuitBreaker, request: Callable[[Any], Any], effect: Effect[object]) -> Any:
    return breaker(partial(request, effect))


def _no_objects(effect: Effect[object]) -> None:
    """A node that shipped once is started without its object store."""
    del effect
    raise unavailable("this node was given no object store; fix: name the one that it ships to with --objects")
