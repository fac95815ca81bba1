"""Writing snapshots (SNAP-1, SNAP-3, SNAP-4): what a node stores goes to the object store, for new stores to start from."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from flk.model.effects import (
    INBOX,
    Clock,
    Export,
    GetObject,
    Inspect,
    ListObjects,
    Mark,
    Marked,
    Program,
    PutObject,
    ReplaceObject,
    Rotten,
    Seal,
    Segments,
    Supersessions,
    Watermark,
    Watermarks,
)
from flk.model.entries.entry import Claim, Entry
from flk.model.entries.snapshot import (
    Head,
    Piece,
    clock_of,
    head_object,
    heads_of,
    packed,
)
from flk.model.log.frames import earlier_logs, log_of
from flk.model.log.hlc import ZERO, Timestamp, wall_seconds
from flk.model.programs.recover import APPLIED, mark_applied
from flk.model.programs.repair import read
from flk.model.programs.replay import REPLAYED
from flk.model.programs.ship import SHIPPED, upload
from flk.model.programs.watermarks import all_logs, reaches
from flk.model.refusal import unavailable
from flk.spec.constants import CONSTANTS

LIMITS = CONSTANTS.snapshot


class Snapshotted(msgspec.Struct, frozen=True):
    """A snapshot that was written: its head (empty: the node has marked nothing that it could cover), entries, entries that gave
    way, and the bytes of its pieces.
    """

    name: str
    entries: int = 0
    superseded: int = 0
    size: int = 0


def snapshot(region: str, peers: Sequence[str] = ()) -> Program[Snapshotted]:
    """Write what the node stores to the object store, while requests go on.

    The watermarks are read before the first entry: so every claim that they cover is among the entries, or gave way to one that is
    (SNAP-3). What only this disk has is left out, and comes with the tail once it is shipped (SNAP-9); so the log counts as applied
    as far as it is shipped. The head is put last: what a crash leaves before that is no snapshot (SNAP-4).

    What was logged before the watermarks of other logs were read is shipped first: an entry that is left out may have kept out a
    claim of theirs, of which the store knows nothing, and which a watermark covers. What is logged later meets that claim in the
    store: it stays there, or it is recorded that it gave way. Raises Unavailable; CorruptSegment as `ship` does.
    """
    log = (yield from Inspect(INBOX)).log
    marks = yield from _marks((region, *peers))
    shipped = yield from _shipped(region, log)
    if any(name != SHIPPED for name, _ in marks):
        shipped = yield from _ship(shipped)
    applied = min((yield from Marked(APPLIED)), shipped)
    if not (applied or marks):
        return Snapshotted("")
    return (yield from _write(_Pieces(region, (yield from Clock()), shipped), log, applied, marks))


def snapshot_shared(region: str) -> Program[Snapshotted]:
    """Write what the nodes of a region store together, for all of their logs at once; any of them may, and two at a time.

    The watermarks of all nodes are read before the first entry, as in `snapshot`. Nothing is left out: the store outlives the disk
    of each node, and has recorded or kept out every claim that a watermark covers. What only one disk has comes to whoever does not
    begin with the snapshot when that disk's log is shipped, or declared lost, which makes them all begin with one (SNAP-10).
    Claims that were set aside because of rotten rows are in no row, so there is no snapshot while there are any (DUP-8).

    Raises Unavailable.
    """
    watermarks = yield from Watermarks()
    marks = _marks_of(watermarks)
    if not marks:
        return Snapshotted("")
    if rotten := (yield from Rotten()):
        raise unavailable(f"no snapshot is written while rows are rotten, of which there are {len(rotten)}")
    heads = yield from ListObjects(heads_of(region))
    pieces = _Pieces(region, (yield from Clock()), None)
    pieces.latest = (
        Timestamp(clock_of(heads[-1]) + 1) if heads else ZERO
    )  # so the last that was written is the last by name
    return (yield from _write(pieces, all_logs(region), "", marks))


def snapshot_in_turn(region: str, every: float) -> Program[Snapshotted]:
    """As `snapshot_shared`, unless one of the nodes, which all do this every so many seconds, has just done it (SNAP-11). Raises
    Unavailable.
    """
    heads = yield from ListObjects(heads_of(region))
    now = wall_seconds((yield from Clock()))
    if heads and now - wall_seconds(clock_of(heads[-1])) < every / 2:
        return Snapshotted("")
    return (yield from snapshot_shared(region))


def _marks_of(watermarks: Sequence[Watermark]) -> tuple[tuple[str, str], ...]:
    """What a snapshot says of every log: how far it is covered, and how far its own node has shipped it."""
    covered = ((REPLAYED + log, segment) for log, segment in reaches(watermarks).items())
    shipped = ((SHIPPED, mark.value) for mark in watermarks if mark.name == SHIPPED and mark.value)
    return (*covered, *shipped)


def _write(pieces: "_Pieces", log: str, applied: str, marks: tuple[tuple[str, str], ...]) -> Program[Snapshotted]:
    """Write all pieces, and then the head."""
    superseded, left = yield from _write_superseded(pieces)
    entries = yield from _write_entries(pieces, left)
    clock = max(pieces.latest, (yield from Clock()))  # after all that is written: a claim may be newer than the marks
    head = Head(pieces.region, log, clock, applied, marks, entries, superseded, tuple(pieces.written))
    name, content = head_object(head)
    yield from _put(name, content)
    return Snapshotted(name, entries, superseded, sum(piece.size for piece in head.pieces))


def _marks(regions: Sequence[str]) -> Program[tuple[tuple[str, str], ...]]:
    """The watermarks that are set, of every log of these regions, and how far the node's own is shipped."""
    names = [SHIPPED]
    for region in regions:
        newest = yield from Marked(REPLAYED + region)
        names += [REPLAYED + log for log in (*earlier_logs(log_of(newest)), region)]
    marks = []
    for name in names:
        value = yield from Marked(name)
        marks.append((name, value))
    return tuple((name, value) for name, value in marks if value)


def _shipped(region: str, log: str) -> Program[str]:
    """The last segment of the node's log that is an object; empty if none is known to be. A store that was lost, and with it what
    was marked, has found again by replay what its region had shipped.
    """
    shipped = yield from Marked(SHIPPED)
    replayed = yield from Marked(REPLAYED + region)
    return max((mark for mark in (shipped, replayed) if mark and log_of(mark) == log), default="")


def _ship(shipped: str) -> Program[str]:
    """Ship what is logged after a segment; the last that is shipped then. A pass of `ship` may be at the same segments, so the
    watermark is not moved back.
    """
    if not (yield from Segments(INBOX, after=shipped)):
        return shipped
    yield from Seal(INBOX)
    yield from mark_applied()
    for name in (yield from Segments(INBOX, after=shipped, sealed=True)):
        yield from upload(name)
        yield from Mark(SHIPPED, name, forward=True)
        shipped = name
    return shipped


class _Pieces:
    """The pieces that were written, and the latest timestamp that the region gave in them; the log is `shipped` up to a segment at
    least (None: nothing is at risk, for the store is not on the node's disk).
    """

    def __init__(self, region: str, begun: Timestamp, shipped: str | None) -> None:
        self.region = region
        self.begun = begun
        self.shipped = shipped
        self.written: list[Piece] = []
        self.latest = ZERO

    def write(self, claims: Sequence[Claim]) -> Program[int]:
        """Put one more, with those of the claims that another disk or an object has, too; how many those are."""
        at_risk = yield from self.at_risk()
        safe = [claim for claim in claims if not at_risk.has(claim.entry)]
        if safe:
            yield from self.put(safe)
        return len(safe)

    def put(self, claims: Sequence[Claim]) -> Program[None]:
        """Put one more, with all of them."""
        piece, content = packed(self.region, self.begun, len(self.written) + 1, claims)
        yield from _put(piece.name, content)
        self.written.append(piece)
        self.latest = max(self.latest, *(entry.timestamp for _, entry in claims if entry.region == self.region), ZERO)

    def at_risk(self) -> Program["_AtRisk"]:
        """What is not shipped yet. What is stored by now was logged before, so none of it is missed."""
        if self.shipped is None:
            return _AtRisk(self.region, frozenset())
        log = (yield from Inspect(INBOX)).log
        shipped = max(self.shipped, (yield from _shipped(self.region, log)))
        names = yield from Segments(INBOX, after=shipped)
        stamps: set[Timestamp] = set()
        for name in names:
            reading = yield from read(INBOX, name)
            stamps.update(frame.timestamp for frame in reading.found.frames)
        return _AtRisk(self.region, frozenset(stamps))


class _AtRisk(NamedTuple):
    """Entries that only the node's own disk has, by the timestamps of their frames."""

    region: str
    stamps: frozenset[Timestamp]

    def has(self, entry: Entry) -> bool:
        """Whether this is one of them."""
        return entry.region == self.region and entry.timestamp in self.stamps


def _write_superseded(pieces: _Pieces) -> Program[tuple[int, list[Claim]]]:
    """Write the entries that gave way, with what to, and say how many did. Those that gave way to what is not shipped yet are left:
    to a reader that never gets that, they are the entries.
    """
    seen = written = 0
    left: list[Claim] = []
    while rows := (yield from Supersessions(seen, LIMITS.read_entries)):
        seen += len(rows)
        at_risk = yield from pieces.at_risk()
        safe = [row for row in rows if not at_risk.has(row.loser) and not at_risk.has(row.winner)]
        left += [Claim(row.key, row.loser) for row in rows if not at_risk.has(row.loser) and at_risk.has(row.winner)]
        if safe:
            yield from pieces.put([Claim(row.key, entry) for row in safe for entry in (row.loser, row.winner)])
        written += len(safe)
    return written, left


def _write_entries(pieces: _Pieces, left: Sequence[Claim]) -> Program[int]:
    """Write the entries, and those that are `left`, and say how many."""
    written = 0
    after = None
    gathered = list(left)
    while claims := (yield from Export(after, LIMITS.read_entries)):
        gathered += claims
        after = claims[-1].key
        if len(gathered) >= LIMITS.piece_entries:
            written += yield from pieces.write(gathered)
            gathered.clear()
    if gathered:
        written += yield from pieces.write(gathered)
    return written


def _put(name: str, content: bytes) -> Program[None]:
    """Put an object. Its name says its content: one that has the name is it, or has rotted since an earlier attempt."""
    if (yield from PutObject(name, content)):
        return
    there = yield from GetObject(name)
    if there == content:
        return
    if there is None or not (yield from ReplaceObject(name, there, content)):
        raise unavailable(f"{name} is taken, and cannot be read")
