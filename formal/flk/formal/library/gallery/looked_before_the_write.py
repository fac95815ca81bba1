"""A phase in one store, looked at before a write to another."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import fences
from flk.formal.library.protocols.fences import Node, Store, has, known, latest, now

protocol = fences.protocol.variant(
    "looked-before-the-write",
    """The layout is on record, so a node looks there before each write, and stores need know nothing of it. It finds its layout in
    force, and stands still; the layout changes, and others write in the next. Then its write comes.""",
)

certain = protocol.relation("certain", Node)  # has looked, and not written since


@protocol.action(n=Node)
def make_certain(n: Term) -> None:
    """A node finds that the layout it knows is in force."""
    require(known.defined(n), now.defined(), now == known[n])
    certain.next[n] = True


@protocol.action(n=Node, s=Store)
def write(n: Term, s: Term) -> None:
    """A node that has looked writes, and a store takes what comes."""
    require(known.defined(n), has[known[n], s], certain[n])
    certain.next[n] = False
    latest.next = known[n]


design = Design(protocol, "layouts_do_not_interleave", ("MIG-8", "MIG-2"), sizes={"Store": 1, "Node": 2, "Layout": 2})
