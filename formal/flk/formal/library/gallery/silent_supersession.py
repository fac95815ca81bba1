"""A winner that gives way without a word."""

from flk.formal.language import Term, forall, implies, ite, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import replication
from flk.formal.library.protocols.replication import (
    Log,
    Record,
    Segment,
    Stamp,
    home,
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


@protocol.action(n=Log, p=Log, g=Segment, k=Record, s=Stamp)
def merge(n: Term, p: Term, g: Term, k: Term, s: Term) -> None:
    """Keep the least, and say nothing."""
    require(level[n] | (home[n] == home[p]), n != p, uploaded[p, g], logged[p, g, k, s])
    require(forall(Segment, lambda h: implies(h < g, replayed[n, p, h])))
    stored.next[n, k] = ite(stored.defined(n, k), ite(stored[n, k] < s, stored[n, k], s), s)


protocol.without(*replication.DAMAGE)

design = Design(protocol, "winners_do_not_vanish", ("CRR-3",))
