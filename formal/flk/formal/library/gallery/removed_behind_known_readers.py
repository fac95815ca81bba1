"""Objects that are removed when all readers of today have read them."""

from flk.formal.language import Term, exists, forall, implies, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import retention
from flk.formal.library.protocols.retention import (
    Reader,
    Record,
    Segment,
    about,
    beyond,
    held,
    known_to,
    replayed,
    there,
    uploaded,
)

protocol = retention.protocol.variant(
    "removed-behind-known-readers",
    """Every reader tells its watermark, and what all of them are past nobody will ask for, so it is removed. Then a region
    joins, or one loses its disks and begins anew: the log begins with a gap for it, and it can never hold what the others
    hold. Watermarks speak of the readers that there are; only a snapshot speaks of those to come.""",
)

joined = protocol.relation("joined", Reader)


@protocol.action(r=Reader)
def join(r: Term) -> None:
    """A reader tells its watermark from now on."""
    require(~joined[r])
    joined.next[r] = True


@protocol.action(r=Reader, g=Segment, k=Record)
def replay(r: Term, g: Term, k: Term) -> None:
    """As ever, once it has joined."""
    require(joined[r], there(r, g), about[g, k], ~replayed[r, g])
    require(forall(Segment, lambda h: implies(h < g, replayed[r, h])))
    replayed.next[r, g] = True
    held.next[r, :] = lambda h: (held[r, h] & ~(about[h, k] & beyond[h, g])) | ((h == g) & ~known_to(r, g, k))


@protocol.action(g=Segment)
def remove_object(g: Term) -> None:
    """Every reader that has joined is past it, and some have."""
    require(uploaded[g], exists(Reader, lambda r: joined[r]))
    require(forall(Reader, lambda r: implies(joined[r], replayed[r, g])))
    uploaded.next[g] = False


design = Design(
    protocol, "every_reader_can_read_on", ("CRR-5", "CRR-2"), sizes={"Segment": 1, "Record": 1, "Reader": 2}
)
