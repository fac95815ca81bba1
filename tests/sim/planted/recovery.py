"""Bugs in the log and in what a node does when it starts again."""

from collections.abc import Callable

from tests.sim.planted.bug import Bug, bug

from flk.model.effects import (
    INBOX,
    CaughtUp,
    Mark,
    Marked,
    Merge,
    Program,
    ReadSegment,
    Resume,
    Salvage,
    Seal,
    Segments,
    Truncate,
)
from flk.model.log.frames import Scan, data, scan
from flk.model.programs.examine import Examine, claims_of
from flk.model.programs.recover import APPLIED, Recovery, mark_applied, reclaim
from flk.model.programs.repair import Repair, is_sound, repair
from flk.model.programs.replay import Replayed
from flk.model.refusal import unavailable
from flk.sim.checkers.invariants import Invariant
from flk.sim.kernel.programs import MODEL


def recovery(
    *,
    own_shipped: bool = True,
    sealed: bool = False,
    last_again: bool = True,
    clock: bool = True,
    apply: bool = True,
    mark_first: bool = False,
    serve_first: bool = False,
    repaired: Callable[[str, str], Program[Scan]] | None = None,
) -> Callable[[str, Examine], Program[Recovery]]:
    """The model's `recover`, with one step changed; with `repaired`, each segment is mended so when it is read."""

    def recover(region: str, examine: Examine) -> Program[Recovery]:
        if serve_first:
            yield from CaughtUp()
        done = yield from Marked(APPLIED)
        if not done and own_shipped and (gap := (yield from reclaim(region, examine)).gap):
            raise unavailable(f"a segment up to {gap} is missing, which this region shipped from an earlier disk")
        later = yield from Segments(INBOX, after=done, sealed=sealed)
        names = ((done,) if done and last_again else ()) + later
        if names and mark_first:
            yield from Mark(APPLIED, names[-1])
        repairs = []
        unsound = []
        for name in names:
            found = yield from (repaired or read)(INBOX, name)
            if repaired and (found.torn or found.damage):
                repairs.append(Repair(name, found.torn, found.damage))
            elif not is_sound(found):
                unsound.append(name)
            if apply:
                yield from Merge(claims_of(found.frames, region, examine))
            if clock:
                yield from Resume(found.clock)
        repairs += yield from repair(INBOX, unsound)
        yield from CaughtUp()
        yield from Seal(INBOX)
        yield from mark_applied()
        return Recovery(len(names), 0, 0, tuple(repairs))

    return recover


def read(log: str, name: str) -> Program[Scan]:
    """Mend nothing yet."""
    del log
    return scan((yield from ReadSegment(name)))


def in_log_order(log: str, name: str) -> Program[Scan]:
    """Mend each segment when it is read, the one with the torn tail last."""
    found = yield from read(log, name)
    if found.damage or found.head is None:
        yield from Salvage(log, name, found.frames)
    elif found.torn:
        yield from Truncate(name, found.end)
    return found


def short_cut(log: str, name: str) -> Program[Scan]:
    """Mend, but cut a frame too many off with a torn tail."""
    found = scan((yield from ReadSegment(name)))
    if found.damage or found.head is None:
        yield from Salvage(log, name, found.frames)
    elif found.torn:
        last = len(data(found.frames[-1], found.salt)) if found.frames else 0
        yield from Truncate(name, found.end - last)
        return found._replace(frames=found.frames[:-1])
    return found


def nothing_after_the_damage(log: str, name: str) -> Program[Scan]:
    """Mend by cutting the segment where it is first damaged, whatever follows."""
    content = yield from ReadSegment(name)
    found = scan(content)
    if found.damage:
        found = scan(content[: found.damage[0].offset])
        yield from Salvage(log, name, found.frames)
    elif found.head is None:
        yield from Salvage(log, name, found.frames)
    elif found.torn:
        yield from Truncate(name, found.end)
    return found


def nothing_reclaimed(region: str, examine: Examine) -> Program[Replayed]:
    """Look for nothing that an earlier disk shipped."""
    yield from ()
    return Replayed((), 0, 0)


def rotate_and_hope() -> Program[None]:
    """Mark the segment that is full as applied without waiting for what is in flight."""
    names = yield from Segments(INBOX, after="")
    yield from Mark(APPLIED, names[-1])
    yield from Seal(INBOX)


_LOSES = (Invariant.NEVER_LOST, Invariant.FOLD, Invariant.CONVERGENCE, Invariant.WATERMARK, Invariant.SEALED)

BUGS: dict[str, Bug] = {
    "skips-the-last-segment": bug(
        MODEL._replace(recover=recovery(sealed=True)),
        "Recovers from sealed segments, and leaves out the one that was open when it stopped.",
        "WAL-5",
        *_LOSES,
        Invariant.CLOCKS,
        Invariant.REPAIRED,
    ),
    "applies-nothing": bug(
        MODEL._replace(recover=recovery(apply=False)),
        "Mends the log and takes it for applied.",
        "WAL-5",
        *_LOSES,
    ),
    "forgets-the-clock": bug(
        MODEL._replace(recover=recovery(clock=False)),
        "Starts its clock anew from wall time.",
        "HLC-4",
        Invariant.CLOCKS,
    ),
    "forgets-the-clock-of-what-is-sealed": bug(
        MODEL._replace(recover=recovery(last_again=False)),
        "Takes its clock from the segments that it has to apply, and from none if all are applied.",
        "HLC-4",
        Invariant.CLOCKS,
    ),
    "marks-before-it-applies": bug(
        MODEL._replace(recover=recovery(mark_first=True)),
        "CoverageMarks the log as applied, then applies it.",
        "WAL-5",
        Invariant.WATERMARK,
    ),
    "serves-before-it-has-recovered": bug(
        MODEL._replace(recover=recovery(serve_first=True)),
        "Serves as soon as it is up, and replays its log meanwhile.",
        "WAL-5",
        Invariant.RECOVERED,
        Invariant.CLOCKS,
        Invariant.LOG_ORDER,
        Invariant.WATERMARK,
        Invariant.SEALED,
    ),
    "new-disk-without-a-past": bug(
        MODEL._replace(recover=recovery(own_shipped=False), reclaim=nothing_reclaimed),
        "Fails over to an empty disk and does not fetch what the lost one had shipped.",
        "WAL-5",
        Invariant.CONVERGENCE,
        Invariant.FOLD,
        Invariant.NEVER_LOST,
        Invariant.REPORTED,
    ),
    "cuts-a-good-frame": bug(
        MODEL._replace(recover=recovery(repaired=short_cut)),
        "Cuts one frame too many off with a torn tail.",
        "WAL-3",
        Invariant.NEVER_LOST,
        Invariant.CONVERGENCE,
        Invariant.CLOCKS,
        Invariant.FOLD,
    ),
    "reads-up-to-the-damage": bug(
        MODEL._replace(recover=recovery(repaired=nothing_after_the_damage)),
        "Keeps of a damaged segment what precedes the damage.",
        "WAL-4",
        *_LOSES,
        Invariant.CLOCKS,
        Invariant.REPAIRED,
    ),
    "rotates-before-it-is-settled": bug(
        MODEL._replace(rotate=rotate_and_hope),
        "CoverageMarks a full segment as applied while its claims are under way.",
        "WAL-6",
        Invariant.WATERMARK,
    ),
}
