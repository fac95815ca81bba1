"""A change that closes the stores of the layout that it brings, and not those that it leaves behind."""

from flk.formal.language import UNDEFINED, Term, forall, implies, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import fences
from flk.formal.library.protocols.fences import Node, Store, ahead, coming, end, has, now, raised

protocol = fences.protocol.variant(
    "closed-in-the-next-only",
    """The stores of the next layout are closed before it is in force, and opened after. One that it has no more is nobody's
    concern: a migration was rolled back, and the shard that was to be added is out of the ring. A node that heard of nothing goes
    on writing there.""",
)


@protocol.action(n=Node)
def put_in_force(n: Term) -> None:
    """Every store that the next layout has was closed."""
    require(ahead.defined(n), coming.defined(), coming == ahead[n])
    require(forall(Store, lambda s: implies(has[ahead[n], s], raised[n, s])))
    now.next = coming
    coming.next = UNDEFINED
    end(n)


design = Design(
    protocol, "writes_land_in_the_layout_in_force", ("MIG-8", "RNG-4"), sizes={"Store": 2, "Node": 1, "Layout": 2}
)
