"""Faults in a change of layouts, in what stores take, and in what is answered."""

from tests.support.formal.mutants.edits import Mutants, mutant, without_guard, without_update

from flk.formal.library.protocols.fences import protocol

SIZES = {"Store": 1, "Node": 2, "Layout": 2}
THREE = {"Store": 1, "Node": 2, "Layout": 3}
THREE_LAYOUTS = {"proposes-from-a-layout-that-is-over", "in-force-again"}
"""Faults that take three layouts, where two are enough for the others."""

ALL_RAISED = "forall s: not (has[found[n], s] or defined(ahead[n]) and has[ahead[n], s]) or raised[n, s]"

MUTANTS: Mutants = {
    "begins-twice": mutant(protocol, "begin", without_guard("not defined(now)")),
    "proposes-from-a-layout-that-is-over": mutant(protocol, "propose", without_guard("now = known[n]")),
    "proposes-over-another": mutant(protocol, "propose", without_guard("not defined(coming)")),
    "proposes-an-earlier-layout": mutant(protocol, "propose", without_guard("now < x")),
    "raises-and-leaves-open": mutant(protocol, "close", without_update("opened")),
    "closes-by-halves": mutant(protocol, "close", without_update("fence")),
    "in-force-before-all-are-closed": mutant(protocol, "put_in_force", without_guard(ALL_RAISED)),
    "in-force-again": mutant(protocol, "put_in_force", without_guard("coming = ahead[n]")),
    "in-force-and-still-to-come": mutant(protocol, "put_in_force", without_update("coming")),
    "remembers-what-it-raised-before": mutant(protocol, "put_in_force", without_update("raised")),
    "opens-what-is-to-come": mutant(protocol, "open_store", without_guard("not defined(ahead[n])")),
    "follows-before-all-are-open": mutant(protocol, "follow", without_guard(ALL_RAISED)),
    "goes-on-reading": mutant(protocol, "follow", without_update("begun")),
    "writes-in-any-layout": mutant(protocol, "write", without_guard("fence[s] = known[n]")),
    "answers-in-any-layout": mutant(protocol, "answer", without_guard("fence[s] = known[n]")),
    "is-read-after-death": mutant(protocol, "die", without_update("begun")),
    "dies-in-calm-times": mutant(protocol, "die", without_guard("not calm")),
}
