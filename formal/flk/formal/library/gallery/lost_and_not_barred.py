"""A log is declared lost while its node may still write to the store."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import lost_logs
from flk.formal.library.protocols.lost_logs import Log, closed

protocol = lost_logs.protocol.variant(
    "lost-and-not-barred",
    """The node is gone, so it is enough to take the name of its next object, and to let a snapshot speak for the log. It was not
    gone but slow: what it stores after the snapshot is in no object and in no snapshot that anybody has to begin with.""",
)


@protocol.action(log=Log)
def close(log: Term) -> None:
    """The name is taken, whatever the store still takes."""
    require(~closed[log])
    closed.next[log] = True


design = Design(protocol, "what_a_lost_log_had_stored_is_held", ("RET-7",))
