"""A snapshot of a shared store that leaves out what only one disk has."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import lost_logs
from flk.formal.library.protocols.lost_logs import Phase, Snapshot, has, phase, row, shipped

protocol = lost_logs.protocol.variant(
    "left-out-though-it-kept-out",
    """What is not shipped yet may be lost with its node's disk, so a snapshot leaves it out, as that of a node that is alone does.
    But it has kept out a later claim of another node's log, which the store has nowhere, and which the snapshot's watermarks
    cover: whoever begins with it has neither.""",
)


@protocol.action(s=Snapshot)
def read_store(s: Term) -> None:
    """What the store holds is written down if it is shipped."""
    require(phase[s] == Phase.marked, row.defined() & shipped[row])
    phase.next[s] = Phase.read
    has.next[s] = row


@protocol.action(s=Snapshot)
def read_nothing(s: Term) -> None:
    """Or it is left out."""
    require(phase[s] == Phase.marked, ~(row.defined() & shipped[row]))
    phase.next[s] = Phase.read


design = Design(protocol, "what_is_passed_is_held", ("RET-1", "SNAP-10"))
