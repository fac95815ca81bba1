"""A witness cosigns every tree that is larger than the last."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import transparency
from flk.formal.library.protocols.transparency import Checkpoint, Witness, cosigned, last, upto

protocol = transparency.protocol.variant(
    "larger-is-enough",
    """A proof that the larger tree begins with the smaller one is work for both sides, and a log that never shrinks looks honest.
    One that was rewritten and has grown since looks the same.""",
)


@protocol.action(w=Witness, c=Checkpoint)
def cosign(w: Term, c: Term) -> None:
    """It has as many leaves, or more."""
    require(
        upto.defined(c),
        ~cosigned[w, c],
        ~last.defined(w) | (upto.defined(last[w]) & (upto[last[w]] <= upto[c])),
    )
    last.next[w] = c
    cosigned.next[w, c] = True


design = Design(protocol, "a_witness_cosigns_one_history", ("TLOG-5", "SEQ-4"))
