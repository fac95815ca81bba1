"""What a peer holds and a region lacks is joined as it is."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import reconciliation
from flk.formal.library.protocols.reconciliation import Claim, Region, Stage, held, join, lacks, stage

protocol = reconciliation.protocol.variant(
    "joined-from-the-peer",
    """Entries join to one that is right everywhere, so what a peer holds and should prevail is joined from the peer's store, as
    anti-entropy does elsewhere. But a store may hold what no log has: an entry of a disk that was lost before it shipped, or one
    that somebody made up. It spreads to every region that compares, and to none that is built anew from the logs.""",
)


@protocol.action(r=Region, c=Claim)
def mend(r: Term, c: Term) -> None:
    """A peer held it, and it should prevail."""
    require(stage[r, c] == Stage.looked, lacks(r, c))
    held.next[r] = join(r, c)
    stage.next[r, c] = Stage.idle


design = Design(protocol, "what_no_log_has_does_not_spread", ("DIV-4", "SNAP-9"), sizes={"Region": 2, "Claim": 1})
