"""Shipping the file that is still being written."""

from flk.formal.language import Term, forall, implies, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import replication
from flk.formal.library.protocols.replication import Log, Segment, shipped, uploaded

protocol = replication.protocol.variant(
    "unsealed-shipping",
    """The shipper uploads every file of the log that it has not shipped yet, the open one included, so that peers lag less. It
    ships each name once: what is appended to the file later is never seen by anyone, and the watermark says that all was.""",
)


@protocol.action(n=Log, g=Segment)
def upload(n: Term, g: Term) -> None:
    """Put the next file into the object store, sealed or not."""
    require(~shipped[n, g], forall(Segment, lambda h: implies(h < g, shipped[n, h])))
    uploaded.next[n, g] = True


protocol.without(*replication.DAMAGE)
protocol.without("uploaded_is_sealed")  # what the design gives up; what it loses by that is another matter

design = Design(protocol, "replayed_is_merged", ("WAL-6",), "14.1")
