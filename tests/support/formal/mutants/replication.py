"""Faults in replication."""

from tests.support.formal.mutants.edits import Mutants, mutant, without_guard, without_update

from flk.formal.library.protocols.replication import protocol

SIZES = {"Region": 2, "Log": 2, "Record": 1, "Stamp": 2, "Segment": 2}
MERGED = "forall k: forall s: not logged[{log}, g, k, s] or defined(stored[n, k]) and stored[n, k] <= s"

MUTANTS: Mutants = {
    "writes-into-a-sealed-segment": mutant(protocol, "write", without_guard("not sealed[n, g]")),
    "writes-past-the-open-segment": mutant(protocol, "write", without_guard("forall h: not (h < g) or sealed[n, h]")),
    "writes-under-a-used-stamp": mutant(protocol, "write", without_guard("forall j: not claimed[j, s]")),
    "writes-with-a-clock-that-stands": mutant(
        protocol, "write", without_guard("forall h: forall j: forall t: not logged[n, h, j, t] or t < s")
    ),
    "logs-what-nobody-claimed": mutant(protocol, "write", without_update("claimed")),
    "answers-and-does-not-store": mutant(protocol, "write", without_update("stored")),
    "seals-what-is-empty": mutant(protocol, "seal", without_guard("exists k: exists s: logged[n, g, k, s]")),
    "uploads-unsealed": mutant(protocol, "upload", without_guard("sealed[n, g]")),
    "uploads-out-of-order": mutant(protocol, "upload", without_guard("forall h: not (h < g) or shipped[n, h]")),
    "marks-before-the-upload": mutant(protocol, "mark_shipped", without_guard("uploaded[n, g]")),
    "merges-what-was-not-logged": mutant(protocol, "merge", without_guard("logged[p, g, k, s]")),
    "gives-way-unseen-on-a-merge": mutant(protocol, "merge", without_update("superseded")),
    "records-a-loss-and-keeps-the-winner": mutant(protocol, "merge", without_update("stored")),
    "marks-an-absent-segment": mutant(protocol, "mark_replayed", without_guard("uploaded[p, g]")),
    "marks-over-a-gap": mutant(protocol, "mark_replayed", without_guard("forall h: not (h < g) or replayed[n, p, h]")),
    "marks-half-a-segment": mutant(protocol, "mark_replayed", without_guard(MERGED.format(log="p"))),
    "serves-without-its-store": mutant(protocol, "lose_store", without_update("level")),
    "keeps-watermarks-of-a-lost-store": mutant(protocol, "lose_store", without_update("replayed")),
    "loses-its-store-unseen": mutant(protocol, "lose_store", without_update("rebuilt")),
    "recovers-what-was-not-logged": mutant(protocol, "recover", without_guard("logged[n, g, k, s]")),
    "serves-before-it-is-level": mutant(protocol, "serve", without_guard(f"forall g: {MERGED.format(log='n')}")),
    "marks-twice": mutant(protocol, "mark_shipped", without_guard("not shipped[n, g]")),
    "recovers-what-is-level": mutant(protocol, "recover", without_guard("not level[n]")),
    "loses-its-store-again": mutant(protocol, "lose_store", without_guard("forall m: not rebuilt[m]")),
    "serves-before-it-has-what-its-region-shipped": mutant(
        protocol, "serve", without_guard("forall p: forall g: not owed[n, p, g]")
    ),
    "owes-for-ever": mutant(protocol, "mark_replayed", without_update("owed")),
    "finds-what-is-not-there": mutant(protocol, "find", without_guard("uploaded[p, g]")),
    "finds-what-is-another-regions": mutant(protocol, "find", without_guard("home[n] = home[p]")),
    "replays-a-stranger-before-it-serves": mutant(protocol, "merge", without_guard("level[n] or home[n] = home[p]")),
    "loses-what-an-object-has": mutant(protocol, "rot", without_guard("not uploaded[n, g]")),
    "salvages-into-a-sealed-segment": mutant(protocol, "salvage", without_guard("not sealed[n, h]")),
    "salvages-and-leaves-a-gap": mutant(protocol, "salvage", without_update("sealed")),
    "salvages-under-new-stamps": mutant(protocol, "salvage", without_update("again")),
}
