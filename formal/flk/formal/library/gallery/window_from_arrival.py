"""A window that is measured by the time at which a segment is read."""

from flk.formal.language import Term, exists, forall, implies, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import retention
from flk.formal.library.protocols.retention import Reader, Record, Segment, about, held, over, replayed, there

protocol = retention.protocol.variant(
    "window-from-arrival",
    """A store knows how old its entries are by its own clock, so a reader asks that whether an entry still counts when a
    claim arrives. A segment that is read a month late brings a repeat that was stamped a second after its first: by the clock
    the first no longer counts, and the repeat is taken for new. Regions that read the same log at different times hold
    different outcomes.""",
)


@protocol.action(r=Reader, g=Segment, k=Record)
def replay(r: Term, g: Term, k: Term) -> None:
    """A claim is new if the window of what is held is over by now."""
    require(there(r, g), about[g, k], ~replayed[r, g], forall(Segment, lambda h: implies(h < g, replayed[r, h])))
    replayed.next[r, g] = True
    held.next[r, :] = lambda h: (
        (held[r, h] & ~(about[h, k] & over[h]))
        | ((h == g) & ~exists(Segment, lambda i: held[r, i] & about[i, k] & ~over[i]))
    )


design = Design(protocol, "readers_hold_what_was_judged_as_new", ("CRR-2", "DUP-7"))
