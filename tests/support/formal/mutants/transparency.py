"""Faults in what nodes put, sign and publish, in what witnesses take, and in what is removed."""

from tests.support.formal.mutants.edits import Mutants, mutant, without_guard, without_update

from flk.formal.library.protocols.transparency import protocol

SIZES = {"Log": 1, "Leaf": 2, "Step": 2, "Node": 2, "Checkpoint": 2, "Witness": 1}

ALL_TILES = "forall t: not (t <= s) or tiled[t]"
ALL_BEFORE = "forall t: not (t < s) or read[n, t]"

MUTANTS: Mutants = {
    "logs-out-of-order": mutant(
        protocol, "log_entry", without_guard("forall y: not (defined(of[y]) and x < y) or of[y] != g")
    ),
    "reads-what-is-not-put": mutant(protocol, "read_batch", without_guard("put[s]")),
    "reads-past-a-step": mutant(protocol, "read_batch", without_guard(ALL_BEFORE)),
    "reads-and-forgets-what-is-covered": mutant(protocol, "read_batch", without_update("known")),
    "begins-with-tiles-that-are-not-there": mutant(protocol, "begin_with", without_guard(ALL_TILES)),
    "begins-and-has-no-tree": mutant(protocol, "begin_with", without_update("mine")),
    "puts-over-a-batch": mutant(protocol, "put_batch", without_guard("not put[s]")),
    "puts-behind-what-it-has-not-read": mutant(protocol, "put_batch", without_guard(ALL_BEFORE)),
    "puts-what-is-in-no-log": mutant(protocol, "put_batch", without_guard("defined(of[x])")),
    "puts-and-covers-nothing": mutant(protocol, "put_batch", without_update("covers")),
    "writes-an-empty-tile": mutant(protocol, "write_tile", without_update("tile")),
    "writes-a-tile-of-what-it-has-not-read": mutant(protocol, "write_tile", without_guard("read[n, s]")),
    "signs-without-tiles": mutant(protocol, "sign", without_guard(ALL_TILES)),
    "signs-what-it-has-not-read": mutant(protocol, "sign", without_guard("read[n, s]")),
    "signs-an-empty-tree": mutant(protocol, "sign", without_update("says")),
    "publishes-what-is-not-signed": mutant(protocol, "publish", without_guard("defined(upto[c])")),
    "cosigns-and-keeps-the-first": mutant(protocol, "cosign", without_update("last")),
    "removes-what-it-does-not-know-to-be-covered": mutant(protocol, "remove", without_guard("known[n, x]")),
    "crashes-and-still-knows": mutant(protocol, "crash", without_update("known")),
    "crashes-and-has-a-tree-of-nothing": mutant(protocol, "crash", without_update("mine")),
}
