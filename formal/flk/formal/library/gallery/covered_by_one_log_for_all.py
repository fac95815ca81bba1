"""A snapshot that says of every log what holds of its own node's."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import lost_logs
from flk.formal.library.protocols.lost_logs import Phase, Snapshot, covers, declared, of, phase, speaks

protocol = lost_logs.protocol.variant(
    "covered-by-one-log-for-all",
    """All that its node has logged is stored, so a snapshot counts as covered what the logs of the region have. Another node has
    logged a claim, and has not stored it yet: whoever begins with the snapshot never reads it.""",
)


@protocol.action(s=Snapshot)
def read_watermarks(s: Term) -> None:
    """What is in a log counts as stored."""
    require(phase[s] == Phase.none)
    phase.next[s] = Phase.marked
    covers.next[s, :] = of.defined
    speaks.next[s, :] = lambda log: declared[log]


design = Design(protocol, "what_is_passed_is_held", ("SNAP-3", "RET-7"))
