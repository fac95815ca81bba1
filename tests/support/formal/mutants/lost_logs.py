"""Faults in what the store and the object store take, in snapshots, and in what is removed and read."""

from tests.support.formal.mutants.edits import Mutants, mutant, without_guard, without_update

from flk.formal.library.protocols.lost_logs import protocol

SIZES = {"Log": 1, "Claim": 2, "Snapshot": 2, "Reader": 1}

MUTANTS: Mutants = {
    "stores-of-a-barred-log": mutant(protocol, "store", without_guard("not barred[log]")),
    "stores-and-keeps-the-row": mutant(protocol, "store", without_update("row")),
    "ships-what-is-not-stored": mutant(protocol, "upload", without_guard("stored[c]")),
    "ships-of-a-closed-log": mutant(protocol, "upload", without_guard("not closed[log]")),
    "ships-what-it-does-not-upload": mutant(protocol, "upload", without_update("uploaded")),
    "closes-what-is-not-barred": mutant(protocol, "close", without_guard("barred[log]")),
    "declares-what-is-not-closed": mutant(protocol, "declare", without_guard("closed[log]")),
    "signs-without-a-snapshot": mutant(
        protocol, "sign", without_guard("exists s: phase[s] = whole and speaks[s, log]")
    ),
    "reads-the-store-first": mutant(protocol, "read_watermarks", without_guard("phase[s] = none")),
    "reads-and-has-nothing": mutant(protocol, "read_store", without_update("has")),
    "completes-what-was-not-read": mutant(protocol, "complete", without_guard("phase[s] = read")),
    "removes-a-snapshot-that-nothing-stands-for": mutant(protocol, "remove_snapshot", without_guard("s != t")),
    "replays-what-is-removed": mutant(protocol, "replay", without_guard("uploaded[c]")),
    "passes-and-holds-nothing": mutant(protocol, "replay", without_update("holds")),
    "begins-and-holds-what-it-held": mutant(protocol, "begin_with", without_update("holds")),
    "begins-with-what-is-not-whole": mutant(protocol, "begin_with_nothing", without_guard("phase[s] = whole")),
}
