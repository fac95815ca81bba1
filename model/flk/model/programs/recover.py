"""Start-up (WAL-5): apply what is in the log and not in the store, repair the log, and only then serve."""

from collections.abc import Sequence

import msgspec

from flk.model.effects import INBOX, CaughtUp, Mark, Marked, Merge, Program, Resume, Seal, Segments
from flk.model.log.frames import CorruptSegment, earlier_logs, log_of, sequence_of
from flk.model.log.manifest import Gap, altered, clock_is_noted, forgotten, noted_clock, removed
from flk.model.programs.behind import own_log, read_on
from flk.model.programs.examine import Examine, claims_of
from flk.model.programs.repair import Repair, is_sound, read, repair
from flk.model.programs.replay import Replayed, replay
from flk.model.programs.start import Loaded, load
from flk.model.refusal import Unavailable, unavailable

APPLIED = "applied"


class Recovery(msgspec.Struct, frozen=True):
    """What recovery did: segments read, frames in them, claims applied, segments that had to be repaired, gaps that were filled,
    segments that the manifest had forgotten, and lines of it that were spoilt; the snapshot that a store that is new began with.
    """

    segments: int
    frames: int
    claims: int
    repairs: tuple[Repair, ...]
    gaps: tuple[Gap, ...] = ()
    forgotten: tuple[str, ...] = ()
    spoilt: int = 0
    snapshot: Loaded = Loaded()


def recover(region: str, examine: Examine, snapshots: Sequence[str] = ()) -> Program[Recovery]:
    """Apply to the store what is in the log and not in it. Running it again, after any crash, changes nothing more.

    A store that is new begins with the latest snapshot of the first of the regions `snapshots` that has one, and of the logs only
    what is behind it is read (SNAP-5). Without one it is rebuilt from all of them. A store that has not applied what was removed
    from the log begins with a snapshot, too, or not at all (RET-5).

    Raises Incomplete while the log has a gap (WAL-9); Unavailable while a segment is missing that an earlier disk of the region
    shipped: what it holds was acknowledged, so the node is not ready without it (CRR-5, WAL-5); and CorruptSegment if it is not as
    it was sealed. A node whose own log has all that its region shipped waits for no object store (CRR-11).
    """
    done = yield from Marked(APPLIED)
    is_new, loaded = not done, Loaded()
    if is_new and snapshots:
        loaded = yield from load(region, snapshots)
        done = loaded.applied
    inventory, gaps, loaded = yield from own_log(region, snapshots, done, loaded)
    done = max(done, loaded.applied)
    if is_new:  # a new store: what an earlier disk of this region shipped is in no log here
        earlier = read_on(region, region, examine, own=True) if snapshots else reclaim(region, examine)
        yield from _require_earlier(earlier, removed(inventory.notes))
    later = yield from Segments(INBOX, after=done)
    yield from Resume(noted_clock(inventory))
    last = [glance.name for glance in inventory.there if glance.name == done and not clock_is_noted(inventory, done)]
    names = sorted({*last, *later, *altered(inventory)})  # the last one that was applied: for its clock
    frames = applied = 0
    unsound = []
    for name in names:
        reading = yield from read(INBOX, name)
        claims = claims_of(reading.frames, region, examine)
        yield from Merge(claims)
        yield from Resume(reading.clock)
        if not is_sound(reading.found):
            unsound.append(name)
        frames += len(reading.frames)
        applied += len(claims)
    repairs = yield from repair(INBOX, unsound, [gap.name for gap in gaps if not gap.restored])
    yield from CaughtUp()
    yield from Seal(INBOX)
    yield from mark_applied()
    return Recovery(len(names), frames, applied, repairs, gaps, forgotten(inventory), inventory.spoilt, loaded)


def _require_earlier(read: Program[Replayed], before: int) -> Program[None]:
    """Join in what earlier disks of the region shipped, by a program that reads that. What cannot be had is not asked for if the
    node's own log has all of it.
    """
    try:
        gap = (yield from read).gap
    except (Unavailable, CorruptSegment):
        if not (yield from _is_first_log(before)):
            raise
    else:
        if gap and not (yield from _is_first_log(before)):
            raise unavailable(f"a segment up to {gap} is missing, which this region shipped from an earlier disk")


def _is_first_log(before: int) -> Program[bool]:
    """Whether the node's log is that of the region's first disk, and has every segment from the first on, but for those that were
    removed on purpose: then nothing was shipped that is neither in it nor in the store. Of a log that has none, nobody knows.
    """
    names = yield from Segments(INBOX, after="")
    return (
        bool(names)
        and not earlier_logs(log_of(names[0]))
        and [sequence_of(name) for name in names] == list(range(before + 1, before + len(names) + 1))
    )


def reclaim(region: str, examine: Examine) -> Program[Replayed]:
    """Join in what earlier disks of the region have shipped. A listing may leave out the newest for a while, and nothing tells: so
    a region that lost a disk does this again and again.
    """
    return (yield from replay(region, examine, own=True))


def mark_applied() -> Program[None]:
    """Remember the last sealed segment: all its frames have been applied or refused, so recovery need not read it again."""
    done = yield from Marked(APPLIED)
    sealed = yield from Segments(INBOX, after=done, sealed=True)
    if sealed:
        yield from Mark(APPLIED, sealed[-1], forward=True)
