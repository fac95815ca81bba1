"""Faults in the tiers."""

from tests.support.formal.mutants.edits import Mutants, mutant, swap, without_guard, without_update

from flk.formal.library.protocols.tiering import Age, Tier, protocol

SIZES = {"Key": 1}

MUTANTS: Mutants = {
    "looks-in-the-cold-only": mutant(protocol, "insert", without_guard("not (holds[hot, k] or holds[warm, k])")),
    "looks-nearby-only": mutant(protocol, "insert", without_guard("not holds[cold, k]")),
    "takes-another-tier-for-the-cold": mutant(protocol, "insert", swap(Tier.cold, Tier.hot)),
    "takes-silence-for-a-miss": mutant(protocol, "insert", without_guard("cold_up")),
    "judges-unasked": mutant(protocol, "insert", without_guard("asked[k]")),
    "inserts-without-a-window": mutant(protocol, "insert", without_update("age")),
    "inserts-with-half-a-window": mutant(protocol, "insert", swap(Age.young, Age.old)),
    "finds-nothing": mutant(
        protocol, "find", without_guard("holds[hot, k] or holds[warm, k] or cold_up and holds[cold, k]")
    ),
    "turns-away-what-is-near": mutant(protocol, "turn_away", without_guard("not (holds[hot, k] or holds[warm, k])")),
    "turns-away-at-any-time": mutant(protocol, "turn_away", without_guard("not cold_up")),
    "copies-what-is-young": mutant(protocol, "copy_to_warm", without_guard("age[k] = grown or age[k] = old")),
    "copies-what-the-warm-lacks": mutant(protocol, "copy_to_cold", without_guard("holds[warm, k]")),
    "writes-to-the-absent": mutant(protocol, "copy_to_cold", without_guard("cold_up")),
    "expires-in-the-absent": mutant(protocol, "expire", without_guard("cold_up or t != cold")),
    "promotes-from-the-absent": mutant(
        protocol, "promote", without_guard("holds[warm, k] or cold_up and holds[cold, k]")
    ),
    "promotes-and-deletes": mutant(protocol, "promote", swap(Tier.hot, Tier.cold)),
    "stores-nothing": mutant(protocol, "insert", without_update("holds")),
    "stores-in-the-cold": mutant(protocol, "insert", swap(Tier.hot, Tier.cold)),
    "deletes-the-only-copy": mutant(protocol, "delete_from_hot", without_guard("holds[warm, k]")),
    "deletes-what-the-cold-lacks": mutant(protocol, "delete_from_warm", without_guard("holds[cold, k]")),
    "expires-at-any-age": mutant(protocol, "expire", without_guard("age[k] = past")),
    "expires-too-early": mutant(protocol, "expire", swap(Age.past, Age.old)),
    "expires-the-young": mutant(protocol, "expire", swap(Age.past, Age.young)),
    "asks-twice": mutant(protocol, "ask", without_guard("not asked[k]")),
    "finds-unasked": mutant(protocol, "find", without_guard("asked[k]")),
    "turns-away-unasked": mutant(protocol, "turn_away", without_guard("asked[k]")),
    "copies-over-the-warm": mutant(protocol, "copy_to_warm", without_guard("not holds[warm, k]")),
    "copies-over-the-cold": mutant(protocol, "copy_to_cold", without_guard("not holds[cold, k]")),
    "promotes-the-hot": mutant(protocol, "promote", without_guard("not holds[hot, k]")),
    "promotes-what-is-past": mutant(protocol, "promote", without_guard("age[k] = grown or age[k] = old")),
    "deletes-from-hot-what-is-not-there": mutant(protocol, "delete_from_hot", without_guard("holds[hot, k]")),
    "deletes-from-warm-what-is-not-there": mutant(protocol, "delete_from_warm", without_guard("holds[warm, k]")),
    "archives-too-early": mutant(protocol, "copy_to_cold", without_guard("age[k] = old")),
    "ages-the-unborn": mutant(protocol, "grow_older", swap(Age.young, Age.unborn)),
    "fails-in-calm-times": mutant(protocol, "lose_cold", without_guard("not calm")),
    "regains-what-is-there": mutant(protocol, "regain_cold", without_guard("not cold_up")),
}
