"""A row is struck from the note without looking at what was set aside since."""

from flk.formal.language import UNDEFINED, Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import rotten_rows
from flk.formal.library.protocols.rotten_rows import Key, Node, Step, aside, end, noted, step

protocol = rotten_rows.protocol.variant(
    "struck-though-more-came",
    """What was set aside is joined, the row is sound, so its line in the note is deleted. A node that had met the row when it was
    rotten sets its claim aside in between, and that goes with the line.""",
)


@protocol.action(n=Node, k=Key)
def strike(n: Term, k: Term) -> None:
    """The row is noted no more."""
    require(step[n, k] == Step.joined)
    noted.next[k] = False
    aside.next[k] = UNDEFINED
    end(n, k)


design = Design(protocol, "nothing_that_was_taken_is_lost", ("DUP-8",), sizes={"Key": 1, "Node": 1, "Claim": 2})
