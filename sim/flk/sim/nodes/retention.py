"""Nodes that write snapshots and remove what these cover, as programs for a run (RET-*); and designs that forget too early.

By default a node of the simulator writes no snapshots and removes nothing. `retaining` gives the programs of nodes that do both,
each time they ship.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from flk.model.effects import (
    INBOX,
    DeleteObject,
    Inspect,
    ListObjects,
    Marked,
    Noted,
    Program,
    Release,
    RemoveSegment,
)
from flk.model.log.frames import region_of
from flk.model.programs.behind import read_on
from flk.model.programs.examine import Examine
from flk.model.programs.recover import APPLIED, Recovery, recover
from flk.model.programs.replay import Replayed
from flk.model.programs.retain import Retained, retain
from flk.model.programs.ship import PREFIX, ship
from flk.model.programs.snapshot import snapshot
from flk.sim.kernel.programs import MODEL, Programs

Retain = Callable[[str, float], Program[Retained]]


class Seen(NamedTuple):
    """What passes of all nodes removed and read, and what starts did, in the order in which they ended."""

    removed: list[Retained]
    read: list[Replayed]
    begun: list[Recovery]


def retaining(regions: Sequence[str], period: float) -> tuple[Programs, Seen]:
    """Programs of nodes that each time they have shipped write a snapshot, and remove what is covered and older than `period`
    seconds; who is behind reads on from a snapshot.
    """
    seen = Seen([], [], [])

    def of() -> Program[str]:
        return region_of(f"{(yield from Inspect(INBOX)).log}/")

    def shipped() -> Program[tuple[str, ...]]:
        names = yield from ship()
        region = yield from of()
        yield from snapshot(region, [peer for peer in regions if peer != region])
        seen.removed.append((yield from retain(region, period)))
        return names

    def replayed(peer: str, examine: Examine) -> Program[Replayed]:
        seen.read.append((yield from read_on((yield from of()), peer, examine)))
        return seen.read[-1]

    def reclaimed(region: str, examine: Examine) -> Program[Replayed]:
        seen.read.append((yield from read_on(region, region, examine, own=True)))
        return seen.read[-1]

    def recovered(region: str, examine: Examine) -> Program[Recovery]:
        others = (peer for peer in regions if peer != region)
        seen.begun.append((yield from recover(region, examine, (region, *others))))
        return seen.begun[-1]

    return MODEL._replace(ship=shipped, replay=replayed, reclaim=reclaimed, recover=recovered), seen


def removed_once_shipped(region: str, period: float) -> Program[Retained]:
    """Remove from the disk what is safe in the object store."""
    del region, period
    shipped = yield from _shipped()
    left = (yield from Release(INBOX, shipped[-2])) if shipped[1:] else ()
    for name in left:
        yield from RemoveSegment(name)
    return Retained((), left)


def removed_behind_known_readers(region: str, period: float) -> Program[Retained]:
    """Remove from the object store what is older than the period, since every reader has had the time to read it."""
    del region, period
    names = (yield from _shipped())[:-3]
    for name in names:
        yield from DeleteObject(PREFIX + name)
    return Retained((), (), names)


def counted_before_whole(region: str, period: float) -> Program[Retained]:
    """Remove what a snapshot will cover that is begun now: all that is applied."""
    del region, period
    applied = yield from Marked(APPLIED)
    names = [name for name in (yield from _shipped())[:-1] if name <= applied]
    for name in names:
        yield from DeleteObject(PREFIX + name)
    left = (yield from Release(INBOX, names[-1])) if names else ()
    for name in left:
        yield from RemoveSegment(name)
    return Retained((), left, tuple(names))


EARLY: dict[str, Retain] = {
    "removed-once-shipped": removed_once_shipped,
    "removed-behind-known-readers": removed_behind_known_readers,
    "counted-before-whole": counted_before_whole,
}
"""The refuted designs of the protocol `retention` that remove segments or objects too early, by their names in the gallery."""
_RARELY = 4  # passes of shipping for one snapshot


def early(regions: Sequence[str], design: str) -> Programs:
    """Programs of nodes that remove by one of these designs whenever they have shipped, and write a snapshot now and then."""
    programs, _ = retaining(regions, 0.0)
    passes = Counter[str]()

    def shipped() -> Program[tuple[str, ...]]:
        names = yield from ship()
        region = region_of(f"{(yield from Inspect(INBOX)).log}/")
        yield from EARLY[design](region, 0.0)
        passes[region] += 1
        if not passes[region] % _RARELY:
            yield from snapshot(region, [peer for peer in regions if peer != region])
        return names

    return programs._replace(ship=shipped)


def _shipped() -> Program[tuple[str, ...]]:
    """The segments of the node's log that are in the object store."""
    log = (yield from Noted(INBOX)).log
    return tuple(name.removeprefix(PREFIX) for name in (yield from ListObjects(f"{PREFIX}{log}/")))
