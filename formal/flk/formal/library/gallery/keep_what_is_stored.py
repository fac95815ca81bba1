"""Insert-or-get that keeps whatever is stored, beside a merge that keeps the least."""

from flk.formal.language import Term, forall, implies, ite, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import replication
from flk.formal.library.protocols.replication import (
    Record,
    Region,
    Segment,
    Stamp,
    answered,
    claimed,
    level,
    logged,
    sealed,
    stored,
)

protocol = replication.protocol.variant(
    "keep-what-is-stored",
    """A local claim is insert-or-get: what is stored stays. But a region whose clock is behind may hold a peer's later entry
    when it logs an earlier one of its own. All others join to the earlier; only the region that logged it keeps the later,
    for ever.""",
)


@protocol.action(r=Region, g=Segment, k=Record, s=Stamp)
def write(r: Term, g: Term, k: Term, s: Term) -> None:
    """Log a claim, and keep what is stored if there is anything."""
    require(level[r], ~sealed[r, g], forall(Segment, lambda h: implies(h < g, sealed[r, h])))
    require(forall(Record, lambda j: ~claimed[j, s]))
    require(forall(Segment, Record, Stamp, lambda h, j, t: implies(logged[r, h, j, t], t < s)))
    claimed.next[k, s] = True
    logged.next[r, g, k, s] = True
    stored.next[r, k] = ite(stored.defined(r, k), stored[r, k], s)
    answered.next[r, k, :] = lambda t: answered[r, k, t] | (t == ite(stored.defined(r, k), stored[r, k], s))


design = Design(protocol, "own_claims_count", ("DUP-1", "CRR-2"))
