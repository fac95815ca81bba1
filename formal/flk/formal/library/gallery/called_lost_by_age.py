"""What has been missing for a while is called lost."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import reconciliation
from flk.formal.library.protocols.reconciliation import Claim, Region, Stage, lacks, stage

protocol = reconciliation.protocol.variant(
    "called-lost-by-age",
    """Replay takes seconds, so what a peer holds and a region still lacks after some minutes must have been lost there, and an
    alarm is raised. A partition takes longer: what has yet to be replayed is called lost, and whoever is woken finds nothing.""",
)


@protocol.action(r=Region, c=Claim)
def call_lost(r: Term, c: Term) -> None:
    """It was missing when the region looked, and still is."""
    require(stage[r, c] == Stage.looked, lacks(r, c))
    stage.next[r, c] = Stage.proposed


design = Design(protocol, "what_is_called_lost_was_lost", ("DIV-3",), earlier="14.3", sizes={"Region": 2, "Claim": 1})
