"""Faults in nodes that share a store."""

from tests.support.formal.mutants.edits import Mutants, mutant, swap, without_guard, without_update

from flk.formal.library.protocols.shared_store import Condition, Stage, protocol

SIZES = {"Node": 2, "Request": 2, "Key": 1, "Stamp": 3}
IN_ORDER = "forall o: not (defined(stamp[o]) and at[o, n] and about[o, k] and not applied[o]) or stamp[q] <= stamp[o]"

MUTANTS: Mutants = {
    "admits-while-it-recovers": mutant(protocol, "admit", swap(Condition.serving, Condition.recovering)),
    "admits-twice": mutant(protocol, "admit", without_guard("stage[q] = unsent")),
    "stamps-what-did-not-observe": mutant(protocol, "append", without_guard("stage[q] = observed")),
    "does-not-ask-the-store": mutant(protocol, "observe", without_update("seen")),
    "observes-for-another-node": mutant(protocol, "observe", without_guard("at[q, n]")),
    "stamps-by-its-own-clock": mutant(protocol, "append", without_guard("not defined(seen[n]) or seen[n] < s")),
    "sets-its-clock-back": mutant(
        protocol,
        "append",
        without_guard("not defined(last[n]) or last[n] < s"),
    ),
    "stamps-as-another-did": mutant(protocol, "append", without_guard("not given[s]")),
    "is-told-too-little": mutant(protocol, "observe", without_guard("not defined(newest) or stamp[newest] <= t")),
    "forgets-its-last-stamp": mutant(protocol, "append", without_update("last")),
    "gives-a-stamp-and-forgets": mutant(protocol, "append", without_update("given")),
    "keeps-what-it-saw-through-a-crash": mutant(protocol, "crash", without_update("seen")),
    "lands-what-is-not-logged": mutant(protocol, "land", without_guard("defined(stamp[q])")),
    "lands-out-of-order": mutant(protocol, "land", without_guard(IN_ORDER)),
    "lands-in-silence": mutant(protocol, "land", without_update("superseded")),
    "lands-and-forgets-what-is-newest": mutant(protocol, "land", without_update("newest")),
    "logs-in-another-log": mutant(protocol, "append", without_guard("at[q, n]")),
    "claims-out-of-order": mutant(protocol, "claim", without_guard(IN_ORDER)),
    "claims-unlogged": mutant(protocol, "claim", swap(Stage.logged, Stage.observed)),
    "gives-way-in-silence": mutant(protocol, "claim", without_update("superseded")),
    "answers-and-stores-nothing": mutant(protocol, "claim", without_update("stored")),
    "forgets-what-is-newest": mutant(protocol, "claim", without_update("newest")),
    "answers-twice": mutant(protocol, "claim", without_update("stage")),
    "keeps-requests-through-a-crash": mutant(protocol, "crash", without_update("stage")),
    "recovers-while-it-serves": mutant(protocol, "recover", without_guard("node[n] = recovering")),
    "recovers-out-of-order": mutant(protocol, "recover", without_guard(IN_ORDER)),
    "recovers-in-silence": mutant(protocol, "recover", without_update("superseded")),
    "recovers-and-forgets-what-is-newest": mutant(protocol, "recover", without_update("newest")),
    "is-ready-before-its-log": mutant(
        protocol, "serve", without_guard("forall q: not (defined(stamp[q]) and at[q, n]) or applied[q]")
    ),
}
