"""A winner that gives way without a word."""

from flk.formal.language import Term, forall, implies, ite, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import replication
from flk.formal.library.protocols.replication import (
    Record,
    Region,
    Segment,
    Stamp,
    level,
    logged,
    replayed,
    stored,
    uploaded,
)

protocol = replication.protocol.variant(
    "silent-supersession",
    """Merging keeps the least entry, so all regions agree in the end, and nothing more is needed. But a client of this region
    was told the outcome that has just given way, and no record says so: the disagreement cannot be found, explained or
    undone.""",
)


@protocol.action(r=Region, p=Region, g=Segment, k=Record, s=Stamp)
def merge(r: Term, p: Term, g: Term, k: Term, s: Term) -> None:
    """Keep the least, and say nothing."""
    require(level[r], r != p, uploaded[p, g], logged[p, g, k, s])
    require(forall(Segment, lambda h: implies(h < g, replayed[r, p, h])))
    stored.next[r, k] = ite(stored.defined(r, k), ite(stored[r, k] < s, stored[r, k], s), s)


design = Design(protocol, "winners_do_not_vanish", ("CRR-3",))
