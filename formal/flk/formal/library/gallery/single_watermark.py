"""A reader that keeps one position for a whole region."""

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
    level,
    logged,
    owed,
    replayed,
    uploaded,
)

protocol = replication.protocol.variant(
    "single-watermark",
    """Segments are read in the order of their names, so the reader remembers the last name that it has read of a region. A node
    on a new disk begins a new log, whose names are later. Once that is being read, the watermark is past every segment of the
    log before: what the first node, which still serves, or a disk that comes back writes and ships from then on is never looked
    at, and nothing lags.""",
)


@protocol.action(n=Log, p=Log, g=Segment)
def mark_replayed(n: Term, p: Term, g: Term) -> None:
    """The region's watermark moves to this segment, and with it past all earlier logs of the region."""
    require(level[n] | (home[n] == home[p]), n != p, uploaded[p, g], ~replayed[n, p, g])
    require(forall(Segment, lambda h: implies(h < g, replayed[n, p, h])))
    require(forall(Record, Stamp, lambda k, s: implies(logged[p, g, k, s], holds(n, k, s))))
    replayed.next[n, :, :] = lambda q, h: (
        replayed[n, q, h] | ((home[q] == home[p]) & (q != n) & ((q < p) | ((q == p) & (h <= g))))
    )
    owed.next[n, p, g] = False


protocol.without(*replication.DAMAGE)

design = Design(
    protocol,
    "replayed_is_merged",
    ("CRR-4", "CRR-5"),
    sizes={"Region": 2, "Log": 3, "Record": 1, "Stamp": 2, "Segment": 1},
)
