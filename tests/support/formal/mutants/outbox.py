"""Faults in the outbox."""

from tests.support.formal.mutants.edits import Mutants, mutant, swap, without_guard, without_update

from flk.formal.library.protocols.outbox import Answer, Effect, Entry, protocol

SIZES = {"Record": 1}

MUTANTS: Mutants = {
    "promises-without-a-log": mutant(protocol, "queue", without_update("log")),
    "queues-in-silence": mutant(protocol, "queue", without_update("promised")),
    "queues-as-acknowledged": mutant(protocol, "queue", swap(Entry.queued, Entry.acknowledged)),
    "sends-what-it-does-not-hold": mutant(protocol, "send", without_guard("held[r]")),
    "stores-the-hopeless": mutant(protocol, "claim", without_guard("not hopeless[r]")),
    "stores-each-copy": mutant(protocol, "claim", without_update("stored")),
    "takes-effect-twice": mutant(protocol, "claim", swap(Effect.once_despite_copies, Effect.twice)),
    "claims-unasked": mutant(protocol, "claim", without_guard("request[r]")),
    "refuses-unasked": mutant(protocol, "refuse", without_guard("request[r]")),
    "queues-what-has-ended": mutant(protocol, "queue", without_guard("log[r] = absent")),
    "queues-while-dead": mutant(protocol, "queue", without_guard("up")),
    "acknowledges-while-dead": mutant(protocol, "acknowledge", without_guard("held[r]")),
    "buries-while-dead": mutant(protocol, "bury", without_guard("held[r]")),
    "dies-twice": mutant(protocol, "crash", without_guard("up")),
    "refuses-the-sound": mutant(protocol, "refuse", without_guard("hopeless[r]")),
    "says-stored-under-load": mutant(protocol, "turn_away", swap(Answer.overloaded, Answer.stored)),
    "says-refused-under-load": mutant(protocol, "turn_away", swap(Answer.overloaded, Answer.refused)),
    "acknowledges-unasked": mutant(protocol, "acknowledge", without_guard("answer[r, stored]")),
    "acknowledges-an-overload": mutant(protocol, "acknowledge", swap(Answer.stored, Answer.overloaded)),
    "acknowledges-a-refusal": mutant(protocol, "acknowledge", swap(Answer.stored, Answer.refused)),
    "acknowledges-and-keeps": mutant(protocol, "acknowledge", without_update("held")),
    "acknowledges-in-memory": mutant(protocol, "acknowledge", without_update("log")),
    "buries-the-stored": mutant(protocol, "acknowledge", swap(Entry.acknowledged, Entry.dead)),
    "buries-unasked": mutant(protocol, "bury", without_guard("answer[r, refused]")),
    "buries-on-overload": mutant(protocol, "bury", swap(Answer.refused, Answer.overloaded)),
    "acknowledges-the-refused": mutant(protocol, "bury", swap(Entry.dead, Entry.acknowledged)),
    "restarts-empty": mutant(protocol, "restart", without_update("held")),
    "grows-calm-twice": mutant(protocol, "grow_calm", without_guard("not calm")),
    "restarts-with-the-settled": mutant(protocol, "restart", swap(Entry.queued, Entry.acknowledged)),
}
