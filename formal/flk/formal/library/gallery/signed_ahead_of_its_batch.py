"""A node signs the tree that it is about to write."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import transparency
from flk.formal.library.protocols.transparency import (
    Checkpoint,
    Leaf,
    Node,
    Step,
    is_fresh,
    is_next,
    known,
    mine,
    of,
    says,
    upto,
)

protocol = transparency.protocol.variant(
    "signed-ahead-of-its-batch",
    """What the next batch will be is settled in memory, so the node may sign its tree at once and save a round trip to the store.
    It crashes, and what it had settled is forgotten. Since then more was logged: the batch that is put for that step has other
    leaves, and the tree that was signed is never written.""",
)


@protocol.action(n=Node, c=Checkpoint, s=Step, x=Leaf)
def sign_ahead(n: Term, c: Term, s: Term, x: Term) -> None:
    """The leaves of the step are those that the node means to put."""
    require(~upto.defined(c), of.defined(x), ~known[n, x], is_next(n, s))
    upto.next[c] = s
    says.next[c, :, :] = lambda t, y: ((t < s) & mine[n, t, y]) | ((t == s) & is_fresh(n, y, x))


design = Design(protocol, "checkpoints_never_fork", ("SEQ-1", "SEQ-2"))
