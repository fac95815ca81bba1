"""The invariants of replication: what is uploaded, what is replayed, and what the watermarks say."""

from collections.abc import Iterable, Mapping

from flk.model.effects import INBOX
from flk.model.entries.entry import Claim
from flk.model.log.frames import Frame, log_of, region_of, scan, sequence_of
from flk.model.log.hlc import Timestamp, text
from flk.model.programs.recover import APPLIED
from flk.model.programs.ship import PREFIX, SHIPPED
from flk.sim.checkers.invariants import Checks, Invariant
from flk.sim.checkers.node import Reference
from flk.sim.nodes.region import Region
from flk.sim.scenarios.faults import Disk
from flk.sim.world.events import Claimed, Crashed, Merged, Uploaded, WatermarkSet
from flk.sim.world.observer import Observer


class ShippingRules:
    """Checks every object that is created and every watermark that is set."""

    def __init__(self, regions: Mapping[str, Region], reference: Reference, checks: Checks, *, forgets: bool) -> None:
        self._regions = regions
        self._reference = reference
        self._checks = checks
        self._forgets = forgets
        self._frames: dict[str, tuple[Frame, ...]] = {}
        self._last_uploaded: dict[str, int] = {}
        self._watermarks: dict[tuple[str, str], str] = {}
        self._applied: set[tuple[str, str, Timestamp]] = set()

    def observe(self, observer: Observer) -> None:
        """Check every upload and every watermark."""
        if self._forgets:
            observer.handle(Claimed, lambda event: self._note_applied(event.region, event.claim))
            observer.handle(Merged, lambda event: self._note_applied(event.region, event.claim))
        observer.handle(Uploaded, self._check_uploaded)
        observer.handle(WatermarkSet, self._check_watermark)
        observer.handle(Crashed, self._crash)

    def _check_uploaded(self, event: Uploaded) -> None:
        """A segment leaves its region only when it is sealed, whole and applied."""
        segment, found = event.name.removeprefix(PREFIX), event.found
        region = region_of(segment)
        whole = found.sealed and not found.damage and found.head is not None and found.head.name == segment
        on_its_disk = log_of(segment) == self._regions[region].disk.log(INBOX)  # not if the upload outlived the disk
        missing = self._unapplied(region, region, found.frames) if on_its_disk else ""

        def sentence() -> str:
            wrong = f"before {missing} was claimed" if whole else "and is not as a sealed segment of that name is"
            return f"{segment} was uploaded {wrong}"

        self._checks.require(Invariant.SEALED, whole and not missing, region, "PutObject", sentence)
        self._frames[segment] = found.frames
        log = log_of(segment)
        self._last_uploaded[log] = max(sequence_of(segment), self._last_uploaded.get(log, 0))

    def _check_watermark(self, event: WatermarkSet) -> None:
        """A watermark moves to what comes next, after the work it stands for."""
        region, name, value = event.region, event.name, event.value
        before = self._watermarks.get((region, name), "")
        self._watermarks[region, name] = value
        if name == APPLIED:
            fault = self._unapplied(region, region, self._frames_between(region, before, value))
        elif name == SHIPPED:
            fault = "" if value in self._frames else "the upload"
        else:
            fault = self._unapplied(region, region_of(value), self._frames.get(value, ()))
        self._checks.require(
            Invariant.WATERMARK, not fault, region, "Mark", lambda: f"{name} was set to {value} before {fault} was done"
        )
        if name != APPLIED:
            self._checks.require(
                Invariant.NO_GAP,
                self._follows(before, value),
                region,
                "Mark",
                lambda: f"{name} went from {before or 'nothing'} to {value}",
            )

    def _crash(self, event: Crashed) -> None:
        """A region that lost its store has no watermarks, and has applied nothing."""
        region = event.fault.region
        if event.fault.disk is Disk.LOST:
            self._watermarks = {key: value for key, value in self._watermarks.items() if key[0] != region}
            self._applied = {done for done in self._applied if done[0] != region}

    def _note_applied(self, region: str, claim: Claim) -> None:
        """A store that forgets what is past its window shows later no trace of it."""
        self._applied.add((region, claim.entry.region, claim.entry.timestamp))

    def _follows(self, before: str, value: str) -> bool:
        """Whether a segment is the next of its log, or the first of a new log after the last of the old."""
        if before and log_of(before) == log_of(value):
            return sequence_of(value) == sequence_of(before) + 1
        done = not before or sequence_of(before) == self._last_uploaded.get(log_of(before), 0)
        return done and sequence_of(value) == 1

    def _frames_between(self, region: str, before: str, value: str) -> Iterable[Frame]:
        disk = self._regions[region].disk
        for name in disk.names(INBOX, before):
            if name <= value:
                yield from scan(bytes(disk.segments[name])).frames

    def _unapplied(self, region: str, origin: str, frames: Iterable[Frame]) -> str:
        """The first of the frames, logged by `origin`, whose claim is not in the region's store; empty if there is none."""
        entries = self._regions[region].entries.entries
        for frame in frames:
            claim = self._reference.claim(origin, frame.timestamp)
            if claim is None:
                continue
            stored = entries.get(claim.key)
            if (region, origin, frame.timestamp) in self._applied:
                continue
            if stored is None or (stored.timestamp, stored.region) > (claim.entry.timestamp, claim.entry.region):
                return f"frame {text(frame.timestamp)} of {origin}"
        return ""
