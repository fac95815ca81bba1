"""Drills with tiers, and mistakes planted in the programs of a store of tiers."""

from collections.abc import Sequence

import msgspec
from tests.support.sim.drills import REGIONS, drill

from flk.model.effects import Aged, Copy, Delete, Insert, Join, Look, Program
from flk.model.entries.entry import Claim, Entry, Key
from flk.model.entries.tiers import SLOWER, Term, Tier
from flk.model.programs.tiering import BATCH, Found, Moved, ask, demote, promote
from flk.model.refusal import OutOfReach
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import ColdOutage, Fault
from flk.sim.scenarios.layout import Layout, Tiers
from flk.sim.scenarios.scenario import Scenario

SHORT = Tiers(hot_term=Seconds(5), warm_term=Seconds(15), move_interval=Seconds(2))
FLEETING = msgspec.structs.replace(SHORT, window=Seconds(25))
OUTAGE = ColdOutage("eu", id="cold", start=Seconds(25), duration=Seconds(15))


def tiered(
    *faults: Fault,
    tiers: Tiers = SHORT,
    regions: Sequence[str] = REGIONS,
    rate: float = 12.0,
    until: float = 50.0,
    duration: float = 110.0,
    shards: int = 2,
) -> Scenario:
    """Entries grow old within seconds, and half of what comes repeats any of what came before."""
    plain = drill(*faults, duration=duration, rate=rate, until=until, duplicates=0.5)
    workload = msgspec.structs.replace(plain.workload, duplicate_window=10_000, agents=dict.fromkeys(regions, 2))
    layout = Layout(shards=shards, tiers=tiers)
    return msgspec.structs.replace(plain, regions=tuple(regions), layout=layout, workload=workload)


# Mistakes, each in the place of a program.


def forgetful_move() -> Program[Moved]:
    """A hot tier that lets entries go when their term there ends, as a cache would."""
    claims = yield from Aged(Tier.HOT, Term.HOT, BATCH)
    gone = yield from Delete(Tier.HOT, claims)
    return Moved(len(gone), 0)


def hasty_move() -> Program[Moved]:
    """A mover that deletes first and copies afterwards."""
    moved = 0
    for tier in (Tier.HOT, Tier.WARM):
        claims = yield from Aged(tier, Term(tier.value), BATCH)
        kept = yield from Look(tier, tuple(claim.key for claim in claims))
        moved += len((yield from Delete(tier, claims)))
        assert all(kept)
        yield from Copy(tier, SLOWER[tier], claims)
    return Moved(moved, 0)


def early_move() -> Program[Moved]:
    """A mover for which the window ends with the term of the warm tier."""
    moved = yield from demote(Tier.HOT)
    claims = yield from Aged(Tier.WARM, Term.WARM, BATCH)
    gone = yield from Delete(Tier.WARM, claims)
    return Moved(moved, len(gone))


def silence_is_a_miss(new: Claim) -> Program[Entry]:
    """A claim for which a tier that is away has nothing."""
    found = None
    for tier in Tier:
        try:
            (entry,) = yield from Look(tier, (new.key,))
        except OutOfReach:
            break
        if entry is not None:
            found = Found(tier, entry)
            break
    return (yield from _inserted(new, found))


def near_tiers_only(new: Claim) -> Program[Entry]:
    """A claim that leaves the cold tier to the archivists."""
    found = None
    for tier in (Tier.HOT, Tier.WARM):
        (entry,) = yield from Look(tier, (new.key,))
        if entry is not None:
            found = Found(tier, entry)
            break
    return (yield from _inserted(new, found))


def merge_into_hot(claims: tuple[Claim, ...]) -> Program[int]:
    """A merge that looks nowhere."""
    return (yield from Join(claims, (None,) * len(claims)))


def overtaking(new: Claim) -> Program[Entry]:
    """A claim that does not care for those that are owed."""
    (found,) = yield from ask((new.key,))
    return (yield from _inserted(new, found))


def _inserted(new: Claim, found: Found | None) -> Program[Entry]:
    """Insert a claim, and bring what was found nearer, as the model does."""
    stored = yield from Insert(new, found and found.entry)
    if found is not None:
        yield from promote(Claim(new.key, stored), found.tier)
    return stored


def nothing_to_settle(keys: tuple[Key, ...]) -> Program[int]:
    """A node that does not come back to what it owes."""
    del keys
    yield from ()
    return 0
