"""A reader that removes entries when time is past their window."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import retention
from flk.formal.library.protocols.retention import Reader, Segment, held, over

protocol = retention.protocol.variant(
    "swept-by-the-clock",
    """An entry past its window answers nobody, so each store removes it by the clock. A reader that is behind has yet to
    replay a repeat that was stamped within the window: with the entry gone, the repeat is the first of its record there, and
    its own window begins. What the node next judges as new gives way to that, in this reader and in no other.""",
)


@protocol.action(r=Reader, g=Segment)
def forget(r: Term, g: Term) -> None:
    """Its window is over."""
    require(held[r, g], over[g])
    held.next[r, g] = False


design = Design(protocol, "readers_hold_what_was_judged_as_new", ("CRR-2", "DUP-1"))
