"""Bugs in the removal of a shard, and in taking it back (MIG-9)."""

from collections.abc import Callable

from tests.sim.planted.bug import Bug, bug

from flk.model.effects import (
    Advance,
    Forget,
    GaveWay,
    InsertOrGet,
    Keep,
    ListKeys,
    LookAt,
    Part,
    Program,
    ReadPhase,
    Replace,
    Sleep,
)
from flk.model.entries.entry import Claim, Entry
from flk.model.entries.migration import Phase, Side, follower, ruler
from flk.model.programs.migration import PAGE, copy_all, migrate, roll_back
from flk.model.refusal import Unavailable
from flk.sim.checkers.invariants import Invariant
from flk.sim.kernel.programs import MODEL

Ended = Program[Phase]


def copies_stay(rate: float, settle: float, back: bool, stays: bool) -> Ended:
    """Take a removal back as if the other side were a new shard, to be wiped."""
    return (yield from migrate(rate, settle, back, stays and not back))


def taken_back_in_one_life(rate: float, settle: float, back: bool, stays: bool) -> Ended:
    """Delete the copies only if it was this life that went back: one that finds it done has nothing to do."""
    phase = yield from Advance(Phase.PLANNED, Phase.DUAL)
    if phase is Phase.ROLLED_BACK:
        return phase
    return (yield from migrate(rate, settle, back, stays))


def through(rate: float, settle: float, end: Callable[[], Program[Phase]]) -> Ended:
    """A migration that is correct until it has cut over; `end` says how it goes on."""
    phase = yield from Advance(Phase.PLANNED, Phase.DUAL)
    if phase is Phase.DUAL:
        yield from copy_all(rate)
        phase = yield from Advance(Phase.DUAL, Phase.VERIFIED)
    if phase is Phase.VERIFIED:
        yield from Sleep(settle)
        phase = yield from Advance(Phase.VERIFIED, Phase.CUT_OVER)
    return (yield from end())


def copies_go_first(rate: float, settle: float, back: bool, stays: bool) -> Ended:
    """Take the copies out while the other shards still rule over them, then go back."""

    def end() -> Ended:
        yield from Sleep(settle)
        page = yield from ListKeys(Side.NEW, 0, 10_000)
        for key in page.keys:
            yield from Forget(Side.NEW, key, Phase.CUT_OVER)
        return (yield from roll_back())

    if not back:
        return (yield from migrate(rate, settle, back, stays))
    return (yield from through(rate, settle, end))


def copies_go_as_keys_of_the_old(rate: float, settle: float, back: bool, stays: bool) -> Ended:
    """Taken back, delete what moved from the shard that was to leave, as a migration that ends does."""
    phase = yield from migrate(rate, settle, back, stays and not back)
    if phase is Phase.ROLLED_BACK and stays:
        page = yield from ListKeys(Side.OLD, 0, 10_000)
        for key in page.keys:
            yield from Forget(Side.OLD, key, phase)
    return phase


def unanswered_is_done(rate: float, settle: float, back: bool, stays: bool) -> Ended:
    """Count a copy that no shard has answered for as durable, and let the smaller ring be in force all the same."""
    phase = yield from Advance(Phase.PLANNED, Phase.DUAL)
    if phase is Phase.DUAL:
        page = yield from ListKeys(Side.OLD, 0, 10_000)
        for key in page.keys:
            try:
                entry = yield from LookAt(Side.OLD, key)
                seen = yield from LookAt(Side.NEW, key)
                if entry is not None and entry != seen:
                    yield from Replace(Side.NEW, key, seen, entry, phase)
            except Unavailable:
                continue
            yield from Sleep(1 / rate)
        yield from Advance(Phase.DUAL, Phase.VERIFIED)
    return (yield from migrate(rate, settle, back, stays))


def smaller_ring_first(rate: float, settle: float, back: bool, stays: bool) -> Ended:
    """Let the smaller ring be in force, then copy what the shard has that leaves."""

    def copied() -> Ended:
        page = yield from ListKeys(Side.OLD, 0, 10_000)
        for key in page.keys:
            entry = yield from LookAt(Side.OLD, key)
            if entry is not None:
                yield from Replace(Side.NEW, key, None, entry, Phase.CUT_OVER)
            yield from Sleep(1 / rate)
        return (yield from migrate(rate, settle, back, stays))

    for since, to in ((Phase.PLANNED, Phase.DUAL), (Phase.DUAL, Phase.VERIFIED), (Phase.VERIFIED, Phase.CUT_OVER)):
        yield from Advance(since, to)
    return (yield from copied())


def gone(rate: float, settle: float, back: bool, stays: bool, end: Callable[[], Program[None]]) -> Ended:
    """A removal that is correct until the shard is empty; `end` says how that goes."""
    phase = yield from migrate(rate, settle, back, stays and back)
    if phase is Phase.CLEANED and stays:
        yield from end()
    return phase


def forgets_what_gave_way(rate: float, settle: float, back: bool, stays: bool) -> Ended:
    """Let the shard go when it has no entry left."""

    def end() -> Program[None]:
        yield from GaveWay(0, PAGE)
        yield from Part(0)

    return (yield from gone(rate, settle, back, stays, end))


def keeps_one_page(rate: float, settle: float, back: bool, stays: bool) -> Ended:
    """Keep the first page of what gave way, which is all that there was in tests."""

    def end() -> Program[None]:
        rows = yield from GaveWay(0, 1)
        yield from Keep(0, rows)
        yield from Part(len(rows))

    return (yield from gone(rate, settle, back, stays, end))


def keeps_each_page_in_one_place(rate: float, settle: float, back: bool, stays: bool) -> Ended:
    """Keep each page where the one before it was."""

    def end() -> Program[None]:
        kept = 0
        while rows := (yield from GaveWay(kept, 1)):
            yield from Keep(0, rows)
            kept += len(rows)
        yield from Part(kept)

    return (yield from gone(rate, settle, back, stays, end))


def never_lets_go(rate: float, settle: float, back: bool, stays: bool) -> Ended:
    """Leave it at an empty shard, which the ring still has."""
    return (yield from migrate(rate, settle, back, stays and back))


def still_written(new: Claim) -> Program[Entry]:
    """Write the second time to the shard that leaves until nobody has it any more."""
    phase = yield from ReadPhase()
    other = Side.OLD if phase is Phase.CLEANED else follower(phase)
    if other is None:
        return (yield from InsertOrGet(ruler(phase), new, phase))
    seen = yield from LookAt(other, new.key)
    entry = yield from InsertOrGet(ruler(phase), new, phase)
    if seen != entry:
        yield from Replace(other, new.key, seen, entry, phase)
    return entry


def asks_who_left(new: Claim) -> Program[Entry]:
    """Ask the shard that has left whether a key is known, and store what it does not know."""
    phase = yield from ReadPhase()
    if phase is not Phase.CLEANED:
        return (yield from MODEL.move_claim(new))
    known = yield from LookAt(Side.OLD, new.key)
    if known is not None:
        return known
    seen = yield from LookAt(Side.NEW, new.key)
    yield from Replace(Side.NEW, new.key, seen, new.entry, phase)
    return new.entry


BUGS: dict[str, Bug] = {
    name: each.with_removals()
    for name, each in {
        "copies-stay-after-a-rollback": bug(
            MODEL._replace(migrate=copies_stay),
            "Takes a removal back and leaves the copies to the other shards.",
            "MIG-9",
            Invariant.MOVED_ORDER,
        ),
        "copies-stay-after-a-crash": bug(
            MODEL._replace(migrate=taken_back_in_one_life),
            "Dies while it takes the copies out, and finds nothing to do when it is back.",
            "MIG-9",
            Invariant.MOVED_ORDER,
        ),
        "copies-go-before-the-rollback": bug(
            MODEL._replace(migrate=copies_go_first),
            "Takes the copies out while they are what clients are answered from, and goes back then.",
            "MIG-4",
            Invariant.MOVED_KEPT,
            Invariant.MOVED_STAYS,
        ),
        "takes-out-of-the-wrong-side": bug(
            MODEL._replace(migrate=copies_go_as_keys_of_the_old),
            "Taken back, takes the keys out of the shard that stays after all.",
            "MIG-9",
            Invariant.MOVED_KEPT,
            Invariant.MOVED_STAYS,
        ),
        "counts-a-copy-that-nobody-took": bug(
            MODEL._replace(migrate=unanswered_is_done),
            "Goes on behind a copy that was refused, to a ring without the shard that had the key.",
            "MIG-3",
            Invariant.MOVED_ALL,
            Invariant.MOVED_STAYS,
        ),
        "smaller-ring-before-the-copies": bug(
            MODEL._replace(migrate=smaller_ring_first),
            "Lets the smaller ring rule before its shards have the keys, and copies them then.",
            "MIG-3",
            Invariant.MOVED_ALL,
            Invariant.MOVED_STAYS,
        ),
        "forgets-what-gave-way": bug(
            MODEL._replace(migrate=forgets_what_gave_way),
            "Lets the shard go, and what gave way in it.",
            "MIG-9",
            Invariant.PARTED,
        ),
        "keeps-one-page": bug(
            MODEL._replace(migrate=keeps_one_page),
            "Keeps a page of what gave way in the shard, and does not ask for another.",
            "MIG-9",
            Invariant.PARTED,
        ),
        "keeps-each-page-in-one-place": bug(
            MODEL._replace(migrate=keeps_each_page_in_one_place),
            "Keeps one page of what gave way in the place of another.",
            "MIG-9",
            Invariant.PARTED,
        ),
        "never-lets-a-shard-go": bug(
            MODEL._replace(migrate=never_lets_go),
            "Empties the shard, and leaves it in the ring.",
            "MIG-9",
            Invariant.MOVED_ORDER,
        ),
        "leaving-shard-is-written": bug(
            MODEL._replace(move_claim=still_written),
            "Writes to the shard that leaves while it is emptied.",
            "MIG-9",
            Invariant.MOVED_WRITES,
            Invariant.MOVED_ORDER,
        ),
        "asks-the-shard-that-left": bug(
            MODEL._replace(move_claim=asks_who_left),
            "Lets the shard that has left say whether a key is new.",
            "MIG-9",
            Invariant.MOVED_STAYS,
            Invariant.STORED_REPLY,
            Invariant.FIRST_WRITE,
        ),
    }.items()
}
