"""Fences that go from one layout's number to the next one's, store after store."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import fences
from flk.formal.library.protocols.fences import Node, Store, ahead, concerned, fence, found, has, known, opened, raised

protocol = fences.protocol.variant(
    "opened-one-after-another",
    """Closing a store is a trip for nothing, so its fence goes from the number of one layout to that of the next; and who is
    refused need not ask the registrar, since the store says which number it wants. So one store takes what was decided in the
    next layout, while another still takes what was decided in the one before.""",
)


@protocol.action(n=Node, s=Store)
def close(n: Term, s: Term) -> None:
    """The store is open for the next layout at once."""
    require(ahead.defined(n), concerned(n, s), ~raised[n, s])
    fence.next[s] = ahead[n]
    opened.next[s] = True
    raised.next[n, s] = True


@protocol.action(n=Node, s=Store)
def learn(n: Term, s: Term) -> None:
    """A store refuses what a node decided, and the node takes its number."""
    require(~found.defined(n), known.defined(n), has[known[n], s], fence.defined(s), known[n] < fence[s])
    known.next[n] = fence[s]


design = Design(protocol, "layouts_do_not_interleave", ("MIG-8",), sizes={"Store": 2, "Node": 2, "Layout": 2})
