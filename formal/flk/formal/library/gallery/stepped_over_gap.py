"""A reader that goes on with what the listing shows."""

from flk.formal.language import Term, forall, implies, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import replication
from flk.formal.library.protocols.replication import (
    Log,
    Record,
    Segment,
    Stamp,
    holds,
    home,
    join,
    level,
    logged,
    owed,
    replayed,
    sealed,
    uploaded,
)

protocol = replication.protocol.variant(
    "stepped-over-gap",
    """The reader replays whatever segments are listed after its watermark, and the watermark is the last name it replayed. A
    segment that appears late, behind one that was already replayed, is never looked at again: its claims do not arrive.""",
)


@protocol.action(n=Log, p=Log, g=Segment, k=Record, s=Stamp)
def merge(n: Term, p: Term, g: Term, k: Term, s: Term) -> None:
    """Take in a claim of any segment that is there."""
    require(level[n] | (home[n] == home[p]), n != p, uploaded[p, g], logged[p, g, k, s])
    join(n, k, s)


@protocol.action(n=Log, p=Log, g=Segment)
def mark_replayed(n: Term, p: Term, g: Term) -> None:
    """The watermark moves to this segment, and with it past all before it."""
    require(level[n] | (home[n] == home[p]), n != p, uploaded[p, g], ~replayed[n, p, g])
    require(forall(Record, Stamp, lambda k, s: implies(logged[p, g, k, s], holds(n, k, s))))
    replayed.next[n, p, :] = lambda h: replayed[n, p, h] | (h <= g)
    owed.next[n, p, :] = lambda h: owed[n, p, h] & (g < h)


@protocol.action(n=Log, g=Segment)
def upload(n: Term, g: Term) -> None:
    """Segments are uploaded side by side, so they may appear out of order."""
    require(sealed[n, g])
    uploaded.next[n, g] = True


protocol.without(*replication.DAMAGE)
protocol.without("uploads_have_no_gap", "shipping_has_no_gap")

design = Design(protocol, "replayed_is_merged", ("CRR-5",), "14.2")
