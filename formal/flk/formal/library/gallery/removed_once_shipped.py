"""Segments that leave the node's disk when they are shipped."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import retention
from flk.formal.library.protocols.retention import Segment, local, shipped

protocol = retention.protocol.variant(
    "removed-once-shipped",
    """What is in the object store is safe there, so the node removes its file when the upload is done. Recovery reads the
    node's log, and its beginning is not there; and when the object is removed in its turn, since all peers have read it,
    nothing is left from which a lost store could be rebuilt.""",
)


@protocol.action(g=Segment)
def remove_local(g: Term) -> None:
    """It was shipped."""
    require(local[g], shipped[g])
    local.next[g] = False


design = Design(protocol, "the_node_can_recover", ("WAL-5",))
