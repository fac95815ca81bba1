"""A witness keeps what it cosigned in memory."""

from flk.formal.language import UNDEFINED, Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import transparency
from flk.formal.library.protocols.transparency import Witness, last

protocol = transparency.protocol.variant(
    "witness-begins-anew",
    """What a witness has to remember is one checkpoint, which it can fetch again when it comes back, and it takes what it is shown
    then for the first. It is shown another history than before, and cosigns that as well.""",
)


@protocol.action(w=Witness)
def restart(w: Term) -> None:
    """The witness comes back, and remembers nothing."""
    require(last.defined(w))
    last.next[w] = UNDEFINED


design = Design(protocol, "a_witness_cosigns_one_history", ("SEQ-4",))
