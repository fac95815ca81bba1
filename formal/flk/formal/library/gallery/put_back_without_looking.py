"""A row is put back without looking whether it still is as it was."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import rotten_rows
from flk.formal.library.protocols.rotten_rows import Key, Node, Step, carried, end, rotten, row, step

protocol = rotten_rows.protocol.variant(
    "put-back-without-looking",
    """A node has looked at what is left of a row, and has the claim that it names: to write that is all that is left to do. It
    stands still. Another node puts the row back, a claim that precedes it is joined, and then the write comes.""",
)


@protocol.action(n=Node, k=Key)
def put_back(n: Term, k: Term) -> None:
    """What the node found is written."""
    require(step[n, k] == Step.found)
    row.next[k] = carried[n, k]
    rotten.next[k] = False
    end(n, k)


design = Design(protocol, "nothing_that_was_taken_is_lost", ("DUP-8",), sizes={"Key": 1, "Node": 2, "Claim": 2})
