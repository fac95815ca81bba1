"""Insert-or-get that keeps whatever is stored, beside a merge that keeps the least."""

from flk.formal.language import Term, forall, implies, ite, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import replication
from flk.formal.library.protocols.replication import (
    Log,
    Record,
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


@protocol.action(n=Log, g=Segment, k=Record, s=Stamp)
def write(n: Term, g: Term, k: Term, s: Term) -> None:
    """Log a claim, and keep what is stored if there is anything."""
    require(level[n], ~sealed[n, g], forall(Segment, lambda h: implies(h < g, sealed[n, h])))
    require(forall(Record, lambda j: ~claimed[j, s]))
    require(forall(Segment, Record, Stamp, lambda h, j, t: implies(logged[n, h, j, t], t < s)))
    claimed.next[k, s] = True
    logged.next[n, g, k, s] = True
    stored.next[n, k] = ite(stored.defined(n, k), stored[n, k], s)
    answered.next[n, k, :] = lambda t: answered[n, k, t] | (t == ite(stored.defined(n, k), stored[n, k], s))


protocol.without(*replication.DAMAGE)

design = Design(protocol, "own_claims_count", ("DUP-1", "CRR-2"))
