"""A watermark that moves before the work is done."""

from flk.formal.language import Term, forall, implies, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import replication
from flk.formal.library.protocols.replication import Region, Segment, sealed, shipped

protocol = replication.protocol.variant(
    "mark-before-upload",
    """The shipper notes the segment as shipped and then uploads it, so that a crash does not make it upload twice. A crash
    between the two leaves a segment that no peer will ever get, and nobody knows: after the watermark nothing is pending.""",
)


@protocol.action(r=Region, g=Segment)
def mark_shipped(r: Term, g: Term) -> None:
    """Move the watermark first."""
    require(sealed[r, g], ~shipped[r, g], forall(Segment, lambda h: implies(h < g, shipped[r, h])))
    shipped.next[r, g] = True


design = Design(protocol, "shipped_is_uploaded", ("CRR-4",))
