"""Faults in what is called lost, and in what is joined."""

from tests.support.formal.mutants.edits import Mutants, mutant, without_guard, without_update

from flk.formal.library.protocols.reconciliation import protocol

SIZES = {"Region": 2, "Claim": 1}
_LACKS = "not defined(held[r]) or c < held[r]"

MUTANTS: Mutants = {
    "logs-what-a-store-made-up": mutant(protocol, "log_claim", without_guard("forall r: not unlogged[r, c]")),
    "merges-what-no-log-has": mutant(protocol, "merge", without_guard("logged[c]")),
    "merges-nothing": mutant(protocol, "merge", without_update("held")),
    "marks-before-it-merges": mutant(protocol, "mark", without_guard("joined[r, c]")),
    "looks-at-no-peer": mutant(protocol, "look", without_guard("held[s] = c")),
    "looks-at-what-it-holds": mutant(protocol, "look", without_guard(_LACKS)),
    "proves-what-is-on-its-way": mutant(protocol, "prove", without_guard("applied[r, c]")),
    "proves-what-nobody-looked-at": mutant(protocol, "prove", without_guard("stage[r, c] = looked")),
    "calls-without-proof": mutant(protocol, "call_lost", without_guard("stage[r, c] = proven")),
    "calls-without-another-look": mutant(protocol, "call_lost", without_guard(_LACKS)),
    "mends-what-was-not-proposed": mutant(protocol, "mend", without_guard("stage[r, c] = proposed")),
    "mends-what-was-not-applied": mutant(protocol, "mend", without_guard("applied[r, c]")),
    "forgets-to-whom": mutant(protocol, "forge", without_guard("not calm")),
    "rejects-in-calm-times": mutant(protocol, "reject", without_guard("not calm or not applied[r, c]")),
}
