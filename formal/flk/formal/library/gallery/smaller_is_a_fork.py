"""A log that shows fewer leaves than before was tampered with."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import transparency
from flk.formal.library.protocols.transparency import Checkpoint, Witness, agree, alarmed, last, published, upto

protocol = transparency.protocol.variant(
    "smaller-is-a-fork",
    """Trees only grow, so a monitor that is shown a smaller one than yesterday raises an alarm. A node was paused with a checkpoint
    in its hand, and put it where a larger one was: the store shows less than before, all of which is true.""",
)


@protocol.action(w=Witness, c=Checkpoint)
def refuse(w: Term, c: Term) -> None:
    """What is smaller is as bad as what excludes the last."""
    require(~alarmed[w], published[c], upto.defined(c), last.defined(w), upto.defined(last[w]))
    require((upto[c] < upto[last[w]]) | ~agree(last[w], c))
    alarmed.next[w] = True


design = Design(protocol, "no_alarm_without_a_forger", ("SEQ-3",))
