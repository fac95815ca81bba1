"""The invariants of a node: its log, its store and its answers, checked at every change."""

from collections.abc import Mapping, Sequence

import msgspec

from flk.model.effects import INBOX
from flk.model.entries.entry import Claim, Entry, Key
from flk.model.flow.answers import ACKNOWLEDGED, BEFORE_LOG, CLAIMS_NOTHING, STATES_ENTRY
from flk.model.flow.submission import Problem, Response, Submission, answer, from_payload, tenant_of
from flk.model.log.frames import Frame, scan
from flk.model.log.hlc import Timestamp, text
from flk.model.programs.examine import Examine
from flk.model.refusal import Malformed, Refused, Unavailable
from flk.sim.checkers.invariants import Checks, Invariant
from flk.sim.nodes.region import Region
from flk.sim.scenarios.faults import Disk, Stop
from flk.sim.world.events import Rotten, Watcher


class Reference:
    """What each logged frame claims, worked out anew by the model's pure functions; None for a frame that claims nothing."""

    def __init__(self, examine: Examine) -> None:
        self._examine = examine
        self._payloads: dict[tuple[str, Timestamp], bytes] = {}
        self._claims: dict[tuple[str, Timestamp], Claim | None] = {}

    def log(self, region: str, frame: Frame) -> None:
        """A frame became durable."""
        self._payloads[region, frame.timestamp] = frame.payload
        self._claims.pop((region, frame.timestamp), None)

    def payload(self, region: str, timestamp: Timestamp) -> bytes | None:
        """What a frame holds, None if there never was such a frame."""
        return self._payloads.get((region, timestamp))

    def claim(self, region: str, timestamp: Timestamp) -> Claim | None:
        """What a frame claims."""
        frame = region, timestamp
        try:
            return self._claims[frame]
        except KeyError:
            payload = self._payloads.get(frame)
            claim = self._claims[frame] = None if payload is None else self._examined(payload, timestamp, region)
            return claim

    def _examined(self, payload: bytes, timestamp: Timestamp, region: str) -> Claim | None:
        try:
            return self._examine(from_payload(payload), timestamp, region)
        except Refused:
            return None


class NodeRules(Watcher):
    """Checks what a node logs, claims and answers."""

    def __init__(self, regions: Mapping[str, Region], reference: Reference, checks: Checks) -> None:
        self.acknowledged: dict[Key, tuple[Timestamp, str]] = {}
        self._regions = regions
        self._reference = reference
        self._checks = checks
        self._last_logged: dict[str, Timestamp] = {}
        self._last_claimed: dict[tuple[str, Key | None], Timestamp] = {}
        self._stored: set[tuple[str, Timestamp]] = set()
        self._refused: set[tuple[str, Timestamp]] = set()
        self._rotten: set[str] = set()

    def logged(self, region: str, frame: Frame) -> None:
        """Timestamps rise; a salvaged frame keeps the one it has."""
        known = self._reference.payload(region, frame.timestamp)
        if known == frame.payload:
            return
        self._reference.log(region, frame)
        last = self._last_logged.get(region, 0)
        if region in self._rotten and frame.timestamp <= last:  # the clock goes on after what the log says (HLC-4)
            last = max(self._readable(region) - {frame.timestamp}, default=0)
            self._stored.discard((region, frame.timestamp))
            self._refused.discard((region, frame.timestamp))
        if not self._checks.holds(Invariant.CLOCKS, frame.timestamp > last):
            sentence = f"a frame got timestamp {text(frame.timestamp)} after one with {last:016x}"
            self._checks.violated(Invariant.CLOCKS, region, "Append", sentence)
        self._last_logged[region] = frame.timestamp

    def claimed(
        self, region: str, claim: Claim, before: Entry | None, stored: Entry, records: Sequence[object]
    ) -> None:
        """A claim is what its frame claims, comes in log order, and finds or puts the earliest entry for its key."""
        self._verify(region, "Store", claim)
        timestamp = claim.entry.timestamp
        line = region, self._regions[region].shards.order(claim.key)
        last = self._last_claimed.get(line, 0)
        if region in self._rotten and timestamp <= last and last not in self._readable(region):
            last = 0
        if not self._checks.holds(Invariant.LOG_ORDER, timestamp > last):
            sentence = f"the claim of frame {text(timestamp)} came after that of frame {last:016x}"
            self._checks.violated(Invariant.LOG_ORDER, region, "Store", sentence)
        self._last_claimed[line] = timestamp
        now = self._regions[region].entries.entries.get(claim.key)
        first = _first(before, claim)
        if not self._checks.holds(Invariant.FIRST_WRITE, stored == first and now == first):
            kept = _entry(now) if now else "nothing"
            sentence = f"{_shown(claim.key)} should hold {_entry(first)}, it holds {kept} and said {_entry(stored)}"
            self._checks.violated(Invariant.FIRST_WRITE, region, "Store", sentence)
        self._check_supersession(region, "Store", (claim.key, before, stored), records)

    def merged(self, region: str, claim: Claim, before: Entry | None, after: Entry, records: Sequence[object]) -> None:
        """An entry gives way only to an earlier one, and that is recorded."""
        self._verify(region, "Merge", claim)
        first = _first(before, claim)
        if not self._checks.holds(Invariant.FIRST_WRITE, after == first):
            sentence = f"{_shown(claim.key)} should hold {_entry(first)}, it holds {_entry(after)}"
            self._checks.violated(Invariant.FIRST_WRITE, region, "Merge", sentence)
        self._check_supersession(region, "Merge", (claim.key, before, after), records)

    def replied(self, region: str, request: Submission, logged: Timestamp | None, response: Response) -> None:
        """An answer rests on a durable frame, and says what is stored."""
        status = response.status
        if logged is not None or not _refused_at_the_door(response):
            self._check_durable(region, request, logged, status)
        if logged is None:
            return
        if status in STATES_ENTRY:
            self._check_stored(region, logged, response)
        else:
            self._check_refused(region, logged, status)

    def forgot(self, region: str, key: Key, entry: Entry) -> None:
        """An acknowledgement is good for the dedup window."""
        if self._regions[region].has_outlived(entry):
            self.acknowledged.pop(key, None)

    def rotted(self, region: str, lost: Sequence[Rotten]) -> None:
        """A restart will not know of the timestamps that cannot be read any more."""
        del lost
        self._rotten.add(region)

    def crashed(self, fault: Stop) -> None:
        """A new disk begins a new log."""
        if fault.disk is Disk.LOST:
            self._last_logged.pop(fault.region, None)
            self._last_claimed = {line: last for line, last in self._last_claimed.items() if line[0] != fault.region}

    def _readable(self, region: str) -> set[Timestamp]:
        """The timestamps of all frames on a region's disk."""
        disk = self._regions[region].disk
        segments = (scan(bytes(disk.segments[name])) for name in disk.names(INBOX))
        return {frame.timestamp for segment in segments for frame in segment.frames}

    def _verify(self, region: str, event: str, claim: Claim) -> None:
        origin = claim.entry.region, claim.entry.timestamp
        if not self._checks.holds(Invariant.VERIFIED, self._reference.claim(*origin) == claim):
            sentence = f"the claim on {_shown(claim.key)} is not what frame {text(origin[1])} of {origin[0]} claims"
            self._checks.violated(Invariant.VERIFIED, region, event, sentence)
        payload = self._reference.payload(*origin)
        tenant = None if payload is None else tenant_of(payload)
        if not self._checks.holds(Invariant.TENANTS, tenant == claim.key.tenant):
            sentence = f"{_shown(claim.key)} was logged by tenant {tenant}"
            self._checks.violated(Invariant.TENANTS, region, event, sentence)
        if not self._checks.holds(Invariant.REFUSALS, origin not in self._refused):
            sentence = f"{_shown(claim.key)} is claimed by frame {text(origin[1])}, whose request was refused for good"
            self._checks.violated(Invariant.REFUSALS, region, event, sentence)
        self._stored.add(origin)

    def _check_supersession(
        self, region: str, event: str, change: tuple[Key, Entry | None, Entry], records: Sequence[object]
    ) -> None:
        """An entry that gave way is recorded, with the one it gave way to."""
        key, before, after = change
        expected = [] if before is None or after == before else [change]
        if not expected and not records:
            return
        if not self._checks.holds(Invariant.SUPERSESSION, list(records) == expected):
            sentence = f"{_shown(key)}: {len(records)} records were written where {len(expected)} was due"
            self._checks.violated(Invariant.SUPERSESSION, region, event, sentence)

    def _check_durable(self, region: str, request: Submission, logged: Timestamp | None, status: int) -> None:
        kept = None if logged is None else self._reference.payload(region, logged)
        if not self._checks.holds(Invariant.DURABLE, kept == request.payload()):
            self._checks.violated(
                Invariant.DURABLE, region, "reply", f"{status} was answered before the body was durable"
            )

    def _check_stored(self, region: str, logged: Timestamp, response: Response) -> None:
        claim = self._reference.claim(region, logged)
        stored = None if claim is None else self._regions[region].told(claim.key)
        expected = None if claim is None or stored is None else answer(claim, stored)
        if not self._checks.holds(Invariant.STORED_REPLY, response == expected):
            what = "nothing" if stored is None else _entry(stored)
            sentence = f"{response.status} was answered, where {what} is stored"
            self._checks.violated(Invariant.STORED_REPLY, region, "reply", sentence)
        elif claim is None or stored is None or self._regions[region].has_outlived(stored):
            return
        elif response.status in ACKNOWLEDGED:
            promise = stored.timestamp, stored.region
            self.acknowledged[claim.key] = min(promise, self.acknowledged.get(claim.key, promise))

    def _check_refused(self, region: str, logged: Timestamp, status: int) -> None:
        """While keys move, a 503 may leave one of the two writes behind; recovery makes the other (MIG-2)."""
        if status == Unavailable.status and self._regions[region].resharding is not None:
            return
        if not self._checks.holds(Invariant.REFUSALS, (region, logged) not in self._stored):
            sentence = f"{status} was answered, and frame {text(logged)} has an entry"
            self._checks.violated(Invariant.REFUSALS, region, "reply", sentence)
        if status in CLAIMS_NOTHING:
            self._refused.add((region, logged))


def _first(before: Entry | None, claim: Claim) -> Entry:
    """What a store holds once a claim is settled: the earlier of the two (CRR-1)."""
    if before is None or (claim.entry.timestamp, claim.entry.region) < (before.timestamp, before.region):
        return claim.entry
    return before


def _refused_at_the_door(response: Response) -> bool:
    """Whether a node may say this before it logs anything: no room, or a tenant that no log can name."""
    if response.status in BEFORE_LOG:
        return True
    return (
        response.status == Malformed.status and msgspec.json.decode(response.body, type=Problem).requirement == "ORD-9"
    )


def _shown(key: Key) -> str:
    return f"{key.tenant}/{key.pcs_id[:12]}"


def _entry(entry: Entry) -> str:
    return f"{text(entry.timestamp)} of {entry.region}"
