"""The store is looked at first, and the watermark after it."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import reconciliation
from flk.formal.library.protocols.reconciliation import Claim, Region, Stage, stage

protocol = reconciliation.protocol.variant(
    "looked-before-the-watermark",
    """A claim that the store lacks, and that a segment has which was applied, was lost: the region looks at its store, finds the
    segment, and reads how far replay has come. Meanwhile replay joins the segment and moves the watermark past it: what is
    called lost is in the store.""",
)


@protocol.action(r=Region, c=Claim)
def call_lost(r: Term, c: Term) -> None:
    """The store lacked it when the region looked, and its log is applied."""
    require(stage[r, c] == Stage.proven)
    stage.next[r, c] = Stage.proposed


design = Design(protocol, "what_is_called_lost_was_lost", ("DIV-3",), sizes={"Region": 2, "Claim": 1})
