"""Faults in the audit queue."""

from tests.support.formal.mutants.edits import Mutants, mutant, swap, without_update

from flk.formal.library.protocols.audit import Effect, Place, Step, protocol

SIZES = {"Task": 1, "Worker": 2}

MUTANTS: Mutants = {
    "loses-a-new-task": mutant(protocol, "enqueue", swap(Place.waiting, Place.acknowledged)),
    "removes-what-is-taken": mutant(protocol, "take", swap(Place.leased, Place.acknowledged)),
    "takes-and-settles": mutant(protocol, "take", swap(Step.trying, Step.settled)),
    "takes-and-forgets": mutant(protocol, "take", without_update("step")),
    "settles-what-failed": mutant(protocol, "fail", swap(Step.retrying, Step.settled)),
    "gives-up-in-silence": mutant(protocol, "fail", swap(Step.retrying, Step.idle)),
    "does-it-again": mutant(protocol, "succeed", swap(Effect.once, Effect.twice)),
    "does-nothing": mutant(protocol, "succeed", without_update("effect")),
    "forgets-a-late-success": mutant(protocol, "succeed", swap(Step.done, Step.idle)),
    "marks-before-the-effect": mutant(protocol, "mark", swap(Step.done, Step.trying)),
    "settles-without-a-mark": mutant(protocol, "mark", without_update("processed")),
    "drops-what-fails": mutant(protocol, "bury", without_update("dead")),
    "acknowledges-a-failure": mutant(protocol, "acknowledge", swap(Step.settled, Step.retrying)),
    "turns-away-unacknowledged": mutant(protocol, "acknowledge", without_update("place")),
    "ends-a-lease-for-good": mutant(protocol, "offer_again", swap(Place.waiting, Place.acknowledged)),
    "takes-death-for-success": mutant(protocol, "crash", swap(Place.adrift, Place.acknowledged)),
    "does-not-see-death": mutant(protocol, "crash", swap(Place.adrift, Place.leased)),
}
