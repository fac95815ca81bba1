"""A reader to which the earlier entry always prevails."""

from flk.formal.language import Term, exists, forall, implies, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import retention
from flk.formal.library.protocols.retention import Reader, Record, Segment, about, held, replayed, there

protocol = retention.protocol.variant(
    "the-least-for-ever",
    """Merging keeps the entry with the lesser stamp, whatever its age: that is the rule between regions, and so it is when an
    old segment is read again. An entry that the node has long removed comes back with it, and keeps out the one that was
    since judged as new and answered. The outcome of a record changes with who reads what again.""",
)


@protocol.action(r=Reader, g=Segment, k=Record)
def replay(r: Term, g: Term, k: Term) -> None:
    """A claim is new if nothing is held for its record."""
    require(there(r, g), about[g, k], ~replayed[r, g], forall(Segment, lambda h: implies(h < g, replayed[r, h])))
    replayed.next[r, g] = True
    held.next[r, :] = lambda h: held[r, h] | ((h == g) & ~exists(Segment, lambda i: held[r, i] & about[i, k]))


design = Design(protocol, "readers_keep_it_for_the_window", ("CRR-2", "DUP-7"))
