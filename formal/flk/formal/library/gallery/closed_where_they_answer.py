"""A change that does not wait for a store which is away."""

from flk.formal.language import UNDEFINED, Term, exists, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import fences
from flk.formal.library.protocols.fences import Node, Store, ahead, coming, end, now, raised

protocol = fences.protocol.variant(
    "closed-where-they-answer",
    """One store is away, and all the others are closed. It takes no writes either, so why wait? It is away for one node, behind a
    network that others are not behind, and takes what they decided in the layout before.""",
)


@protocol.action(n=Node)
def put_in_force(n: Term) -> None:
    """The stores that answered are closed."""
    require(ahead.defined(n), coming.defined(), coming == ahead[n])
    require(exists(Store, lambda s: raised[n, s]))
    now.next = coming
    coming.next = UNDEFINED
    end(n)


design = Design(protocol, "writes_land_in_the_layout_in_force", ("MIG-8",), sizes={"Store": 2, "Node": 1, "Layout": 2})
