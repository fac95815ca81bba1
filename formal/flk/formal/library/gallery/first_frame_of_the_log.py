"""A row is put back from the first frame of its key that the log has."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import rotten_rows
from flk.formal.library.protocols.rotten_rows import (
    Claim,
    Key,
    Node,
    Stage,
    Step,
    carried,
    end,
    lost,
    noted,
    rotten,
    row,
    stage,
    step,
)

protocol = rotten_rows.protocol.variant(
    "first-frame-of-the-log",
    """The first valid claim in a log is the one that was stored, so the first frame of the key is put in the place of a rotten
    row. Several nodes have logs. The first frame of one is later than what another node had stored, and that outcome is gone.""",
)


@protocol.action(n=Node, k=Key, c=Claim)
def find(n: Term, k: Term, c: Term) -> None:
    """A node's log has a claim of the key."""
    require(step[n, k] == Step.idle, noted[k], rotten[k], stage[k, c] != Stage.unmade, ~lost[k, c])
    step.next[n, k] = Step.found
    carried.next[n, k] = c


@protocol.action(n=Node, k=Key)
def put_back(n: Term, k: Term) -> None:
    """It takes the place of the row."""
    require(step[n, k] == Step.found, rotten[k])
    row.next[k] = carried[n, k]
    rotten.next[k] = False
    end(n, k)


design = Design(protocol, "nothing_that_was_taken_is_lost", ("DUP-8", "DUP-1"), sizes={"Key": 1, "Node": 1, "Claim": 2})
