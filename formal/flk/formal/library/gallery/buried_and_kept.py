"""A dead letter for what could not be delivered today, beside a record that is still pursued."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import outbox
from flk.formal.library.protocols.outbox import Entry, Record, held, log, request

protocol = outbox.protocol.variant(
    "buried-and-kept",
    """When the attempts of a round are used up the agent writes a dead letter, so that somebody looks at it, and leaves the record
    in the outbox, so that the next round tries again. The service was only away: the record is delivered after all, and
    somebody looks into dead letters, one for each round, of which none is dead.""",
)


@protocol.action(r=Record)
def give_up(r: Term) -> None:
    """The agent has had no answer for a round, and logs a dead letter; it still holds the record."""
    require(held[r], request[r])
    log.next[r] = Entry.dead


design = Design(protocol, "pending_is_queued", ("OUT-5",), "5.2", {"Record": 1})
