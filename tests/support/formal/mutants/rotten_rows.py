"""Faults in what is put back, in what is set aside, and in what is struck."""

from tests.support.formal.mutants.edits import Mutants, mutant, without_guard, without_update

from flk.formal.library.protocols.rotten_rows import protocol

SIZES = {"Key": 1, "Node": 2, "Claim": 2}

MUTANTS: Mutants = {
    "joins-what-rotted": mutant(protocol, "join", without_guard("not rotten[k]")),
    "joins-nothing": mutant(protocol, "join", without_update("row")),
    "sets-nothing-aside": mutant(protocol, "set_aside", without_update("aside")),
    "sets-aside-and-does-not-note": mutant(protocol, "set_aside", without_update("noted")),
    "answers-from-what-rotted": mutant(protocol, "answer", without_guard("not rotten[k]")),
    "finds-any-claim": mutant(protocol, "find", without_guard("row[k] = c")),
    "finds-what-is-lost": mutant(protocol, "find", without_guard("not lost[k, c]")),
    "puts-back-what-was-there-once": mutant(protocol, "put_back", without_guard("row[k] = carried[n, k]")),
    "reads-before-the-row-is-sound": mutant(protocol, "read_note", without_guard("not rotten[k]")),
    "rejoins-into-what-rotted": mutant(protocol, "rejoin", without_guard("not rotten[k]")),
    "rejoins-nothing": mutant(protocol, "rejoin", without_update("row")),
    "strikes-before-it-joins": mutant(protocol, "strike", without_guard("step[n, k] = joined")),
    "strikes-and-keeps-what-was-aside": mutant(protocol, "strike", without_update("aside")),
    "dies-and-goes-on": mutant(protocol, "die", without_update("carried")),
    "rots-in-calm-times": mutant(protocol, "rot", without_guard("not calm")),
}
