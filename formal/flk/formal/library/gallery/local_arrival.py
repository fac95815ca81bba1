"""The first to arrive in a region wins there."""

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
    "local-arrival",
    """First write wins, so a region keeps whatever it has and skips what it already knows when it replays a peer. Two regions
    that take different records under one id keep their own for ever: each has replayed all of the other, and they do not
    agree.""",
)


@protocol.action(r=Region, p=Region, g=Segment, k=Record, s=Stamp)
def merge(r: Term, p: Term, g: Term, k: Term, s: Term) -> None:
    """Take in a claim only if nothing is held for the record."""
    require(level[r], r != p, uploaded[p, g], logged[p, g, k, s])
    require(forall(Segment, lambda h: implies(h < g, replayed[r, p, h])))
    stored.next[r, k] = ite(stored.defined(r, k), stored[r, k], s)


@protocol.action(r=Region, p=Region, g=Segment)
def mark_replayed(r: Term, p: Term, g: Term) -> None:
    """The watermark follows when every claim was taken in or skipped."""
    require(level[r], r != p, uploaded[p, g], ~replayed[r, p, g])
    require(forall(Segment, lambda h: implies(h < g, replayed[r, p, h])))
    require(forall(Record, Stamp, lambda k, s: implies(logged[p, g, k, s], stored.defined(r, k))))
    replayed.next[r, p, g] = True


design = Design(protocol, "replayed_is_merged", ("CRR-1", "CRR-2"), "14.2")
