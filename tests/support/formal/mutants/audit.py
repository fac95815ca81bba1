"""Faults in the audit queue."""

from tests.support.formal.mutants.edits import Mutants, mutant, swap, without_guard, without_update

from flk.formal.library.protocols.audit import Effect, Place, Step, protocol

SIZES = {"Task": 1, "Worker": 2}

MUTANTS: Mutants = {
    "loses-a-new-task": mutant(protocol, "enqueue", swap(Place.waiting, Place.acknowledged)),
    "removes-what-is-taken": mutant(protocol, "take", swap(Place.leased, Place.acknowledged)),
    "takes-and-settles": mutant(protocol, "take", swap(Step.trying, Step.settled)),
    "settles-what-failed": mutant(protocol, "fail", swap(Step.retrying, Step.settled)),
    "gives-up-in-silence": mutant(protocol, "fail", swap(Step.retrying, Step.idle)),
    "takes-a-failure-for-a-success": mutant(protocol, "fail", swap(Step.retrying, Step.done)),
    "does-it-again": mutant(protocol, "succeed", without_update("keyed")),
    "does-it-twice": mutant(protocol, "succeed", swap(Effect.once, Effect.twice)),
    "attempts-what-is-marked": mutant(protocol, "take", swap(Step.settled, Step.trying)),
    "buries-what-is-done": mutant(protocol, "bury", swap(Step.retrying, Step.done)),
    "buries-untried": mutant(protocol, "bury", without_guard("step[w, t] = retrying")),
    "queues-what-is-over": mutant(protocol, "enqueue", without_guard("place[t] = nowhere")),
    "takes-what-is-over": mutant(protocol, "take", without_guard("place[t] = waiting")),
    "forgets-that-it-was-queued": mutant(protocol, "offer_again", swap(Place.waiting, Place.nowhere)),
    "does-nothing": mutant(protocol, "succeed", without_update("effect")),
    "forgets-a-late-success": mutant(protocol, "succeed", swap(Step.done, Step.idle)),
    "marks-before-the-effect": mutant(protocol, "mark", swap(Step.done, Step.trying)),
    "settles-without-a-mark": mutant(protocol, "mark", without_update("processed")),
    "drops-what-fails": mutant(protocol, "bury", without_update("dead")),
    "acknowledges-a-failure": mutant(protocol, "acknowledge", swap(Step.settled, Step.retrying)),
    "turns-away-unacknowledged": mutant(protocol, "acknowledge", without_update("place")),
    "ends-a-lease-for-good": mutant(protocol, "offer_again", swap(Place.waiting, Place.acknowledged)),
    "dies-and-marks": mutant(protocol, "crash", swap(Step.idle, Step.done)),
    "dies-and-settles": mutant(protocol, "crash", swap(Step.idle, Step.settled)),
    "dies-in-calm-times": mutant(protocol, "crash", without_guard("not calm")),
    "grows-calm-twice": mutant(protocol, "grow_calm", without_guard("not calm")),
}
