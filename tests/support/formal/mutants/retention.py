"""Faults in what is removed, and when."""

from tests.support.formal.mutants.edits import Mutants, mutant, without_guard, without_update

from flk.formal.library.protocols.retention import protocol

SIZES = {"Segment": 2, "Record": 1, "Reader": 1}

MUTANTS: Mutants = {
    "logs-with-a-gap": mutant(protocol, "log_claim", without_guard("forall h: not (h < g) or sealed[h]")),
    "logs-over-a-segment": mutant(protocol, "log_claim", without_guard("not sealed[g]")),
    "stores-nothing": mutant(protocol, "log_claim", without_update("stored")),
    "stamps-within-every-window": mutant(protocol, "log_claim", without_update("beyond")),
    "ends-windows-out-of-turn": mutant(protocol, "pass_time", without_guard("forall h: not (h < g) or over[h]")),
    "uploads-with-a-gap": mutant(protocol, "upload", without_guard("forall h: not (h < g) or shipped[h]")),
    "ships-what-it-does-not-upload": mutant(protocol, "upload", without_update("uploaded")),
    "takes-an-empty-snapshot": mutant(protocol, "begin_snapshot", without_update("draft")),
    "completes-what-was-not-begun": mutant(protocol, "complete_snapshot", without_guard("drafting")),
    "keeps-the-entries-of-the-last-snapshot": mutant(protocol, "complete_snapshot", without_update("snapshot")),
    "abandons-in-calm-times": mutant(protocol, "abandon_snapshot", without_guard("not calm")),
    "removes-objects-uncovered": mutant(protocol, "remove_object", without_guard("covered[g]")),
    "removes-files-uncovered": mutant(protocol, "remove_local", without_guard("covered[g]")),
    "removes-files-unshipped": mutant(protocol, "remove_local", without_guard("shipped[g]")),
    "removes-entries-in-their-window": mutant(protocol, "remove_entry", without_guard("over[g]")),
    "starts-from-an-empty-store": mutant(protocol, "start_from_snapshot", without_update("held")),
    "steps-over-a-gap": mutant(protocol, "replay", without_guard("forall h: not (h < g) or replayed[r, h]")),
    "replays-what-is-removed": mutant(
        protocol, "replay", without_guard("own[r] and local[g] or not own[r] and uploaded[g]")
    ),
    "replays-again": mutant(protocol, "replay", without_guard("not replayed[r, g]")),
    "marks-and-takes-nothing": mutant(protocol, "replay", without_update("held")),
    "forgets-in-the-window": mutant(protocol, "forget", without_guard("over[g]")),
    "forgets-what-may-be-repeated": mutant(
        protocol, "forget", without_guard("forall h: not (sealed[h] and not beyond[g, h]) or replayed[r, h]")
    ),
}
