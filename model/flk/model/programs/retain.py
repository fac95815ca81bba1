"""Retention (RET-*): segments, objects and snapshots are removed once later snapshots stand for them. The protocol `retention`.

Nothing here depends on time for its safety: what is removed is covered, however old it is. The period spares readers that are a
little behind the trouble to begin with a snapshot.
"""

from collections.abc import Sequence

import msgspec

from flk.model.effects import (
    INBOX,
    Clock,
    DeleteObject,
    GetObject,
    Integrated,
    ListObjects,
    Mark,
    Marked,
    Noted,
    Program,
    Release,
    RemoveSegment,
    Watermarks,
)
from flk.model.entries.snapshot import BadSnapshot, Head, begun_of, heads_of, pieces_of, read_head, unpacked
from flk.model.log.frames import CorruptSegment, log_of, region_of, sealed_frames, segment_name, sequence_of
from flk.model.log.hlc import ZERO, Timestamp, at, wall_seconds
from flk.model.log.manifest import aged, removed
from flk.model.programs.ship import PREFIX, SHIPPED
from flk.model.programs.start import covered
from flk.model.programs.watermarks import all_logs, living
from flk.spec.constants import CONSTANTS

WHOLE = "whole snapshots"
KEPT = CONSTANTS.retention.kept_snapshots


class Retained(msgspec.Struct, frozen=True):
    """What a pass removed: segments of the node's own log, objects of segments, snapshots, and pieces of any; which snapshots stand
    for them, the latest first; and which were refused.
    """

    snapshots: tuple[str, ...]
    segments: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    pieces: int = 0
    refused: tuple[str, ...] = ()

    @property
    def is_enough(self) -> bool:
        """Whether as many snapshots are whole as have to be, so that something may be removed."""
        return len(self.snapshots) >= KEPT


def retain(region: str, period: float, *, shared: bool = False, audited: bool = False) -> Program[Retained]:
    """Remove what every one of the latest snapshots covers, and is older than `period` in seconds; and the snapshots before them.

    Each snapshot was read back whole, once (RET-2). What is removed of the node's own log is noted before (RET-4). A pass that was
    stopped anywhere is finished by the next.

    If the store is `shared`, only snapshots of all logs count, whichever node wrote them; each node removes its own log, and any of
    them what is left of logs that no node looks after (RET-7). If the region is `audited`, what its audit log has yet to integrate
    stays (TLOG-10). Raises Unavailable.
    """
    others: frozenset[str] = living((yield from Watermarks()), region) if shared else frozenset()
    heads, refused = yield from _whole(region, (all_logs(region),) if shared else ())
    names = tuple(name for name, _ in heads)
    if len(heads) < KEPT:
        return Retained(names, refused=refused)
    latest = at(max(0.0, wall_seconds((yield from Clock())) - period))
    reach = _reach([head for _, head in heads], region)
    if audited:
        through = (yield from Integrated()).through
        reach = {log: min(last, through[log]) for log, last in reach.items() if log in through}
    objects: list[str] = []
    segments: tuple[str, ...] = ()
    own = (yield from Noted(INBOX)).log
    for log, last in sorted(reach.items()):
        if log == own:
            segments, gone = yield from _remove_own(last, latest)
            objects += gone
        elif log not in others:
            objects += yield from _remove_earlier(log, last, latest)
    kept = (*heads, *((yield from _not_stood_for(region, heads)) if shared else ()))
    old, pieces = yield from _remove_snapshots(region, kept)
    return Retained(names, segments, tuple(objects), old, pieces, refused)


def _whole(region: str, of: Sequence[str]) -> Program[tuple[tuple[tuple[str, Head], ...], tuple[str, ...]]]:
    """The latest snapshots that are whole, as many as are kept, the latest first; and why those between them are not. Those that
    speak `of` no such log are passed over (empty: none is).
    """
    listed = yield from ListObjects(heads_of(region))
    there = frozenset((yield from ListObjects(pieces_of(region))) if listed else ())
    known = (yield from Marked(WHOLE)).split()
    whole: list[tuple[str, Head]] = []
    refused = []
    for name in reversed(listed):
        try:
            head = read_head(name, (yield from _got(name)))
            if of and head.log not in of:
                continue
            yield from _read_back(head, there, again=name not in known)
        except BadSnapshot as bad:
            refused.append(str(bad))
        else:
            whole.append((name, head))
        if len(whole) == KEPT:
            break
    if (names := [name for name, _ in whole]) != known:
        yield from Mark(WHOLE, " ".join(names))
    return tuple(whole), tuple(refused)


def _read_back(head: Head, there: frozenset[str], *, again: bool) -> Program[None]:
    """Return if all pieces of a snapshot are `there`; if it is to be read `again`, as they were written. Raises BadSnapshot."""
    for piece in head.pieces:
        if again:
            unpacked(piece, (yield from _got(piece.name)))
        elif piece.name not in there:
            raise BadSnapshot(f"SNAP-2: {piece.name} is gone")


def _got(name: str) -> Program[bytes]:
    content = yield from GetObject(name)
    if content is None:
        raise BadSnapshot(f"SNAP-2: {name} is gone")
    return content


def _reach(heads: Sequence[Head], region: str) -> dict[str, str]:
    """The last segment of each log of the region that all of the snapshots cover."""
    reaches = [covered(head, region) for head in heads]
    logs = {log for log in reaches[0] if region_of(f"{log}/") == region}
    return {log: min(reach[log] for reach in reaches) for log in logs if all(log in reach for reach in reaches)}


def _remove_own(last: str, latest: Timestamp) -> Program[tuple[tuple[str, ...], list[str]]]:
    """Remove the node's own segments and their objects, no later than `last`; which ones.

    The last one that was shipped stays, in both places: the next of the log takes its number from it, a new disk its own, and a
    reader that is behind sees that there is more (RET-3).
    """
    shipped = yield from Marked(SHIPPED)
    if log_of(shipped) != log_of(last):  # nothing of this log was shipped yet
        return (), []
    inventory = yield from Noted(INBOX)
    most = min(sequence_of(last), sequence_of(shipped) - 1)
    done = max(aged(inventory, most, latest), min(removed(inventory.notes), most))
    if not done:
        return (), []
    until = segment_name(inventory.log, done)
    left = yield from Release(INBOX, until)
    objects = yield from _remove_objects(until)
    segments = tuple(name for name in left if name <= until)
    for name in segments:
        yield from RemoveSegment(name)
    return segments, objects


def _remove_earlier(log: str, last: str, latest: Timestamp) -> Program[list[str]]:
    """Remove the objects of an earlier disk's log, no later than `last`, once that is old; its own stays (RET-3)."""
    content = yield from GetObject(PREFIX + last)
    if content is None:
        return []
    try:
        frames = sealed_frames(last, content)
    except CorruptSegment:  # nobody has the log of a lost disk to mend it from: it is looked at by hand
        return []
    if max((frame.timestamp for frame in frames), default=ZERO) > latest:
        return []
    return (yield from _remove_objects(segment_name(log, sequence_of(last) - 1)))


def _remove_objects(until: str) -> Program[list[str]]:
    """Remove the objects of a log's segments up to this one, the first first; which ones."""
    listed = yield from ListObjects(f"{PREFIX}{log_of(until)}/")
    names = [name for name in listed if name <= PREFIX + until]
    for name in names:
        yield from DeleteObject(name)
    return names


def _not_stood_for(region: str, heads: Sequence[tuple[str, Head]]) -> Program[tuple[tuple[str, Head], ...]]:
    """Older snapshots of all logs that cover something which one of these does not: a node that took long over a snapshot may have
    begun it before others that it comes after. What was removed because of those is in them.
    """
    found = []
    reaches = [covered(head, region) for _, head in heads]
    for name in (yield from ListObjects(heads_of(region))):
        if name >= heads[-1][0]:
            break
        try:
            head = read_head(name, (yield from _got(name)))
        except BadSnapshot:
            continue
        reach = covered(head, region).items() if head.log == all_logs(region) else ()
        if any(segment > each.get(log, "") for log, segment in reach for each in reaches):
            found.append((name, head))
    return tuple(found)


def _remove_snapshots(region: str, kept: Sequence[tuple[str, Head]]) -> Program[tuple[tuple[str, ...], int]]:
    """Remove the heads before the last that are kept, and then all pieces of snapshots that were begun before these and are none of
    theirs: those of the heads, and what crashes left. The heads, and how many pieces.
    """
    names = {name for name, _ in kept}
    oldest = kept[KEPT - 1][0]
    old = tuple(name for name in (yield from ListObjects(heads_of(region))) if name < oldest and name not in names)
    for name in old:
        yield from DeleteObject(name)
    if not all(head.pieces for _, head in kept):
        return old, 0
    theirs = {piece.name for _, each in kept for piece in each.pieces}
    begun = min(begun_of(head.pieces[0]) for _, head in kept)
    listed = yield from ListObjects(pieces_of(region))
    pieces = [name for name in listed if name < begun and name not in theirs]
    for name in pieces:
        yield from DeleteObject(name)
    return old, len(pieces)
