"""A store of tiers (TIR-*): how a claim finds its entry, and how entries move. The steps are those of the protocol `tiering`.

A runtime whose store has tiers performs `Store` by `claim` and `Merge` by `merge`, and lets programs about one key run one after
another; so it stays true that insert-or-get is one step (DUP-1) and that claims of a key take effect in log order (DUP-6).
"""

from typing import NamedTuple

from flk.model.effects import Aged, Copy, Delete, Insert, Join, Look, Owe, Owed, Program, Settled
from flk.model.entries.entry import Claim, Entry, Key
from flk.model.entries.tiers import FASTER, SLOWER, Term, Tier
from flk.model.refusal import OutOfReach, Unavailable
from flk.spec.constants import CONSTANTS

BATCH = CONSTANTS.tiers.move_batch


class Found(NamedTuple):
    """The first tier that has a key, and what it holds."""

    tier: Tier
    entry: Entry


class Moved(NamedTuple):
    """What one pass of the mover did: entries moved to a slower tier, copies of entries that expired."""

    demoted: int
    expired: int


def claim(new: Claim) -> Program[Entry]:
    """Insert-or-get: the entry now stored under the claim's key.

    While a tier does not answer that alone could tell, the claim is deferred (TIR-3, raises OutOfReach): its frame is in the log,
    and it is applied before every later claim of its key.
    """
    try:
        yield from apply_deferred((new.key,))
        (found,) = yield from ask((new.key,))
        stored = yield from Insert(new, found and found.entry)
    except OutOfReach:
        yield from Owe(new)
        raise
    if found is not None:
        yield from promote(Claim(new.key, stored), found.tier)
    return stored


def merge(claims: tuple[Claim, ...]) -> Program[int]:
    """Join entries in; how many of those stored gave way, each recorded (CRR-3). Raises OutOfReach, having changed nothing."""
    if not claims:
        return 0
    found = yield from ask(tuple(claim.key for claim in claims))
    return (yield from Join(claims, tuple(place and place.entry for place in found)))


def ask(keys: tuple[Key, ...]) -> Program[tuple[Found | None, ...]]:
    """Look from tier to tier; None for a key that every tier was asked for and none has (TIR-4)."""
    found: dict[Key, Found] = {}
    for tier in Tier:
        missing = tuple(key for key in dict.fromkeys(keys) if key not in found)
        if missing:
            entries = yield from Look(tier, missing)
            found |= {key: Found(tier, entry) for key, entry in zip(missing, entries, strict=True) if entry is not None}
    return tuple(found.get(key) for key in keys)


def promote(asked_for: Claim, tier: Tier) -> Program[None]:
    """Copy an entry that was asked for one tier up, and delete nothing (TIR-2). The answer does not depend on it."""
    if tier in FASTER:
        try:
            yield from Copy(tier, FASTER[tier], (asked_for,))
        except Unavailable:
            return


def apply_deferred(keys: tuple[Key, ...]) -> Program[int]:
    """Apply the claims that are deferred under the keys, in log order; how many. Raises OutOfReach while that cannot be done."""
    deferred = yield from Owed(keys)
    if deferred:
        yield from merge(deferred)
        yield from Settled(deferred)
    return len(deferred)


def move() -> Program[Moved]:
    """One pass of the mover. What needs the cold tier comes last, so that its absence stops nothing else."""
    expired = (yield from expire(Tier.HOT)) + (yield from expire(Tier.WARM))
    demoted = (yield from demote(Tier.HOT)) + (yield from demote(Tier.WARM))
    expired += yield from expire(Tier.COLD)
    return Moved(demoted, expired)


def demote(tier: Tier) -> Program[int]:
    """Entries past a tier's term go to the next slower one: copied there first, then deleted here (TIR-2)."""
    moved = 0
    while claims := (yield from Aged(tier, Term(tier.value), BATCH)):
        copied = frozenset((yield from Copy(tier, SLOWER[tier], claims)))
        moved += len((yield from Delete(tier, tuple(claim for claim in claims if claim.key in copied))))
        if len(claims) < BATCH or not copied:
            break
    return moved


def expire(tier: Tier) -> Program[int]:
    """Entries past the dedup window are deleted from a tier (TIR-1)."""
    expired = 0
    while claims := (yield from Aged(tier, Term.WINDOW, BATCH)):
        expired += len((yield from Delete(tier, claims)))
        if len(claims) < BATCH:
            break
    return expired
