"""Faults in two-phase commit."""

from tests.support.formal.mutants.edits import Mutants, mutant, swap, without_guard, without_update

from flk.formal.library.protocols.two_phase_commit import Decision, Manager, protocol

SIZES = {"RM": 3}

MUTANTS: Mutants = {
    "hears-what-was-not-said": mutant(protocol, "hear", without_guard("prepared_sent[r]")),
    "commits-after-deciding": mutant(protocol, "commit", without_guard("decision = open")),
    "commits-before-all-are-heard": mutant(protocol, "commit", without_guard("forall r: heard[r]")),
    "commits-and-records-an-abort": mutant(protocol, "commit", swap(Decision.committed, Decision.aborted)),
    "commits-unrecorded": mutant(protocol, "commit", without_update("decision")),
    "aborts-after-deciding": mutant(protocol, "abort", without_guard("decision = open")),
    "aborts-and-records-a-commit": mutant(protocol, "abort", swap(Decision.aborted, Decision.committed)),
    "aborts-unrecorded": mutant(protocol, "abort", without_update("decision")),
    "commits-when-it-prepares": mutant(protocol, "prepare", swap(Manager.prepared, Manager.committed)),
    "says-prepared-and-goes-on": mutant(protocol, "prepare", without_update("manager")),
    "prepares-and-aborts": mutant(protocol, "prepare", swap(Manager.prepared, Manager.aborted)),
    "aborts-though-prepared": mutant(protocol, "choose_to_abort", without_guard("manager[r] = working")),
    "commits-alone": mutant(protocol, "choose_to_abort", swap(Manager.aborted, Manager.committed)),
    "commits-unordered": mutant(protocol, "obey_commit", without_guard("commit_sent")),
    "aborts-when-told-to-commit": mutant(protocol, "obey_commit", swap(Manager.committed, Manager.aborted)),
    "aborts-unordered": mutant(protocol, "obey_abort", without_guard("abort_sent")),
    "commits-when-told-to-abort": mutant(protocol, "obey_abort", swap(Manager.aborted, Manager.committed)),
}
