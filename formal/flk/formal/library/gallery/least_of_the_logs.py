"""A row is put back from the least of its claims that can be read."""

from flk.formal.language import Term, forall, implies, require
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
    "least-of-the-logs",
    """The row is the least of all claims, and all are in logs: so the least of those that can be read is put in its place, and
    nobody looks at what is left of it. The log of the one that prevailed was lost with a disk, and a later one takes its place.""",
)


@protocol.action(n=Node, k=Key, c=Claim)
def find(n: Term, k: Term, c: Term) -> None:
    """No claim that can be read precedes this one."""
    require(step[n, k] == Step.idle, noted[k], rotten[k], stage[k, c] != Stage.unmade, ~lost[k, c])
    require(forall(Claim, lambda d: implies((stage[k, d] != Stage.unmade) & ~lost[k, d], c <= d)))
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
