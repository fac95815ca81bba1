"""Bugs in a store of tiers."""

from tests.sim.planted.bug import Bug, bug
from tests.support.sim.tiered import (
    early_move,
    forgetful_move,
    hasty_move,
    merge_into_hot,
    near_tiers_only,
    nothing_to_settle,
    overtaking,
    silence_is_a_miss,
)

from flk.model.effects import Owe, Program
from flk.model.entries.entry import Claim, Entry
from flk.model.refusal import OutOfReach
from flk.sim.checkers.invariants import Invariant
from flk.sim.kernel.programs import MODEL


def overtaking_claim(new: Claim) -> Program[Entry]:
    """Owe what cannot be told, and let later claims of the key pass."""
    try:
        return (yield from overtaking(new))
    except OutOfReach:
        yield from Owe(new)
        raise


BUGS: dict[str, Bug] = {
    "hot-tier-forgets": bug(
        MODEL._replace(move=forgetful_move),
        "A hot tier that lets entries go when their term there ends, as a cache would.",
        "TIR-1",
        Invariant.TIER_KEPT,
        Invariant.TIER_MOVE,
    ),
    "deletes-before-it-copies": bug(
        MODEL._replace(move=hasty_move),
        "Deletes from one tier, then writes to the next.",
        "TIR-2",
        Invariant.TIER_KEPT,
        Invariant.TIER_MOVE,
    ),
    "window-ends-early": bug(
        MODEL._replace(move=early_move),
        "Forgets entries when their term in the warm tier ends.",
        "TIR-1",
        Invariant.TIER_KEPT,
        Invariant.TIER_MOVE,
    ),
    "silence-is-a-miss": bug(
        MODEL._replace(claim=silence_is_a_miss),
        "A tier that is away has nothing.",
        "TIR-3",
        Invariant.TIER_ASKED,
        Invariant.FIRST_WRITE,
        Invariant.LOG_ORDER,
    ),
    "cold-tier-left-out": bug(
        MODEL._replace(claim=near_tiers_only),
        "Does not ask the cold tier.",
        "TIR-4",
        Invariant.TIER_ASKED,
    ),
    "merge-looks-nowhere": bug(
        MODEL._replace(merge=merge_into_hot),
        "Merges into the hot tier without asking the others.",
        "TIR-4",
        Invariant.TIER_ASKED,
    ),
    "overtakes-what-is-owed": bug(
        MODEL._replace(claim=overtaking_claim),
        "Lets a claim pass those of its key that still wait for a tier.",
        "DUP-6",
        Invariant.LOG_ORDER,
    ),
    "never-settles": bug(
        MODEL._replace(apply_deferred=nothing_to_settle),
        "Does not come back to the claims that waited for a tier.",
        "TIR-3",
        Invariant.LOG_ORDER,
        Invariant.CONVERGENCE,
        Invariant.NEVER_LOST,
        Invariant.FOLD,
    ),
}
