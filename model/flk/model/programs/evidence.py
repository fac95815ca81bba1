"""What logs and snapshots say of entries in which regions differ (DIV-3): they decide what is on its way, and what was lost.

No age decides, and no other store: what stands in a segment that a node has applied, and in its store not, the store has lost. What
stands nowhere is not believed, however many regions have it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from enum import StrEnum

import msgspec

from flk.model.effects import INBOX, GetBeginning, GetObject, ListObjects, Marked, Noted, Program, Segments
from flk.model.entries.entry import Claim
from flk.model.entries.snapshot import BadSnapshot, Head, heads_of, read_head, unpacked
from flk.model.log.frames import CorruptSegment, head_of, log_of, region_of, sealed_frames, sequence_of
from flk.model.log.hlc import LAST, Timestamp
from flk.model.programs.examine import Examine, claims_of
from flk.model.programs.recover import APPLIED
from flk.model.programs.repair import read
from flk.model.programs.replay import REPLAYED
from flk.model.programs.ship import PREFIX, SHIPPED
from flk.model.programs.start import covered
from flk.spec.constants import CONSTANTS

LIMITS = CONSTANTS.divergence
HEAD_BYTES = 1024


class Standing(StrEnum):
    """What the logs say of an entry."""

    IN_FLIGHT = "in flight"
    APPLIED = "applied"
    NOT_SHIPPED = "not shipped"
    NOT_READ = "not read"
    NOWHERE = "nowhere"


class Evidence(msgspec.Struct, frozen=True):
    """How an entry stands in the logs, and which segment or head of a snapshot has it; or why none does."""

    standing: Standing
    name: str = ""
    because: str = ""


def reach(log: str, own: str) -> Program[str]:
    """The last segment of a log that the store has applied, empty if none is known to be. `own`: the log of the node."""
    if log == own:
        return (yield from Marked(APPLIED))
    newest = yield from Marked(REPLAYED + region_of(f"{log}/"))
    if log_of(newest) == log:
        return newest
    return (yield from Marked(REPLAYED + log))


def own_log_name() -> Program[str]:
    """The name of the node's own log."""
    return (yield from Noted(INBOX)).log


def unshipped(region: str) -> Program[frozenset[Timestamp]]:
    """The timestamps of what only the node's own disk has, of the log of `region`."""
    shipped = yield from Marked(SHIPPED)
    own = yield from own_log_name()
    names = yield from Segments(INBOX, after=shipped if log_of(shipped) == own else "")
    stamps: set[Timestamp] = set()
    for name in names:
        reading = yield from read(INBOX, name)
        stamps.update(frame.timestamp for frame in reading.found.frames)
    return frozenset(stamps) if region_of(f"{own}/") == region else frozenset()


def begun(segment: str) -> Program[Timestamp]:
    """The timestamp with which a shipped segment begins; LAST if that cannot be read."""
    content = yield from GetBeginning(PREFIX + segment, HEAD_BYTES)
    if content is None:
        return LAST
    head, clock = head_of(content)
    return clock if head is not None and head.name == segment else LAST


class Search:
    """A search for claims in the logs of the `regions` and, where their beginning was removed, in their snapshots.

    It reads no more than `LIMITS` allows, whatever it is asked for: first for those that are asked for first.
    """

    def __init__(self, region: str, regions: Sequence[str], examine: Examine) -> None:
        self._region = region
        self._regions = regions
        self._examine = examine
        self._segments = LIMITS.evidence_segments
        self._heads = LIMITS.evidence_heads
        self._pieces = LIMITS.evidence_pieces
        self._found: dict[Claim, Evidence] = {}
        self._frames: dict[str, int] = {}
        self._begun: dict[str, Timestamp] = {}
        self._listed: dict[str, dict[str, list[str]]] = {}
        self._own = ""

    def of(self, claims: Collection[Claim]) -> Program[dict[Claim, Evidence]]:
        """How each claim stands. Raises Unavailable."""
        self._own = yield from own_log_name()
        for region in sorted({claim.entry.region for claim in claims} & set(self._regions)):
            wanted = [claim for claim in claims if claim.entry.region == region]
            yield from self._in_segments(region, wanted)
            for source in sorted(self._regions, key=lambda each: each != region):
                yield from self._in_snapshots(region, source, wanted)
            if region == self._region and any(claim not in self._found for claim in wanted):
                stamps = yield from unshipped(region)
                for claim in wanted:
                    if claim not in self._found and claim.entry.timestamp in stamps:
                        self._found[claim] = Evidence(Standing.NOT_SHIPPED)
        return {claim: self._found.get(claim) or self._nowhere(claim) for claim in claims}

    def _nowhere(self, claim: Claim) -> Evidence:
        region = claim.entry.region
        if region not in self._regions:
            because = f"it names the region {region!r}, whose log this node does not read"
        elif not (self._segments and self._heads and self._pieces):
            return Evidence(Standing.NOT_READ, because="what was read has it not, and no more is read in one pass")
        else:
            because = f"no shipped segment of {region} has it, nor a snapshot of any region"
        return Evidence(Standing.NOWHERE, because=because)

    def _in_segments(self, region: str, wanted: Sequence[Claim]) -> Program[None]:
        logs = yield from self._logs(region)
        for claim in wanted:
            for names in logs.values():
                if claim not in self._found:
                    yield from self._in_log(names, claim, wanted)

    def _logs(self, region: str) -> Program[dict[str, list[str]]]:
        """The segments of each log of a region that was shipped, in order."""
        if region not in self._listed:
            logs: defaultdict[str, list[str]] = defaultdict(list)
            for name in (yield from ListObjects(f"{PREFIX}{region}.")):
                segment = name.removeprefix(PREFIX)
                if region_of(segment) == region and segment.rpartition("/")[2].isdecimal():
                    logs[log_of(segment)].append(segment)
            self._listed[region] = dict(logs)
        return self._listed[region]

    def _in_log(self, names: Sequence[str], claim: Claim, wanted: Sequence[Claim]) -> Program[None]:
        """Look where a claim stands by its timestamp: in the last segment that begins before it, or in the next, since a batch that
        begins one gives that its own last timestamp. A segment without frames stands for one that was salvaged, whose frames came
        later (WAL-4).
        """
        low, high = 0, len(names)
        while low < high:
            middle = (low + high) // 2
            if (yield from self._begins(names[middle])) < claim.entry.timestamp:
                low = middle + 1
            else:
                high = middle
        was_salvaged = False
        for name in names[max(0, low - 1) : low + 1]:
            was_salvaged |= (yield from self._look(name, wanted)) == 0
        for name in names[low + 1 :] if was_salvaged else ():
            if claim in self._found or not self._segments:
                return
            yield from self._look(name, wanted)

    def _begins(self, name: str) -> Program[Timestamp]:
        if name not in self._begun:
            if not self._heads:
                return LAST
            self._heads -= 1
            self._begun[name] = yield from begun(name)
        return self._begun[name]

    def _look(self, name: str, wanted: Iterable[Claim]) -> Program[int]:
        """Find what of the claims stands in a segment; how many frames it has, 1 if that is not known."""
        if name in self._frames or not self._segments:
            return self._frames.get(name, 1)
        self._segments -= 1
        self._frames[name] = 1
        content = yield from GetObject(PREFIX + name)
        try:
            frames = sealed_frames(name, content or b"")
            claims = claims_of(frames, region_of(name), self._examine)
        except CorruptSegment:  # replay says so, and the region that shipped it puts it back (CRR-6, CRR-10)
            return 1
        self._frames[name] = len(frames)
        there = set(claims).intersection(wanted)
        if there:
            is_applied = name <= (yield from reach(log_of(name), self._own))
            standing = Standing.APPLIED if is_applied else Standing.IN_FLIGHT
            self._found |= {claim: Evidence(standing, name) for claim in there if claim not in self._found}
        return len(frames)

    def _in_snapshots(self, region: str, source: str, wanted: Sequence[Claim]) -> Program[None]:
        """Look for what a region logged in the snapshots of a source, the latest first: an entry that its store had lost when it
        wrote one is in the one before, or in those of others.
        """
        for name in reversed((yield from ListObjects(heads_of(source)))):
            if missing := [claim for claim in wanted if claim not in self._found]:
                head = yield from _head(name)
                if head is not None:
                    yield from self._in_snapshot(region, name, head, missing)

    def _in_snapshot(self, region: str, name: str, head: Head, wanted: Sequence[Claim]) -> Program[None]:
        """Look in a snapshot, if the beginning of a log of the region is gone."""
        logs = yield from self._logs(region)
        first = {log: sequence_of(names[0]) for log, names in logs.items()}
        removed = {log: first.get(log, sequence_of(last) + 1) - 1 for log, last in covered(head, head.region).items()}
        gone = {log: last for log, last in removed.items() if last and region_of(f"{log}/") == region}
        if not gone:
            return
        is_applied = True
        for log, last in gone.items():
            reached = yield from reach(log, self._own)
            is_applied &= bool(reached) and sequence_of(reached) >= last
        standing = Standing.APPLIED if is_applied else Standing.IN_FLIGHT
        for piece in head.pieces:
            if not self._pieces or all(claim in self._found for claim in wanted):
                return
            self._pieces -= 1
            content = yield from GetObject(piece.name)
            try:
                there = set(unpacked(piece, content or b"")).intersection(wanted)
            except BadSnapshot:  # whoever retains or starts says so (SNAP-6)
                continue
            self._found |= {claim: Evidence(standing, name) for claim in there}


def latest_head(region: str) -> Program[tuple[str, Head] | None]:
    """The latest snapshot of a region of which the head can be read, and its name."""
    for name in reversed((yield from ListObjects(heads_of(region)))):
        head = yield from _head(name)
        if head is not None:
            return name, head
    return None


def _head(name: str) -> Program[Head | None]:
    """The head of a snapshot, None if it cannot be read."""
    content = yield from GetObject(name)
    try:
        return read_head(name, content or b"")
    except BadSnapshot:
        return None
