"""Moving keys to another shard under traffic (MIG-*). The steps are those of the protocol `migration`.

A runtime whose store is being migrated performs `Store` of a key that moves by `claim`, and `Merge` by `merge`, and lets programs
about one key run one after another, so that claims of a key take effect in log order (DUP-6). The migrator is not among these: it
replaces only what it has seen, so that no copy overtakes a claim.
"""

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
from flk.model.entries.entry import Claim, Entry, Key
from flk.model.entries.migration import Phase, Side, follower, ruler
from flk.spec.constants import CONSTANTS

PAGE = 100  # keys, or rows of what gave way, listed at once
PACE = CONSTANTS.migration


def claim(new: Claim) -> Program[Entry]:
    """Insert-or-get while keys move: one side decides, and the answer waits until the other has it (MIG-1, MIG-2).

    Raises Unavailable if the migration goes on to another phase meanwhile, or a side does not answer. The frame is in the log, so
    recovery writes what is missing.
    """
    return (yield from _written(new, merged=False))


def merge(claims: tuple[Claim, ...]) -> Program[int]:
    """Join entries in, each on both sides; how many of those stored gave way."""
    gave_way = 0
    for new in claims:
        phase = yield from ReadPhase()
        before = yield from LookAt(ruler(phase), new.key)
        after = yield from _written(new, merged=True)
        gave_way += before is not None and after != before
    return gave_way


def _written(new: Claim, *, merged: bool) -> Program[Entry]:
    """Decide on the ruling side, and let the other follow. What is the same there already needs no second write."""
    phase = yield from ReadPhase()
    other = follower(phase)
    if other is None:
        return (yield from InsertOrGet(ruler(phase), new, phase, merged))
    seen = yield from LookAt(other, new.key)
    entry = yield from InsertOrGet(ruler(phase), new, phase, merged)
    if seen == entry:
        return entry
    while not (yield from Replace(other, new.key, seen, entry, phase)):  # a copy came between, or an earlier entry
        seen = yield from LookAt(other, new.key)
        entry = (yield from LookAt(ruler(phase), new.key)) or entry
    return entry


def migrate(
    rate: float = PACE.keys_per_second,
    settle: float = PACE.settle_seconds,
    back: bool = False,  # noqa: FBT001, FBT002 - runtimes call it by position
    stays: bool = False,  # noqa: FBT001, FBT002
) -> Program[Phase]:
    """Move all keys, at most `rate` a second, with a pause of `settle` seconds before cutover and before cleanup; with `back`, go
    back instead of cleaning up. Where the new side `stays` in the ring and the old one leaves it, let that go in the end, or, gone
    back, take the keys out of the new one (MIG-9). Returns the phase in which it ended.

    It begins in the phase that is on record, whoever put it there, so a migrator that died at any step goes on by being started
    again (MIG-6). Raises Unavailable.
    """
    phase = yield from Advance(Phase.PLANNED, Phase.DUAL)  # write_to_both, before anything is copied (MIG-1)
    if phase is Phase.DUAL:
        yield from copy_all(rate)
        phase = yield from Advance(Phase.DUAL, Phase.VERIFIED)  # verify (MIG-3)
    if phase is Phase.VERIFIED:
        yield from Sleep(settle)
        phase = yield from Advance(Phase.VERIFIED, Phase.CUT_OVER)  # cut_over
    if phase is Phase.CUT_OVER:
        yield from Sleep(settle)
        phase = (yield from roll_back()) if back else (yield from Advance(Phase.CUT_OVER, Phase.CLEANED))  # clean_up
    if phase is Phase.CLEANED:
        yield from delete_old(rate)
        if stays:
            yield from part()
    if phase is Phase.ROLLED_BACK and stays:
        yield from delete_new(rate)
    return phase


def copy_all(rate: float) -> Program[None]:
    """Copy and check every key that the old shard has by now. What comes to it later follows by itself, since writes are dual:
    so this ends, however fast claims come.
    """
    place, end = 0, 1
    while place < end:
        page = yield from ListKeys(Side.OLD, place, PAGE)
        place, end = page.next, end if place else page.end
        for key in page.keys:
            yield from copy(key)
            yield from Sleep(1 / rate)


def copy(key: Key) -> Program[None]:
    """Copy a key that differs, until it is found to be the same on both sides: that is its check (MIG-3)."""
    while True:
        seen = yield from LookAt(Side.NEW, key)
        entry = yield from LookAt(Side.OLD, key)
        if entry is None or entry == seen:
            return
        yield from Replace(Side.NEW, key, seen, entry, Phase.DUAL)


def delete_old(rate: float) -> Program[None]:
    """Delete the old shard's keys, one by one (MIG-5)."""
    yield from _delete(Side.OLD, Phase.CLEANED, rate)


def delete_new(rate: float) -> Program[None]:
    """Delete what was copied, one by one, after a rollback: shards that stay in the ring hold keys of their own (MIG-9)."""
    yield from _delete(Side.NEW, Phase.ROLLED_BACK, rate)


def _delete(side: Side, phase: Phase, rate: float) -> Program[None]:
    """Delete the keys of a side that no claim concerns in this phase, nor in any later one."""
    place, end = 0, 1
    while place < end:
        page = yield from ListKeys(side, place, PAGE)
        place, end = page.next, page.end
        for key in page.keys:
            yield from Forget(side, key, phase)
            yield from Sleep(1 / rate)


def part() -> Program[None]:
    """Let the shard go that is empty. What gave way in it is kept before, and told in its place from that moment on, so that
    whoever lists what gave way finds each once (MIG-9).
    """
    kept = 0
    while rows := (yield from GaveWay(kept, PAGE)):
        yield from Keep(kept, rows)
        kept += len(rows)
    yield from Part(kept)


def roll_back() -> Program[Phase]:
    """Let the old shard serve alone again, at any moment before cleanup (MIG-4); which phase is on record then."""
    for phase in (Phase.DUAL, Phase.VERIFIED):
        yield from Advance(phase, Phase.ROLLED_BACK)
    return (yield from Advance(Phase.CUT_OVER, Phase.ROLLED_BACK))


def take_back(rate: float) -> Program[Phase]:
    """Roll back where the new side consists of shards that stay in the ring. It goes on where it was cut off."""
    phase = yield from roll_back()
    if phase is Phase.ROLLED_BACK:
        yield from delete_new(rate)
    return phase
