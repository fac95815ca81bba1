"""The latest entry wins, as in many replicated stores."""

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
    "last-write-wins",
    """Replicas that keep the greatest timestamp converge as well as those that keep the least, and most stores offer it. But
    then every outcome can still be overturned by whoever writes later: a region that has merged a peer no longer holds its
    own first claim.""",
)


@protocol.action(n=Log, p=Log, g=Segment, k=Record, s=Stamp)
def merge(n: Term, p: Term, g: Term, k: Term, s: Term) -> None:
    """Keep the greatest."""
    require(level[n] | (home[n] == home[p]), n != p, uploaded[p, g], logged[p, g, k, s])
    require(forall(Segment, lambda h: implies(h < g, replayed[n, p, h])))
    stored.next[n, k] = ite(stored.defined(n, k), ite(s < stored[n, k], stored[n, k], s), s)


protocol.without(*replication.DAMAGE)

design = Design(protocol, "own_claims_count", ("CRR-1",))
