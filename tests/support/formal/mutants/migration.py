"""Faults in the migration."""

from tests.support.formal.mutants.edits import Mutants, mutant, swap, without_guard, without_update

from flk.formal.library.protocols.migration import Phase, protocol

SIZES = {"Key": 1}
SAME = "not defined(old[k]) or defined(new[k]) and new[k] = old[k]"

MUTANTS: Mutants = {
    "overwrites-the-old": mutant(protocol, "insert_old", without_guard("not defined(old[k])")),
    "overwrites-the-new": mutant(protocol, "insert_new", without_guard("not defined(new[k])")),
    "answers-before-the-new-follows": mutant(protocol, "answer_after_new_follows", without_update("new")),
    "answers-before-the-old-follows": mutant(protocol, "answer_after_old_follows", without_update("old")),
    "answers-from-the-old-when-dual": mutant(protocol, "answer_from_old", swap(Phase.planned, Phase.dual)),
    "answers-from-the-old-after-cutover": mutant(protocol, "answer_from_old", swap(Phase.planned, Phase.cut_over)),
    "answers-from-the-new-too-early": mutant(protocol, "answer_from_new", swap(Phase.cleaned, Phase.cut_over)),
    "copies-in-any-phase": mutant(protocol, "copy", without_guard("phase = dual")),
    "copies-while-dead": mutant(protocol, "copy", without_guard("working")),
    "checks-nothing": mutant(protocol, "check", without_guard(SAME)),
    "checks-before-dual": mutant(protocol, "check", without_guard("phase = dual")),
    "verifies-without-checks": mutant(protocol, "verify", without_guard("forall k: checked[k]")),
    "verifies-before-dual": mutant(protocol, "write_to_both", swap(Phase.dual, Phase.verified)),
    "cuts-over-unverified": mutant(protocol, "cut_over", swap(Phase.verified, Phase.dual)),
    "cuts-over-at-once": mutant(protocol, "cut_over", swap(Phase.verified, Phase.planned)),
    "cleans-up-unverified": mutant(protocol, "clean_up", swap(Phase.cut_over, Phase.dual)),
    "deletes-before-cleanup": mutant(protocol, "delete_old", swap(Phase.cleaned, Phase.cut_over)),
    "deletes-at-any-time": mutant(protocol, "delete_old", without_guard("phase = cleaned")),
    "takes-out-before-rollback": mutant(protocol, "delete_new", swap(Phase.rolled_back, Phase.verified)),
    "takes-out-at-any-time": mutant(protocol, "delete_new", without_guard("phase = rolled_back")),
    "rolls-back-after-cleanup": mutant(protocol, "roll_back", swap(Phase.cut_over, Phase.cleaned)),
    "remembers-what-it-verified": mutant(protocol, "crash", without_update("checked")),
    "dies-in-calm-times": mutant(protocol, "crash", without_guard("not calm")),
    "grows-calm-twice": mutant(protocol, "grow_calm", without_guard("not calm")),
}
