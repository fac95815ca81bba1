"""Start-up (WAL-5): apply what is in the log and not in the store, repair the log, and only then serve."""

import msgspec

from flk.model.effects import INBOX, CaughtUp, Mark, Marked, Merge, Program, ReadSegment, Resume, Seal, Segments
from flk.model.log.frames import scan
from flk.model.programs.examine import Examine, claims_of
from flk.model.programs.repair import Repair, is_sound, repair
from flk.model.programs.replay import Replayed, replay
from flk.model.refusal import unavailable

APPLIED = "applied"


class Recovery(msgspec.Struct, frozen=True):
    """What recovery did: segments read, frames in them, claims applied, segments that had to be repaired."""

    segments: int
    frames: int
    claims: int
    repairs: tuple[Repair, ...]


def recover(region: str, examine: Examine) -> Program[Recovery]:
    """Apply to the store what is in the log and not in it. Running it again, after any crash, changes nothing more.

    Raises Unavailable while a segment is missing that an earlier disk of the region shipped: what it holds was acknowledged, so the
    node is not ready without it (CRR-5, WAL-5); and CorruptSegment if it is not as it was sealed.
    """
    done = yield from Marked(APPLIED)
    if not done:  # a new store: what an earlier disk of this region shipped is in no log here
        gap = (yield from reclaim(region, examine)).gap
        if gap:
            raise unavailable(f"a segment up to {gap} is missing, which this region shipped from an earlier disk")
    names = ((done,) if done else ()) + (yield from Segments(INBOX, after=done))  # the last one again, for its clock
    frames = applied = 0
    unsound = []
    for name in names:
        found = scan((yield from ReadSegment(name)))
        claims = claims_of(found.frames, region, examine)
        yield from Merge(claims)
        yield from Resume(found.clock)
        if not is_sound(found):
            unsound.append(name)
        frames += len(found.frames)
        applied += len(claims)
    repairs = yield from repair(INBOX, unsound)
    yield from CaughtUp()
    yield from Seal(INBOX)
    yield from mark_applied()
    return Recovery(len(names), frames, applied, repairs)


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
        yield from Mark(APPLIED, sealed[-1])
