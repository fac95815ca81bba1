"""The invariants of replication: what is uploaded, what is replayed, and what the watermarks say."""

from bisect import bisect_right, insort
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from math import inf
from typing import NamedTuple

from flk.model.effects import INBOX
from flk.model.entries.entry import Claim, Key
from flk.model.log.frames import log_of, region_of, segment_name, sequence_of
from flk.model.log.hlc import Timestamp, text
from flk.model.programs.checkpoint import WITNESSED
from flk.model.programs.integrate import GAVE_WAY
from flk.model.programs.monitor import MONITORED
from flk.model.programs.propose import UNPROVEN
from flk.model.programs.recover import APPLIED
from flk.model.programs.restore import CHECKED
from flk.model.programs.retain import WHOLE
from flk.model.programs.ship import PREFIX, SHIPPED
from flk.sim.checkers.invariants import Checks, Invariant
from flk.sim.checkers.node import Reference
from flk.sim.checkers.retention import Snapshots
from flk.sim.nodes.audit_logs import ANCHORED
from flk.sim.nodes.region import Place, Region
from flk.sim.oracle import frames as oracle
from flk.sim.oracle.frames import Found
from flk.sim.scenarios.topology import region_of_node
from flk.sim.world.events import (
    Claimed,
    Crashed,
    Forgotten,
    Levelled,
    Merged,
    PassEnded,
    RecoveryBegan,
    Removed,
    Restarted,
    SegmentSealed,
    Stage,
    Uploaded,
    WatermarkSet,
)
from flk.sim.world.object_faults import ObjectFaults
from flk.sim.world.observer import Observer


class Progress(NamedTuple):
    """How far a node is with some work on a log: what was `applied`, `shipped` or `replayed` of it."""

    node: str
    work: str
    log: str


NO_WORK = UNPROVEN, GAVE_WAY, WITNESSED, MONITORED, ANCHORED
"""What the names of watermarks begin with that no segment is behind."""


class ShippingRules:
    """Checks every object that is created, every watermark that is set, and what passes say of themselves."""

    def __init__(
        self,
        regions: Mapping[str, Region],
        places: Mapping[str, Place],
        faults: ObjectFaults,
        reference: Reference,
        checks: Checks,
        *,
        now: Callable[[], float],
        forgets: bool,
        snapshots: bool,
        whole_by: float,
    ) -> None:
        """With `snapshots` a node may go on past segments that it misses. `whole_by` is when nodes have had time to put back
        what the last fault took away.
        """
        self._go_on_from_snapshots = snapshots
        self._snapshots = Snapshots()
        self._lost_rows: set[tuple[str, Key]] = set()  # that no snapshot has which the region wrote meanwhile
        self._whole_by = whole_by
        self._regions = regions
        self._places = places
        self._faults = faults
        self._now = now
        self._reference = reference
        self._checks = checks
        self._forgets = forgets
        self._frames: dict[str, tuple[Found, ...]] = {}
        self._sealed: dict[str, list[bytes]] = {}
        self._sealed_at: dict[str, float] = {}
        self._uploaded: dict[str, list[str]] = {}  # of each log, in its order
        self._started: dict[str, float] = {}
        self._recovering: set[str] = set()
        self._watermarks: dict[Progress, str] = {}
        self._applied: set[tuple[str, str, Timestamp]] = set()
        self._left: dict[Stage, Callable[[PassEnded], str]] = {
            Stage.SHIP: self._unshipped,
            Stage.REPLAY: self._unreplayed,
            Stage.RESTORE: self._unrestored,
        }

    def observe(self, observer: Observer) -> None:
        """Check every upload and every watermark."""
        if self._forgets:
            observer.handle(Claimed, lambda event: self._note_applied(event.region, event.claim))
            observer.handle(Merged, lambda event: self._note_applied(event.region, event.claim))
        observer.handle(SegmentSealed, self._note_sealed)
        observer.handle(Uploaded, self._check_uploaded)
        observer.handle(Removed, self._check_removed)
        observer.handle(Forgotten, lambda event: self._lost_rows.add((event.region, event.key)))
        observer.handle(PassEnded, self._check_pass)
        observer.handle(RecoveryBegan, lambda event: self._recovering.add(event.node))
        observer.handle(Levelled, self._check_level)
        observer.handle(Restarted, self._start)
        observer.handle(WatermarkSet, self._check_watermark)
        observer.handle(Crashed, self._crash)

    def _check_uploaded(self, event: Uploaded) -> None:
        """A segment leaves its region only when it is sealed, whole and applied, as it was sealed, and for a name that is free."""
        segment = event.name.removeprefix(PREFIX)
        region = region_of(segment)
        found = oracle.whole(event.content)
        whole = found is not None and found.name == segment
        frames = () if found is None else found.data
        disks = (place.disk for place in self._regions[region].places)
        on_its_disk = log_of(segment) in {disk.log(INBOX) for disk in disks}  # not if the upload outlived the disk
        missing = self._unapplied(region, region, frames) if on_its_disk else ""

        def sentence() -> str:
            wrong = f"before {missing} was claimed" if whole else "and is not as a sealed segment of that name is"
            return f"{segment} was uploaded {wrong}"

        self._checks.require(Invariant.SEALED, whole and not missing, region, "PutObject", sentence)
        before = None if event.damaged is None else oracle.whole(event.damaged)
        replaced = event.replaced is not None or (before is not None and before.name == segment)
        self._checks.require(
            Invariant.OBJECTS_KEPT,
            not replaced and event.content in self._sealed.get(segment, ()),
            region,
            "PutObject",
            lambda: f"{segment} {'replaced what had its name' if replaced else 'is not what was sealed'}",
        )
        self._frames[segment] = frames
        known = self._uploaded.setdefault(log_of(segment), [])
        if segment not in known[-1:]:
            insort(known, segment)

    def _check_removed(self, event: Removed) -> None:
        """A segment leaves its log when it was uploaded and is in a snapshot, its object when it is in a snapshot: whoever reads on
        finds what it came to (RET-1, RET-5).
        """
        name, region = event.name, region_of(event.name)
        frames, objects = self._frames.get(name), self._regions[region].world.objects.objects
        missing = "its upload"
        if frames is not None:
            claims = (claim for claim in self._claims(region, frames) if (region, claim.key) not in self._lost_rows)
            missing = self._snapshots.lacks(objects, name, claims)
        self._checks.require(
            Invariant.OBJECTS_KEPT,
            not missing,
            event.node or region,
            "Release" if event.node else "DeleteObject",
            lambda: f"{name} was removed before {missing}",
        )
        if not event.node and name in (known := self._uploaded.get(log_of(name), [])):
            known.remove(name)

    def _claims(self, origin: str, frames: Iterable[Found]) -> Iterator[Claim]:
        for frame in frames:
            claim = self._reference.claim(origin, Timestamp(frame.timestamp), frame.payload)
            if claim is not None:
                yield claim

    def _note_sealed(self, event: SegmentSealed) -> None:
        """What a segment was sealed as. A salvage leaves another content under its name."""
        self._sealed.setdefault(event.name, []).append(event.content)
        self._sealed_at[event.name] = self._now()

    def _check_pass(self, event: PassEnded) -> None:
        """A pass that says it went to the end left nothing behind that it could have known of when it began (CRR-5, CRR-9)."""
        if not event.complete:
            return
        left = self._left[event.stage](event)
        self._checks.require(
            Invariant.REPORTED,
            not left,
            event.region,
            event.stage,
            lambda: f"a pass over {event.source} ended without complaint before {left}",
        )

    def _unshipped(self, event: PassEnded) -> str:
        """The first segment that was sealed when a pass began, and is not shipped."""
        disk = self._places[event.node].disk
        shipped = self._watermarks.get(Progress(event.node, "shipped", disk.log(INBOX)), "")
        waiting = disk.names(INBOX, shipped, sealed=True)
        return next((name for name in waiting if self._sealed_at.get(name, inf) < event.began), "")

    def _unrestored(self, event: PassEnded) -> str:
        """The first object of the node's own log that is not there; unless that changed meanwhile."""
        if self._faults.changed >= event.began:
            return ""
        segments = self._uploaded.get(self._places[event.node].disk.log(INBOX), ())
        return next((name for name in segments if not self._faults.is_found(PREFIX + name)), "")

    def _unreplayed(self, event: PassEnded) -> str:
        """The newest object that was listed when a pass began, and is not replayed; unless the listing changed meanwhile."""
        if self._faults.changed >= event.began:
            return ""
        for log, segments in self._uploaded.items():
            if segments and region_of(segments[0]) == event.source:
                replayed = self._watermarks.get(Progress(event.node, "replayed", log), "")
                for segment in reversed(segments[bisect_right(segments, replayed) :]):
                    if self._faults.is_listed(PREFIX + segment, event.began):
                        return segment
        return ""

    def finish(self, objects: Mapping[str, bytes]) -> None:
        """Judge what is in the object store at the end, where the nodes have had the time to put back what is gone."""
        if self._now() <= self._whole_by:
            return
        for node, place in self._places.items():
            for segment in self._uploaded.get(place.disk.log(INBOX), ()):
                self._require_whole(node, segment, objects.get(PREFIX + segment))

    def _require_whole(self, node: str, segment: str, content: bytes | None) -> None:
        self._checks.require(
            Invariant.OBJECTS_WHOLE,
            content in self._sealed.get(segment, ()),
            node,
            "end",
            lambda: f"{segment} was shipped, and is not in the object store as it was sealed",
        )

    def _check_watermark(self, event: WatermarkSet) -> None:
        """A watermark moves to what comes next in its log, after the work it stands for. One set again stays. How far objects are
        checked stands for nothing, and nor do the names of snapshots, in how many rounds stores differed, and what audit logs are.
        """
        if event.name in {CHECKED, WHOLE} or event.name.startswith(NO_WORK):
            return
        node, name, value = event.node, event.name, event.value
        log = Progress(
            node, "applied" if name == APPLIED else "shipped" if name == SHIPPED else "replayed", log_of(value)
        )
        before = self._watermarks.get(log, "")
        self._watermarks[log] = value
        self._checks.require(
            Invariant.WATERMARK,
            not (missing := self._not_done(log, before, value, self._excused(before, value))),
            node,
            "Mark",
            lambda: f"{name} was set to {value} before {missing} was done",
        )
        if name != APPLIED:
            self._checks.require(
                Invariant.NO_GAP,
                value == before or sequence_of(value) == _next(before) or self._holds_all(log, before, value),
                node,
                "Mark",
                lambda: f"{name} went from {before or 'nothing'} to {value}",
            )

    def _holds_all(self, log: Progress, before: str, value: str) -> bool:
        """Whether a node that recovers, or goes on from a snapshot, moves a watermark past segments of which all is done: a store
        that began with a snapshot has the work of many (SNAP-5, RET-5).
        """
        between = (segment_name(log_of(value), number) for number in range(_next(before), sequence_of(value)))
        return (
            (log.node in self._recovering or self._go_on_from_snapshots)
            and value > before
            and not any(self._not_done(log, before, n, self._lost_rows) for n in between)
        )

    def _excused(self, before: str, value: str) -> Collection[tuple[str, Key]]:
        """What a watermark need not stand for: behind a snapshot, rows that the store had lost in silence when that was written."""
        return () if sequence_of(value) == _next(before) else self._lost_rows

    def _not_done(self, log: Progress, before: str, value: str, excused: Collection[tuple[str, Key]] = ()) -> str:
        """What a watermark stands for and is not done, but for what is `excused`; empty if all is."""
        region, origin = region_of_node(log.node), region_of(value)
        if log.work == "applied":
            return self._unapplied(region, region, self._frames_between(log.node, before, value))
        if value not in self._frames:
            return "the upload"
        return "" if log.work == "shipped" else self._unapplied(region, origin, self._frames[value], excused)

    def _check_level(self, event: Levelled) -> None:
        """A node that serves has applied what its log says; and what its earlier disks shipped, where that could be known."""
        node, region = event.node, event.region
        self._recovering.discard(node)
        disk = self._places[node].disk
        applied = self._watermarks.get(Progress(node, "applied", disk.log(INBOX)), "")
        missing = self._unapplied(region, region, self._frames_between(node, applied, "~"))
        if not applied and not missing and self._faults.changed < self._started.get(node, 0.0):
            missing = self._unreclaimed(region, self._started.get(node, 0.0))
        self._checks.require(
            Invariant.RECOVERED,
            not missing,
            node,
            "CaughtUp",
            lambda: f"{node} serves, and {missing} is not applied",
        )

    def _unreclaimed(self, region: str, started: float) -> str:
        """The first frame of an earlier disk that a node could have found when it started, and that is not applied."""
        for log, segments in self._uploaded.items():
            if not segments or region_of(segments[0]) != region:
                continue
            listed = [name for name in segments if self._faults.is_listed(PREFIX + name, started)]
            missing = self._unapplied(region, region, (frame for name in listed for frame in self._frames[name]))
            if missing:
                return f"{missing}, which is in {log},"
        return ""

    def _start(self, event: Restarted) -> None:
        self._started[event.node] = self._now()

    def _crash(self, event: Crashed) -> None:
        """A region that lost its store has no watermarks, and has applied nothing."""
        lost = event.lost_disks
        if lost:
            self._watermarks = {log: value for log, value in self._watermarks.items() if log.node not in lost}
        if event.lost_store:
            self._applied = {done for done in self._applied if done[0] != event.fault.region}

    def _note_applied(self, region: str, claim: Claim) -> None:
        """A store that forgets what is past its window shows later no trace of it."""
        self._applied.add((region, claim.entry.region, claim.entry.timestamp))

    def _frames_between(self, node: str, before: str, value: str) -> Iterable[Found]:
        disk = self._places[node].disk
        for name in disk.names(INBOX, before):
            if name <= value:
                yield from oracle.read(bytes(disk.segments[name]), disk.salt(name)).data

    def _unapplied(
        self, region: str, origin: str, frames: Iterable[Found], excused: Collection[tuple[str, Key]] = ()
    ) -> str:
        """The first of the frames, logged by `origin`, whose claim is not in the region's store, but for keys that are `excused`
        there; empty if there is none.
        """
        entries = self._regions[region].entries.entries
        for frame in frames:
            logged = Timestamp(frame.timestamp)
            claim = self._reference.claim(origin, logged, frame.payload)
            if claim is None:
                continue
            stored = entries.get(claim.key)
            if (region, origin, logged) in self._applied or (region, claim.key) in excused:
                continue
            if stored is None or (stored.timestamp, stored.region) > (claim.entry.timestamp, claim.entry.region):
                return f"frame {text(logged)} of {origin}"
        return ""


def _next(segment: str) -> int:
    """The number of the segment after one, that of the first if there is none."""
    return (sequence_of(segment) if segment else 0) + 1
