"""A node that comes back goes on where the published tree ends."""

from flk.formal.language import Term, exists, forall, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import transparency
from flk.formal.library.protocols.transparency import Node, Step, known, latest, mine, put, read, says, upto

protocol = transparency.protocol.variant(
    "begun-with-a-checkpoint",
    """The checkpoint is signed, so what it says is surely in the tree, and a node that comes back begins behind that. Batches are
    put before their tree is signed: what one holds that was put and not signed yet is put again, and the tree has it twice.""",
)


@protocol.action(n=Node)
def begin_with_the_latest(n: Term) -> None:
    """The node lists the batches, and takes what is covered from the checkpoint."""
    require(forall(Step, lambda s: ~read[n, s]), latest.defined(), upto.defined(latest))
    read.next[n, :] = lambda s: put[s]
    mine.next[n, :, :] = lambda s, x: says[latest, s, x]
    known.next[n, :] = lambda x: exists(Step, lambda s: says[latest, s, x])


protocol.without("forge", "a_fork_is_told")
protocol.may_not_happen("refuse")  # nobody has the key but nodes

design = Design(protocol, "a_leaf_is_there_once", ("SEQ-1",), sizes={"Step": 3})
