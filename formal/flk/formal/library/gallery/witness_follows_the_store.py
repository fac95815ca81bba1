"""A witness keeps what it was shown last, though it had cosigned more."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import transparency
from flk.formal.library.protocols.transparency import Checkpoint, Witness, agree, cosigned, last, upto

protocol = transparency.protocol.variant(
    "witness-follows-the-store",
    """A smaller checkpoint may be put over a larger one, and it is true, so a witness cosigns it and keeps it. What it forgets
    by that is the end of the tree, and somebody with the key writes another: it extends what the witness kept.""",
)


@protocol.action(w=Witness, c=Checkpoint)
def cosign(w: Term, c: Term) -> None:
    """The two do not exclude each other, whichever is larger."""
    require(upto.defined(c), ~cosigned[w, c], ~last.defined(w) | (upto.defined(last[w]) & agree(last[w], c)))
    last.next[w] = c
    cosigned.next[w, c] = True


design = Design(protocol, "a_witness_cosigns_one_history", ("SEQ-3", "SEQ-4"), sizes={"Checkpoint": 3, "Node": 1})
