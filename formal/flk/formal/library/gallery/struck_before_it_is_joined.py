"""What was set aside is taken out of the note, and then joined."""

from flk.formal.language import UNDEFINED, Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import rotten_rows
from flk.formal.library.protocols.rotten_rows import Key, Node, Step, aside, carried, noted, rotten, step

protocol = rotten_rows.protocol.variant(
    "struck-before-it-is-joined",
    """Two nodes should not join the same claims, so the one that reads the note takes out in the same step what it will join. It
    dies before it does, and what the store had taken, and answered for, is nowhere.""",
)


@protocol.action(n=Node, k=Key)
def read_note(n: Term, k: Term) -> None:
    """A node takes what was set aside out of the note."""
    require(step[n, k] == Step.idle, noted[k], ~rotten[k], aside.defined(k))
    step.next[n, k] = Step.read
    carried.next[n, k] = aside[k]
    aside.next[k] = UNDEFINED
    noted.next[k] = False


design = Design(protocol, "nothing_that_was_taken_is_lost", ("DUP-8",), sizes={"Key": 1, "Node": 1, "Claim": 2})
