"""The first to arrive in a region wins there."""

from flk.formal.language import Term, forall, implies, ite, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import replication
from flk.formal.library.protocols.replication import (
    Log,
    Record,
    Segment,
    Stamp,
    level,
    logged,
    owed,
    replayed,
    stored,
    uploaded,
)

protocol = replication.protocol.variant(
    "local-arrival",
    """First write wins, so a region keeps whatever it has and skips what it already knows when it replays a peer. Two regions
    that take different records under one id keep their own for ever: each has replayed all of the other, and they do not
    agree.""",
)


@protocol.action(n=Log, p=Log, g=Segment, k=Record, s=Stamp)
def merge(n: Term, p: Term, g: Term, k: Term, s: Term) -> None:
    """Take in a claim only if nothing is held for the record."""
    require(level[n], n != p, uploaded[p, g], logged[p, g, k, s])
    require(forall(Segment, lambda h: implies(h < g, replayed[n, p, h])))
    stored.next[n, k] = ite(stored.defined(n, k), stored[n, k], s)


@protocol.action(n=Log, p=Log, g=Segment)
def mark_replayed(n: Term, p: Term, g: Term) -> None:
    """The watermark follows when every claim was taken in or skipped."""
    require(level[n], n != p, uploaded[p, g], ~replayed[n, p, g])
    require(forall(Segment, lambda h: implies(h < g, replayed[n, p, h])))
    require(forall(Record, Stamp, lambda k, s: implies(logged[p, g, k, s], stored.defined(n, k))))
    replayed.next[n, p, g] = True
    owed.next[n, p, g] = False


protocol.without(*replication.DAMAGE)

design = Design(protocol, "replayed_is_merged", ("CRR-1", "CRR-2"), "14.2")
