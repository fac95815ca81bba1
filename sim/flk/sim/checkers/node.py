"""The invariants of a node: its log, its store and its answers, checked at every change."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

import msgspec

from flk.model.effects import INBOX
from flk.model.entries.entry import Claim, Entry, Key
from flk.model.flow.answers import ACKNOWLEDGED, BEFORE_LOG, CLAIMS_NOTHING, STATES_ENTRY
from flk.model.flow.submission import Problem, Response, Submission, answer, from_payload
from flk.model.log.frames import Frame
from flk.model.log.hlc import Timestamp, text
from flk.model.programs.examine import Examine
from flk.model.refusal import Malformed, Refused, Unavailable
from flk.sim.checkers.invariants import Checks, Invariant, Together
from flk.sim.checkers.statements import Statements
from flk.sim.nodes.region import Place, Region
from flk.sim.oracle import frames as oracle
from flk.sim.world.events import Claimed, Crashed, Forgotten, Logged, Merged, Replied, Rotted
from flk.sim.world.observer import Observer

Origin: TypeAlias = tuple[str, Timestamp]
"""A frame: the region, or the node, that logged it, and its timestamp. Nodes of one region may have the same for two frames."""


class LoggedFrame(NamedTuple):
    """A frame as it became durable: at which node, what it holds, who sent that, and what it claims (None: nothing)."""

    node: str
    payload: bytes
    tenant: str
    claim: Claim | None


class Reference:
    """What each logged frame claims, worked out anew by the model's pure functions, once for each frame."""

    def __init__(self, examine: Examine) -> None:
        self._examine = examine
        self._frames: dict[Origin, LoggedFrame] = {}
        self._earlier: dict[Origin, list[LoggedFrame]] = {}

    def log(self, node: str, region: str, frame: Frame) -> None:
        """A frame became durable. There may be another with its timestamp, whose disk was lost, or whose bits have rotted, or which
        another node of the region has.
        """
        timestamp, payload, stated = frame
        submission = from_payload(payload)
        try:
            claim = self._examine(submission, timestamp, region, stated)
        except Refused:
            claim = None
        origin = region, timestamp
        if origin in self._frames:
            self._earlier.setdefault(origin, []).append(self._frames[origin])
        self._frames[origin] = LoggedFrame(node, payload, submission.tenant, claim)

    def frame(self, region: str, timestamp: Timestamp, payload: bytes | None = None) -> LoggedFrame | None:
        """The latest frame with a timestamp, or the one that holds this payload; None if there never was such a one."""
        latest = self._frames.get((region, timestamp))
        if payload is None or latest is None or latest.payload == payload:
            return latest
        return next((one for one in self._earlier.get((region, timestamp), ()) if one.payload == payload), None)

    def frame_of(self, claim: Claim) -> LoggedFrame | None:
        """The frame that makes a claim, else the latest with its timestamp."""
        origin = claim.entry.region, claim.entry.timestamp
        latest = self._frames.get(origin)
        if latest is None or latest.claim is claim or origin not in self._earlier:
            return latest
        return next((one for one in self._earlier[origin] if one.claim == claim), latest)

    def node_of(self, claim: Claim) -> Origin:
        """The node whose frame makes a claim, and the timestamp; the region, if no frame does."""
        logged = self.frame_of(claim)
        return (claim.entry.region if logged is None else logged.node), claim.entry.timestamp

    def claim(self, region: str, timestamp: Timestamp, payload: bytes | None = None) -> Claim | None:
        """What a frame claims."""
        frame = self.frame(region, timestamp, payload)
        return None if frame is None else frame.claim


A_CLAIM = Together(
    Invariant.VERIFIED, Invariant.TENANTS, Invariant.REFUSALS, Invariant.LOG_ORDER, Invariant.FIRST_WRITE
)
A_MERGE = Together(Invariant.VERIFIED, Invariant.TENANTS, Invariant.REFUSALS, Invariant.FIRST_WRITE)
A_FRAME = Together(Invariant.CLOCKS)
AN_ANSWER = Together(Invariant.DURABLE, Invariant.STORED_REPLY)


class NodeRules:
    """Checks what a node logs, claims and answers. `acknowledged` is by key the earliest entry that was promised."""

    def __init__(
        self,
        regions: Mapping[str, Region],
        places: Mapping[str, Place],
        reference: Reference,
        statements: Statements,
        checks: Checks,
    ) -> None:
        self.acknowledged: dict[Key, tuple[Timestamp, str]] = {}
        self._regions = regions
        self._places = places
        self._reference = reference
        self._statements = statements
        self._checks = checks
        self._last_logged: dict[str, Timestamp] = {}
        self._last_claimed: dict[tuple[str, Key | None], Timestamp] = {}
        self._stored: set[Origin] = set()
        self._refused: set[Origin] = set()
        self._rotten: set[str] = set()

    def observe(self, observer: Observer) -> None:
        """Check every change of a log and of a store, and every answer."""
        observer.handle(Logged, self._check_logged)
        observer.handle(Claimed, self._check_claimed)
        observer.handle(Merged, self._check_merged)
        observer.handle(Replied, self._check_replied)
        observer.handle(Forgotten, self._forget)
        observer.handle(Rotted, self._note_rot)
        observer.handle(Crashed, self._crash)

    def _check_logged(self, event: Logged) -> None:
        """Timestamps rise; a salvaged frame keeps the one it has."""
        node, region, frame = event.node, event.region, event.frame
        same = self._reference.frame(region, frame.timestamp, frame.payload)
        if same is not None and same.node == node:
            return
        known = self._reference.frame(region, frame.timestamp)
        self._reference.log(node, region, frame)
        last = self._last_logged.get(node, 0)
        if node in self._rotten and frame.timestamp <= last:  # the clock goes on after what the log says (HLC-4)
            last = max(self._readable(node) - {frame.timestamp}, default=0)
        if known is not None:  # what became of the frame that is lost says nothing of this one
            self._stored.discard((node, frame.timestamp))
            self._refused.discard((node, frame.timestamp))
            self._last_claimed = {
                line: claimed
                for line, claimed in self._last_claimed.items()
                if line[0] != node or claimed < frame.timestamp
            }
        if frame.timestamp > last:
            self._checks.hold(A_FRAME)
        else:
            sentence = f"a frame got timestamp {text(frame.timestamp)} after one with {last:016x}"
            self._checks.deny(Invariant.CLOCKS, node, "Append", lambda: sentence)
        self._last_logged[node] = frame.timestamp

    def _check_claimed(self, event: Claimed) -> None:
        """A claim is what its frame claims, comes in log order, and finds or puts the earliest entry for its key."""
        region, node, claim, before, stored = event.region, event.node, event.claim, event.before, event.stored
        key, entry = claim
        timestamp = entry.timestamp
        place = self._regions[region]
        line = node, place.shards.order(key)
        last = self._last_claimed.get(line, 0)
        if node in self._rotten and (timestamp == last or (timestamp < last and last not in self._readable(node))):
            last = 0  # a record sent again may have got the timestamp that it had before its frame rotted
        self._last_claimed[line] = timestamp
        now, first = place.entries.entries.get(key), _first(before, claim)
        if self._is_verified(claim) and timestamp > last and _same(stored, first) and _same(now, first):
            self._checks.hold(A_CLAIM)
        else:
            self._verify(region, "Store", claim)
            self._checks.require(
                Invariant.LOG_ORDER,
                timestamp > last,
                region,
                "Store",
                lambda: f"the claim of frame {text(timestamp)} came after that of frame {last:016x}",
            )
            self._checks.require(
                Invariant.FIRST_WRITE,
                stored == first and now == first,
                region,
                "Store",
                lambda: f"{_shown(key)} should hold {_entry(first)}, it holds {_entry(now)} and said {_entry(stored)}",
            )
        self._stored.add(self._reference.node_of(claim))
        if event.records or (before is not None and stored is not before):
            self._check_supersession(region, "Store", (key, before, stored), event.records)

    def _check_merged(self, event: Merged) -> None:
        """An entry gives way only to an earlier one, and that is recorded."""
        region, claim, before, after = event.region, event.claim, event.before, event.after
        first = _first(before, claim)
        if self._is_verified(claim) and _same(after, first):
            self._checks.hold(A_MERGE)
        else:
            self._verify(region, "Merge", claim)
            self._checks.require(
                Invariant.FIRST_WRITE,
                after == first,
                region,
                "Merge",
                lambda: f"{_shown(claim.key)} should hold {_entry(first)}, it holds {_entry(after)}",
            )
        self._stored.add(self._reference.node_of(claim))
        if event.records or (before is not None and after is not before):
            self._check_supersession(region, "Merge", (claim.key, before, after), event.records)

    def _check_replied(self, event: Replied) -> None:
        """An answer rests on a durable frame, and says what is stored."""
        logged, response = event.logged, event.response
        if logged is not None or not _refused_at_the_door(response):
            self._check_durable(event.region, event.request, logged, response.status)
        if logged is None:
            return
        if response.status in STATES_ENTRY:
            self._check_stored(event, logged)
        else:
            self._check_refused(event, logged)

    def _forget(self, event: Forgotten) -> None:
        """An acknowledgement is good for the dedup window."""
        if self._regions[event.region].has_outlived(event.entry):
            self.acknowledged.pop(event.key, None)

    def _note_rot(self, event: Rotted) -> None:
        """A restart will not know of the timestamps that cannot be read any more."""
        self._rotten.add(event.node)

    def _crash(self, event: Crashed) -> None:
        """A new disk begins a new log."""
        for node in event.lost_disks:
            self._last_logged.pop(node, None)
            self._last_claimed = {line: last for line, last in self._last_claimed.items() if line[0] != node}

    def _readable(self, node: str) -> set[Timestamp]:
        """The timestamps of all frames on a node's disk."""
        disk = self._places[node].disk
        segments = (oracle.read(bytes(disk.segments[name]), disk.salt(name)) for name in disk.names(INBOX))
        return {Timestamp(frame.timestamp) for segment in segments for frame in segment.data}

    def _is_verified(self, claim: Claim) -> bool:
        """Whether a claim is what a durable, authentic frame of its tenant says, and nobody was told otherwise.

        Claims of one frame are one object throughout a run (`once_a_frame`), so comparing them costs nothing as long as they agree.
        """
        key, entry = claim
        logged = self._reference.frame_of(claim)
        return (
            logged is not None
            and (logged.claim is claim or logged.claim == claim)
            and logged.tenant == key.tenant
            and (logged.node, entry.timestamp) not in self._refused
        )

    def _verify(self, region: str, event: str, claim: Claim) -> None:
        """The parts of `_is_verified` one by one, with what is wrong."""
        key, entry = claim
        origin = entry.region, entry.timestamp
        logged = self._reference.frame_of(claim)
        self._checks.require(
            Invariant.VERIFIED,
            logged is not None and logged.claim == claim,
            region,
            event,
            lambda: f"the claim on {_shown(key)} is not what frame {text(origin[1])} of {origin[0]} claims",
        )
        tenant = None if logged is None else logged.tenant
        self._checks.require(
            Invariant.TENANTS,
            tenant == key.tenant,
            region,
            event,
            lambda: f"{_shown(key)} was logged by tenant {tenant}",
        )
        self._checks.require(
            Invariant.REFUSALS,
            self._reference.node_of(claim) not in self._refused,
            region,
            event,
            lambda: f"{_shown(key)} is claimed by frame {text(origin[1])}, whose request was refused for good",
        )

    def _check_supersession(
        self, region: str, event: str, change: tuple[Key, Entry | None, Entry], records: Sequence[object]
    ) -> None:
        """An entry that gave way is recorded, with the one it gave way to."""
        key, before, after = change
        expected = [] if before is None or after == before else [change]
        if expected or records:
            self._checks.require(
                Invariant.SUPERSESSION,
                list(records) == expected,
                region,
                event,
                lambda: f"{_shown(key)}: {len(records)} records were written where {len(expected)} was due",
            )

    def _check_durable(self, region: str, request: Submission, logged: Timestamp | None, status: int) -> None:
        frame = None if logged is None else self._reference.frame(region, logged, request.payload())
        kept = None if frame is None else frame.payload
        self._checks.require(
            Invariant.DURABLE,
            kept == request.payload(),
            region,
            "reply",
            lambda: f"{status} was answered before the body was durable",
        )

    def _check_stored(self, event: Replied, logged: Timestamp) -> None:
        region, response = event.region, event.response
        claim = self._reference.claim(region, logged, event.request.payload())
        stored = None if claim is None else self._statements.stated(event, claim.key)
        expected = None if claim is None or stored is None else answer(claim, stored)
        stated = self._checks.require(
            Invariant.STORED_REPLY,
            response == expected,
            region,
            "reply",
            lambda: f"{response.status} was answered, where {_entry(stored)} is stored",
        )
        if not stated or claim is None or stored is None or self._regions[region].has_outlived(stored):
            return
        if response.status in ACKNOWLEDGED:
            promise = stored.timestamp, stored.region
            self.acknowledged[claim.key] = min(promise, self.acknowledged.get(claim.key, promise))

    def _check_refused(self, event: Replied, logged: Timestamp) -> None:
        """While keys move, a 503 may leave one of the two writes behind; recovery makes the other (MIG-2). And of a claim that a
        store far away does not answer in time nobody knows what became; recovery makes it again (ORD-4).
        """
        status, place = event.response.status, self._regions[event.region]
        if status == Unavailable.status and (place.resharding is not None or place.is_shared):
            return
        self._checks.require(
            Invariant.REFUSALS,
            (event.node, logged) not in self._stored,
            event.node,
            "reply",
            lambda: f"{status} was answered, and frame {text(logged)} has an entry",
        )
        if status in CLAIMS_NOTHING:
            self._refused.add((event.node, logged))


def _same(one: Entry | None, other: Entry) -> bool:
    """Whether two entries are equal; nearly always they are one object, which is seen without a comparison of their fields."""
    return one is other or one == other


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


def _entry(entry: Entry | None) -> str:
    return "nothing" if entry is None else f"{text(entry.timestamp)} of {entry.region}"
