"""Faults in two-phase commit."""

from tests.support.formal.mutants.edits import Mutants, mutant, swap, without_guard, without_update

from flk.formal.library.protocols.two_phase_commit import Decision, Manager, protocol

SIZES = {"RM": 3}

MUTANTS: Mutants = {
    "hears-what-was-not-said": mutant(protocol, "TMRcvPrepared", without_guard("prepared_sent[r]")),
    "commits-after-deciding": mutant(protocol, "TMCommit", without_guard("decision = open")),
    "commits-before-all-are-prepared": mutant(protocol, "TMCommit", without_guard("forall r: tm_prepared[r]")),
    "commits-and-records-an-abort": mutant(protocol, "TMCommit", swap(Decision.committed, Decision.aborted)),
    "commits-unrecorded": mutant(protocol, "TMCommit", without_update("decision")),
    "aborts-after-deciding": mutant(protocol, "TMAbort", without_guard("decision = open")),
    "aborts-and-records-a-commit": mutant(protocol, "TMAbort", swap(Decision.aborted, Decision.committed)),
    "aborts-unrecorded": mutant(protocol, "TMAbort", without_update("decision")),
    "commits-when-it-prepares": mutant(protocol, "RMPrepare", swap(Manager.prepared, Manager.committed)),
    "says-prepared-and-goes-on": mutant(protocol, "RMPrepare", without_update("manager")),
    "prepares-and-aborts": mutant(protocol, "RMPrepare", swap(Manager.prepared, Manager.aborted)),
    "aborts-though-prepared": mutant(protocol, "RMChooseToAbort", without_guard("manager[r] = working")),
    "commits-alone": mutant(protocol, "RMChooseToAbort", swap(Manager.aborted, Manager.committed)),
    "commits-unordered": mutant(protocol, "RMRcvCommitMsg", without_guard("commit_sent")),
    "aborts-when-told-to-commit": mutant(protocol, "RMRcvCommitMsg", swap(Manager.committed, Manager.aborted)),
    "aborts-unordered": mutant(protocol, "RMRcvAbortMsg", without_guard("abort_sent")),
    "commits-when-told-to-abort": mutant(protocol, "RMRcvAbortMsg", swap(Manager.aborted, Manager.committed)),
}
