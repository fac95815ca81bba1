"""A checkpoint is signed while the tiles of its tree are on their way."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import transparency
from flk.formal.library.protocols.transparency import Checkpoint, Node, Step, extends, mine, read, says, upto

protocol = transparency.protocol.variant(
    "signed-before-its-tiles",
    """The root is known as soon as the batches are read, so the node signs and publishes it at once, and the tiles follow. The node
    dies before they do: a root is out there that nobody can prove anything from, until somebody happens to write them.""",
)


@protocol.action(n=Node, c=Checkpoint, s=Step)
def sign(n: Term, c: Term, s: Term) -> None:
    """The node has the tree in memory, and that is enough."""
    require(~upto.defined(c), read[n, s], extends(n, s))
    upto.next[c] = s
    says.next[c, :, :] = lambda t, x: (t <= s) & mine[n, t, x]


design = Design(protocol, "what_is_signed_is_there", ("SEQ-2",))
