"""One node at a time is the sequencer, by a lease, and puts batches without asking what is there."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import transparency
from flk.formal.library.protocols.transparency import Leaf, Node, Step, covers, holds, is_fresh, is_next, known, of, put

protocol = transparency.protocol.variant(
    "sequencer-by-lease",
    """A lease says which node may append, so that it need not be asked of each batch whether there is one. The node stands still
    for longer than its lease, another takes over and puts the step, its tree is signed; then the first one goes on, and puts its
    own batch over it. Whoever reads now has another tree of the same step, and signs that.""",
)


@protocol.action(n=Node, s=Step, x=Leaf)
def put_batch(n: Term, s: Term, x: Term) -> None:
    """The node believes that it still has the lease."""
    require(of.defined(x), ~known[n, x], is_next(n, s))
    put.next[s] = True
    holds.next[s, :] = lambda y: is_fresh(n, y, x)
    covers.next[s, :] = lambda y: known[n, y] | is_fresh(n, y, x)


design = Design(protocol, "checkpoints_never_fork", ("SEQ-1",))
