"""Start-up (WAL-5): repair the log, apply what the store has not seen, and only then serve."""

import msgspec

from flk.model.effects import INBOX, CaughtUp, Mark, Marked, Merge, Program, Resume, Seal, Segments
from flk.model.log.frames import Damage
from flk.model.programs.examine import Examine, claims_of
from flk.model.programs.repair import repair
from flk.model.programs.replay import replay

APPLIED = "applied"


class Repair(msgspec.Struct, frozen=True):
    """What was wrong with a segment: bytes of a write cut short at its end, corrupt ranges inside it."""

    name: str
    torn: int
    damage: tuple[Damage, ...]


class Recovery(msgspec.Struct, frozen=True):
    """What recovery did: segments read, frames in them, claims applied, segments that had to be repaired."""

    segments: int
    frames: int
    claims: int
    repairs: tuple[Repair, ...]


def recover(region: str, examine: Examine) -> Program[Recovery]:
    """Apply to the store what is in the log and not in it. Running it again, after any crash, changes nothing more."""
    done = yield from Marked(APPLIED)
    if not done:  # a new store: what an earlier disk of this region shipped is in no log here
        yield from replay(region, examine, own=True)
    names = ((done,) if done else ()) + (yield from Segments(INBOX, after=done))  # the last one again, for its clock
    frames = applied = 0
    repairs = []
    for name in names:
        found = yield from repair(INBOX, name)
        claims = claims_of(found.frames, region, examine)
        yield from Merge(claims)
        yield from Resume(found.clock)
        if found.torn or found.damage:
            repairs.append(Repair(name, found.torn, found.damage))
        frames += len(found.frames)
        applied += len(claims)
    yield from CaughtUp()
    yield from Seal(INBOX)
    yield from mark_applied()
    return Recovery(len(names), frames, applied, tuple(repairs))


def mark_applied() -> Program[None]:
    """Remember the last sealed segment: all its frames have been applied or refused, so recovery need not read it again."""
    done = yield from Marked(APPLIED)
    sealed = yield from Segments(INBOX, after=done, sealed=True)
    if sealed:
        yield from Mark(APPLIED, sealed[-1])
