"""A snapshot that counts while it is being written."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import retention
from flk.formal.library.protocols.retention import Segment, covered, drafted, local, shipped

protocol = retention.protocol.variant(
    "counted-before-whole",
    """The snapshot names the segments that it covers when it is begun, so the disk, which is full, is relieved at once. The
    node stops before the last part is written. The snapshot is of no use to anybody, the one before does not cover these
    segments, and they are removed: the node cannot come back to what it acknowledged.""",
)


@protocol.action(g=Segment)
def remove_local(g: Term) -> None:
    """A snapshot covers it, whole or not yet."""
    require(local[g], shipped[g], covered[g] | drafted[g])
    local.next[g] = False


design = Design(protocol, "the_node_can_recover", ("CRR-4", "WAL-5"))
