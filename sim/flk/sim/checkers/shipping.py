"""The invariants of replication: what is uploaded, what is replayed, and what the watermarks say."""

from collections.abc import Iterable, Mapping, Sequence

from flk.model.effects import INBOX
from flk.model.entries.entry import Claim, Entry
from flk.model.log.frames import Frame, Scan, log_of, region_of, scan, sequence_of
from flk.model.log.hlc import Timestamp, text
from flk.model.programs.recover import APPLIED
from flk.model.programs.ship import PREFIX, SHIPPED
from flk.sim.checkers.invariants import Checks, Invariant
from flk.sim.checkers.node import Reference
from flk.sim.nodes.region import Region
from flk.sim.scenarios.faults import Disk, Stop
from flk.sim.world.events import Watcher


class ShippingRules(Watcher):
    """Checks every object that is created and every watermark that is set."""

    def __init__(self, regions: Mapping[str, Region], reference: Reference, checks: Checks) -> None:
        self._regions = regions
        self._reference = reference
        self._checks = checks
        self._frames: dict[str, tuple[Frame, ...]] = {}
        self._last_uploaded: dict[str, int] = {}
        self._marks: dict[tuple[str, str], str] = {}
        self._settled: set[tuple[str, str, Timestamp]] = set()

    def claimed(
        self, region: str, claim: Claim, before: Entry | None, stored: Entry, records: Sequence[object]
    ) -> None:
        """A claim was answered."""
        del before, stored, records
        self._note_settled(region, claim)

    def merged(self, region: str, claim: Claim, before: Entry | None, after: Entry, records: Sequence[object]) -> None:
        """A claim was joined in."""
        del before, after, records
        self._note_settled(region, claim)

    def uploaded(self, name: str, found: Scan) -> None:
        """A segment leaves its region only when it is sealed, whole and settled."""
        segment = name.removeprefix(PREFIX)
        region = region_of(segment)
        whole = found.sealed and not found.damage and found.head is not None and found.head.name == segment
        on_its_disk = log_of(segment) == self._regions[region].disk.log(INBOX)  # not if the upload outlived the disk
        missing = self._unapplied(region, region, found.frames) if on_its_disk else ""
        if not self._checks.holds(Invariant.SEALED, whole and not missing):
            wrong = f"before {missing} was claimed" if whole else "and is not as a sealed segment of that name is"
            self._checks.violated(Invariant.SEALED, region, "PutObject", f"{segment} was uploaded {wrong}")
        self._frames[segment] = found.frames
        log = log_of(segment)
        self._last_uploaded[log] = max(sequence_of(segment), self._last_uploaded.get(log, 0))

    def marked(self, region: str, name: str, value: str) -> None:
        """A watermark moves to what comes next, after the work it stands for."""
        before = self._marks.get((region, name), "")
        self._marks[region, name] = value
        if name == APPLIED:
            fault = self._unapplied(region, region, self._frames_between(region, before, value))
        elif name == SHIPPED:
            fault = "" if value in self._frames else "the upload"
        else:
            fault = self._unapplied(region, region_of(value), self._frames.get(value, ()))
        if not self._checks.holds(Invariant.WATERMARK, not fault):
            sentence = f"{name} was set to {value} before {fault} was done"
            self._checks.violated(Invariant.WATERMARK, region, "Mark", sentence)
        if name != APPLIED and not self._checks.holds(Invariant.NO_GAP, self._follows(before, value)):
            sentence = f"{name} went from {before or 'nothing'} to {value}"
            self._checks.violated(Invariant.NO_GAP, region, "Mark", sentence)

    def crashed(self, fault: Stop) -> None:
        """A region that lost its store has no watermarks, and has settled nothing."""
        if fault.disk is Disk.LOST:
            self._marks = {key: value for key, value in self._marks.items() if key[0] != fault.region}
            self._settled = {done for done in self._settled if done[0] != fault.region}

    def _note_settled(self, region: str, claim: Claim) -> None:
        """A store that forgets what is past its window shows later no trace of it."""
        if self._regions[region].entries.tiers is not None:
            self._settled.add((region, claim.entry.region, claim.entry.timestamp))

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
            if (region, origin, frame.timestamp) in self._settled:
                continue
            if stored is None or (stored.timestamp, stored.region) > (claim.entry.timestamp, claim.entry.region):
                return f"frame {text(frame.timestamp)} of {origin}"
        return ""
