"""Bugs in moving keys to another shard."""

from tests.sim.nodes.test_migration import copied_first, delete_early, one_write, unverified
from tests.sim.planted.bug import Bug, bug

from flk.model.effects import InsertOrGet, LookAt, Program, ReadPhase, Replace
from flk.model.entries.entry import Claim, Entry
from flk.model.entries.migration import follower, ruler
from flk.sim.checkers.invariants import Invariant
from flk.sim.kernel.programs import MODEL


def stubborn_follower(new: Claim) -> Program[Entry]:
    """Let each side decide for itself, and answer what the ruling one said."""
    phase = yield from ReadPhase()
    entry = yield from InsertOrGet(ruler(phase), new, phase)
    other = follower(phase)
    if other is not None and (yield from LookAt(other, new.key)) is None:
        yield from Replace(other, new.key, None, new.entry, phase)
    return entry


def two_phases(new: Claim) -> Program[Entry]:
    """Decide in one phase, and write the second time to whatever follows by then, if anything does."""
    phase = yield from ReadPhase()
    entry = yield from InsertOrGet(ruler(phase), new, phase)
    other = follower(phase)
    if other is None or (yield from LookAt(other, new.key)) == entry:
        return entry
    later = yield from ReadPhase()
    other = follower(later)
    if other is not None:
        seen = yield from LookAt(other, new.key)
        yield from Replace(other, new.key, seen, entry, later)
    return entry


def answer_before_the_second_write(new: Claim) -> Program[Entry]:
    """Write to the follower only what is new to the ruling side."""
    phase = yield from ReadPhase()
    known = yield from LookAt(ruler(phase), new.key)
    entry = yield from InsertOrGet(ruler(phase), new, phase)
    other = follower(phase)
    if known is None and other is not None:
        yield from Replace(other, new.key, (yield from LookAt(other, new.key)), entry, phase)
    return entry


def merge_by_overwriting(claims: tuple[Claim, ...]) -> Program[int]:
    """Merge into the ruling side alone."""
    for new in claims:
        phase = yield from ReadPhase()
        yield from InsertOrGet(ruler(phase), new, phase, merged=True)
    return 0


BUGS: dict[str, Bug] = {
    "one-write": bug(
        MODEL._replace(move_claim=one_write),
        "Answers as soon as one side has decided, and never writes to the other.",
        "MIG-1",
        Invariant.MOVED_BOTH,
        Invariant.MOVED_STAYS,
    ),
    "cutover-before-verify": bug(
        MODEL._replace(migrate=unverified),
        "Cuts over without a look at the copy.",
        "MIG-3",
        Invariant.MOVED_STAYS,
        Invariant.MOVED_BOTH,
    ),
    "copies-before-dual-writes": bug(
        MODEL._replace(migrate=copied_first),
        "Copies, then begins to write to both sides: what came between is on the old one alone.",
        "MIG-1",
        Invariant.MOVED_WRITES,
        Invariant.MOVED_STAYS,
        Invariant.MOVED_BOTH,
    ),
    "rolls-back-after-cleanup": bug(
        MODEL._replace(migrate=delete_early),
        "Deletes the old shard's keys, then goes back to it.",
        "MIG-5",
        Invariant.MOVED_STAYS,
    ),
    "follower-decides": bug(
        MODEL._replace(move_claim=stubborn_follower),
        "Lets the following side keep what it has, where the ruling one has decided otherwise.",
        "MIG-2",
        Invariant.MOVED_BOTH,
        Invariant.MOVED_STAYS,
    ),
    "unfenced-cutover": bug(
        MODEL._replace(move_claim=two_phases),
        "Decides in one phase and makes the second write in another.",
        "MIG-2",
        Invariant.STORED_REPLY,  # the shard that rules by then has not what was answered
        Invariant.MOVED_BOTH,
        Invariant.MOVED_STAYS,
    ),
    "repeats-are-not-copied": bug(
        MODEL._replace(move_claim=answer_before_the_second_write),
        "Writes to the following side only what is new to the ruling one.",
        "MIG-1",
        Invariant.MOVED_BOTH,
        Invariant.MOVED_STAYS,
    ),
    "merges-into-one-side": bug(
        MODEL._replace(move_merge=merge_by_overwriting),
        "Merges into the ruling side, and leaves the other to claims.",
        "MIG-1",
        Invariant.MOVED_STAYS,
        Invariant.MOVED_BOTH,
        Invariant.STORED_REPLY,
        Invariant.CONVERGENCE,  # what the ruling side alone was given is gone once the other rules
    ),
}
