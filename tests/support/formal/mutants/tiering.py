"""Faults in the tiers."""

from tests.support.formal.mutants.edits import Mutants, mutant, swap, without_guard, without_update

from flk.formal.library.protocols.tiering import Age, Tier, protocol

SIZES = {"Key": 1}

MUTANTS: Mutants = {
    "looks-in-the-cold-only": mutant(protocol, "insert", without_guard("not (holds[hot, k] or holds[warm, k])")),
    "looks-nearby-only": mutant(protocol, "insert", without_guard("not holds[cold, k]")),
    "takes-another-tier-for-the-cold": mutant(protocol, "insert", swap(Tier.cold, Tier.hot)),
    "stores-nothing": mutant(protocol, "insert", without_update("holds")),
    "stores-in-the-cold": mutant(protocol, "insert", swap(Tier.hot, Tier.cold)),
    "deletes-the-only-copy": mutant(protocol, "delete_from_hot", without_guard("holds[warm, k]")),
    "deletes-what-the-cold-lacks": mutant(protocol, "delete_from_warm", without_guard("holds[cold, k]")),
    "expires-at-any-age": mutant(protocol, "expire", without_guard("age[k] = past")),
    "expires-too-early": mutant(protocol, "expire", swap(Age.past, Age.old)),
    "expires-the-young": mutant(protocol, "expire", swap(Age.past, Age.young)),
}
