"""A fence that is whatever was said last."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import fences
from flk.formal.library.protocols.fences import Node, Store, ahead, concerned, fence, found, opened, raised

protocol = fences.protocol.variant(
    "set-not-raised",
    """Who opens a store sets its fence to the number of the layout that is in force, as it found on record. It stands still before
    it does; others change the layout meanwhile. Then the store is open for the layout that is over, and takes what a node
    decided in it long ago.""",
)


@protocol.action(n=Node, s=Store)
def open_store(n: Term, s: Term) -> None:
    """The fence of a store is set to that of the layout that was found in force."""
    require(found.defined(n), ~ahead.defined(n), concerned(n, s), ~raised[n, s])
    fence.next[s] = found[n]
    opened.next[s] = True
    raised.next[n, s] = True


design = Design(
    protocol, "writes_land_in_the_layout_in_force", ("MIG-8", "MIG-6"), sizes={"Store": 1, "Node": 2, "Layout": 2}
)
