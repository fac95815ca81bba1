"""A watermark that moves before the work is done."""

from flk.formal.language import Term, forall, implies, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import replication
from flk.formal.library.protocols.replication import Log, Segment, sealed, shipped

protocol = replication.protocol.variant(
    "mark-before-upload",
    """The shipper notes the segment as shipped and then uploads it, so that a crash does not make it upload twice. A crash
    between the two leaves a segment that no peer will ever get, and nobody knows: after the watermark nothing is pending.""",
)


@protocol.action(n=Log, g=Segment)
def mark_shipped(n: Term, g: Term) -> None:
    """Move the watermark first."""
    require(sealed[n, g], ~shipped[n, g], forall(Segment, lambda h: implies(h < g, shipped[n, h])))
    shipped.next[n, g] = True


protocol.without(*replication.DAMAGE)

design = Design(protocol, "shipped_is_uploaded", ("CRR-4",))
