"""Effects on a store of tiers (TIR-*).

Those on the cold tier raise OutOfReach while it is away. The server performs them if it has a cold tier (`--cold`).
"""

from flk.model.effects.effect import Effect
from flk.model.entries.entry import Claim, Entry, Key
from flk.model.entries.tiers import Term, Tier


class Look(Effect[tuple[Entry | None, ...]], frozen=True):
    """What a tier holds under each of the keys."""

    tier: Tier
    keys: tuple[Key, ...]


class Insert(Effect[Entry], frozen=True):
    """The end of a `Store`: the entry stored from now on, where `known` is what the tiers were found to have (None: nothing).

    A new one is put into the hot tier; one that is known and gives way to the claim is replaced where it is, and that is recorded
    (DUP-1, CRR-3).
    """

    claim: Claim
    known: Entry | None


class Join(Effect[int], frozen=True):
    """The end of a `Merge`: each claim like an Insert; how many of the entries known gave way."""

    claims: tuple[Claim, ...]
    known: tuple[Entry | None, ...]


class Copy(Effect[tuple[Key, ...]], frozen=True):
    """Write to a tier, durably, what `source` still holds as given and whose dedup window still runs (TIR-2); which keys."""

    source: Tier
    to: Tier
    claims: tuple[Claim, ...]


class Delete(Effect[tuple[Key, ...]], frozen=True):
    """Delete from a tier what it still holds as given; which keys."""

    tier: Tier
    claims: tuple[Claim, ...]


class Aged(Effect[tuple[Claim, ...]], frozen=True):
    """At most `limit` entries of a tier for which a term has ended."""

    tier: Tier
    term: Term
    limit: int


class Owe(Effect[None], frozen=True):
    """Defer a claim: remember that it is in the log and could not be applied. A crash forgets it, and recovery finds it in the
    log.
    """

    claim: Claim


class Owed(Effect[tuple[Claim, ...]], frozen=True):
    """The claims that are deferred under any of the keys, in log order."""

    keys: tuple[Key, ...]


class Settled(Effect[None], frozen=True):
    """These claims have been applied: they are deferred no more."""

    claims: tuple[Claim, ...]
