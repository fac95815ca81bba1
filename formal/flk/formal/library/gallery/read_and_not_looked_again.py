"""Reads that only begin in the layout in force."""

from flk.formal.language import UNDEFINED, Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import fences
from flk.formal.library.protocols.fences import Node, Store, begun, has, known

protocol = fences.protocol.variant(
    "read-and-not-looked-again",
    """A fence is for writes, and a read does no harm. But a node reads several stores, one after another: those of the ring that it
    knows. The layout changes in between, a shard takes writes that the node does not know of, and the latest timestamp, or the
    count, is that of no moment.""",
)


@protocol.action(n=Node, s=Store)
def answer(n: Term, s: Term) -> None:
    """What was read is answered."""
    require(begun.defined(n), has[known[n], s])
    begun.next[n] = UNDEFINED


design = Design(protocol, "answers_are_of_one_layout", ("MIG-8", "HLC-7"), sizes={"Store": 1, "Node": 1, "Layout": 2})
