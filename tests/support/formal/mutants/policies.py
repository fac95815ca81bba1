"""Faults in what a log states of policies, in what is judged by, and in what comes of a crash or a damaged segment."""

from tests.support.formal.mutants.edits import Mutants, mutant, without_guard, without_update

from flk.formal.library.protocols.policies import protocol

SIZES = {"Entry": 2, "Segment": 3, "Ruling": 2, "Reader": 1}

MUTANTS: Mutants = {
    "changes-and-states-nothing": mutant(protocol, "change", without_update("states")),
    "changes-and-logs-as-before": mutant(protocol, "change", without_update("now")),
    "appends-to-what-states-something-else": mutant(protocol, "append", without_guard("now = states[s]")),
    "appends-to-what-is-shipped": mutant(protocol, "append", without_guard("not shipped[s]")),
    "judges-what-was-removed": mutant(protocol, "judge", without_guard("not removed[s]")),
    "judges-by-nothing": mutant(protocol, "judge", without_update("own")),
    "ships-what-has-not-begun": mutant(protocol, "ship", without_guard("defined(states[s])")),
    "replays-without-the-key": mutant(protocol, "replay", without_guard("trusts[r, states[s]]")),
    "replays-what-is-not-shipped": mutant(protocol, "replay", without_guard("shipped[s]")),
    "replays-and-has-nothing": mutant(protocol, "replay", without_update("by")),
    "removes-what-is-not-shipped": mutant(protocol, "remove", without_guard("shipped[s]")),
    "sets-aside-what-is-shipped": mutant(protocol, "set_aside", without_guard("not shipped[s]")),
    "dies-and-knows-it-all": mutant(protocol, "crash", without_update("now")),
}
