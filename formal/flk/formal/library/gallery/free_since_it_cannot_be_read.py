"""A claim takes the place of a row that cannot be read."""

from flk.formal.language import Term, ite, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import rotten_rows
from flk.formal.library.protocols.rotten_rows import Claim, Key, Stage, rotten, row, stage

protocol = rotten_rows.protocol.variant(
    "free-since-it-cannot-be-read",
    """A row that cannot be read holds nothing, so its key is free, and the next claim takes it: the store mends itself. What was
    answered before is forgotten, and another outcome is answered now.""",
)


@protocol.action(k=Key, c=Claim)
def join(k: Term, c: Term) -> None:
    """A claim takes the place that is free, that has rotted, or of a later one."""
    require(stage[k, c] == Stage.logged)
    row.next[k] = ite(~row.defined(k) | rotten[k] | (c < row[k]), c, row[k])
    rotten.next[k] = False
    stage.next[k, c] = Stage.taken


design = Design(
    protocol, "outcomes_only_give_way_to_what_precedes", ("DUP-8", "DUP-1"), sizes={"Key": 1, "Node": 1, "Claim": 2}
)
