"""Stamps from the node's own clock."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import shared_store
from flk.formal.library.protocols.shared_store import Node, Request, Stage, Stamp, at, stage

protocol = shared_store.protocol.variant(
    "own-clock-only",
    """Each node stamps by its own clock, as a node alone does, and the store keeps the lesser stamp. Clocks of two machines
    are never equal: a request that comes to the one that is behind, when another node has long answered, gets the earlier
    stamp and takes the place of what was answered. To wait out the difference of clocks needs a bound on it, which nobody
    has.""",
)


@protocol.action(q=Request, n=Node, t=Stamp)
def observe(q: Term, n: Term, t: Term) -> None:
    """The store is not asked."""
    del t
    require(stage[q] == Stage.admitted, at[q, n])
    stage.next[q] = Stage.observed


design = Design(protocol, "first_write_wins_in_real_time", ("DUP-1", "HLC-2"))
