"""Faults in replication."""

from tests.support.formal.mutants.edits import Mutants, mutant, without_guard, without_update

from flk.formal.library.protocols.replication import protocol

SIZES = {"Region": 2, "Record": 1, "Stamp": 2, "Segment": 2}
MERGED = "forall k: forall s: not logged[{region}, g, k, s] or defined(stored[r, k]) and stored[r, k] <= s"

MUTANTS: Mutants = {
    "writes-into-a-sealed-segment": mutant(protocol, "write", without_guard("not sealed[r, g]")),
    "writes-past-the-open-segment": mutant(protocol, "write", without_guard("forall h: not (h < g) or sealed[r, h]")),
    "writes-under-a-used-stamp": mutant(protocol, "write", without_guard("forall j: not claimed[j, s]")),
    "writes-with-a-clock-that-stands": mutant(
        protocol, "write", without_guard("forall h: forall j: forall t: not logged[r, h, j, t] or t < s")
    ),
    "logs-what-nobody-claimed": mutant(protocol, "write", without_update("claimed")),
    "answers-and-does-not-store": mutant(protocol, "write", without_update("stored")),
    "seals-over-the-open-segment": mutant(protocol, "seal", without_guard("forall h: not (h < g) or sealed[r, h]")),
    "uploads-unsealed": mutant(protocol, "upload", without_guard("sealed[r, g]")),
    "uploads-out-of-order": mutant(protocol, "upload", without_guard("forall h: not (h < g) or shipped[r, h]")),
    "marks-before-the-upload": mutant(protocol, "mark_shipped", without_guard("uploaded[r, g]")),
    "merges-what-was-not-logged": mutant(protocol, "merge", without_guard("logged[p, g, k, s]")),
    "gives-way-unseen-on-a-merge": mutant(protocol, "merge", without_update("superseded")),
    "records-a-loss-and-keeps-the-winner": mutant(protocol, "merge", without_update("stored")),
    "marks-an-absent-segment": mutant(protocol, "mark_replayed", without_guard("uploaded[p, g]")),
    "marks-over-a-gap": mutant(protocol, "mark_replayed", without_guard("forall h: not (h < g) or replayed[r, p, h]")),
    "marks-half-a-segment": mutant(protocol, "mark_replayed", without_guard(MERGED.format(region="p"))),
    "serves-without-its-store": mutant(protocol, "lose_store", without_update("level")),
    "keeps-watermarks-of-a-lost-store": mutant(protocol, "lose_store", without_update("replayed")),
    "loses-its-store-unseen": mutant(protocol, "lose_store", without_update("rebuilt")),
    "recovers-what-was-not-logged": mutant(protocol, "recover", without_guard("logged[r, g, k, s]")),
    "serves-before-it-is-level": mutant(protocol, "serve", without_guard(f"forall g: {MERGED.format(region='r')}")),
    "marks-twice": mutant(protocol, "mark_shipped", without_guard("not shipped[r, g]")),
    "recovers-what-is-level": mutant(protocol, "recover", without_guard("not level[r]")),
    "loses-its-store-again": mutant(protocol, "lose_store", without_guard("not rebuilt[r]")),
}
