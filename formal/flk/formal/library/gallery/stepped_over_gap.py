"""A reader that goes on with what the listing shows."""

from flk.formal.language import Term, forall, implies, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import replication
from flk.formal.library.protocols.replication import (
    Record,
    Region,
    Segment,
    Stamp,
    holds,
    join,
    level,
    logged,
    replayed,
    sealed,
    uploaded,
)

protocol = replication.protocol.variant(
    "stepped-over-gap",
    """The reader replays whatever segments are listed after its watermark, and the watermark is the last name it replayed. A
    segment that appears late, behind one that was already replayed, is never looked at again: its claims do not arrive.""",
)


@protocol.action(r=Region, p=Region, g=Segment, k=Record, s=Stamp)
def merge(r: Term, p: Term, g: Term, k: Term, s: Term) -> None:
    """Take in a claim of any segment that is there."""
    require(level[r], r != p, uploaded[p, g], logged[p, g, k, s])
    join(r, k, s)


@protocol.action(r=Region, p=Region, g=Segment)
def mark_replayed(r: Term, p: Term, g: Term) -> None:
    """The watermark moves to this segment, and with it past all before it."""
    require(level[r], r != p, uploaded[p, g], ~replayed[r, p, g])
    require(forall(Record, Stamp, lambda k, s: implies(logged[p, g, k, s], holds(r, k, s))))
    replayed.next[r, p, :] = lambda h: replayed[r, p, h] | (h <= g)


@protocol.action(r=Region, g=Segment)
def upload(r: Term, g: Term) -> None:
    """Segments are uploaded side by side, so they may appear out of order."""
    require(sealed[r, g])
    uploaded.next[r, g] = True


protocol.without("uploads_have_no_gap", "shipping_has_no_gap")

design = Design(protocol, "replayed_is_merged", ("CRR-5",), "14.2")
