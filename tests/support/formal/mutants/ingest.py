"""Faults in a node that takes submissions."""

from tests.support.formal.mutants.edits import Mutants, mutant, swap, without_guard, without_update

from flk.formal.library.protocols.ingest import Answer, Node, Stage, protocol

SIZES = {"Request": 2, "Key": 2, "Position": 2}
LEVEL = "forall q: not (defined(position[q]) and readable[q] and genuine[q]) or applied[q]"
IN_ORDER = (
    "forall o: not (defined(position[o]) and readable[o] and genuine[o] and not applied[o] and about[o, k])"
    " or position[q] <= position[o]"
)

MUTANTS: Mutants = {
    "logs-out-of-order": mutant(protocol, "append", without_guard("not defined(last) or last < p")),
    "takes-requests-while-down": mutant(protocol, "append", without_guard("node != down")),
    "logs-a-request-twice": mutant(protocol, "append", without_guard("stage[q] = unsent")),
    "forgets-the-end-of-the-log": mutant(protocol, "append", without_update("last")),
    "answers-what-is-not-logged": mutant(protocol, "append", without_update("position")),
    "refuses-the-well-formed": mutant(protocol, "refuse_malformed", without_guard("not readable[q]")),
    "refuses-and-goes-on": mutant(protocol, "refuse_malformed", without_update("stage")),
    "refuses-the-genuine": mutant(protocol, "refuse_forged", without_guard("not genuine[q]")),
    "does-not-parse": mutant(protocol, "verify", without_guard("readable[q]")),
    "does-not-verify": mutant(protocol, "verify", without_guard("genuine[q]")),
    "verifies-what-was-answered": mutant(protocol, "verify", without_guard("stage[q] = logged")),
    "claims-unverified": mutant(protocol, "claim", without_guard("stage[q] = verified")),
    "claims-another-key": mutant(protocol, "claim", without_guard("about[q, k]")),
    "claims-out-of-order": mutant(protocol, "claim", without_guard(IN_ORDER)),
    "claims-and-stores-nothing": mutant(protocol, "claim", without_update("stored")),
    "claims-unmarked": mutant(protocol, "claim", without_update("applied")),
    "answers-without-a-claim": mutant(protocol, "reply", without_guard("stage[q] = claimed")),
    "answers-about-another-key": mutant(protocol, "reply", without_guard("about[q, k]")),
    "answers-every-copy-as-stored": mutant(protocol, "reply", swap(Answer.equivocation, Answer.stored)),
    "answers-twice": mutant(protocol, "reply", without_update("stage")),
    "goes-on-after-an-outage": mutant(protocol, "refuse_unavailable", without_update("node")),
    "serves-after-an-outage-at-once": mutant(protocol, "refuse_unavailable", swap(Node.recovering, Node.serving)),
    "keeps-requests-through-a-crash": mutant(protocol, "crash", without_update("stage")),
    "loses-a-store-in-use": mutant(protocol, "lose_store", without_guard("node = down")),
    "remembers-what-it-lost": mutant(protocol, "lose_store", without_update("applied")),
    "keeps-what-it-forgot": mutant(protocol, "lose_store", without_update("stored")),
    "serves-at-once": mutant(protocol, "restart", swap(Node.recovering, Node.serving)),
    "replays-the-invalid": mutant(protocol, "replay", without_guard("genuine[q]")),
    "replays-the-unreadable": mutant(protocol, "replay", without_guard("readable[q]")),
    "replays-under-another-key": mutant(protocol, "replay", without_guard("about[q, k]")),
    "replays-out-of-order": mutant(protocol, "replay", without_guard(IN_ORDER)),
    "replays-and-stores-nothing": mutant(protocol, "replay", without_update("stored")),
    "serves-before-it-is-level": mutant(protocol, "serve", without_guard(LEVEL)),
    "cuts-off-the-wrong-ones": mutant(protocol, "crash", swap(Stage.cut_off, Stage.verified)),
    "fails-again": mutant(protocol, "store_fails", without_guard("trouble = none")),
    "refuses-the-unread-as-forged": mutant(protocol, "refuse_forged", without_guard("readable[q]")),
    "refuses-the-verified-as-forged": mutant(protocol, "refuse_forged", without_guard("stage[q] = logged")),
}
