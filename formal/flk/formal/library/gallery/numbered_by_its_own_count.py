"""A node takes the number of its next batch from what it has counted, not from what it has read."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import transparency
from flk.formal.library.protocols.transparency import Leaf, Node, Step, covers, holds, is_fresh, known, of, put

protocol = transparency.protocol.variant(
    "numbered-by-its-own-count",
    """A file beside the log has the number of the next batch, which is faster to read than a list of objects. It is of another time
    than the store: a batch is put behind a step that is not there, with what some earlier one covers already.""",
)


@protocol.action(n=Node, s=Step, x=Leaf)
def put_batch(n: Term, s: Term, x: Term) -> None:
    """The step is free, whatever is before it."""
    require(of.defined(x), ~known[n, x], ~put[s])
    put.next[s] = True
    holds.next[s, :] = lambda y: is_fresh(n, y, x)
    covers.next[s, :] = lambda y: known[n, y] | is_fresh(n, y, x)


design = Design(protocol, "steps_are_in_order_without_gap", ("SEQ-1",))
