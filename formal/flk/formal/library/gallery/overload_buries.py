"""A client that gives up on every 4xx, the one that says "later" included."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import outbox
from flk.formal.library.protocols.outbox import Answer, Entry, Record, answer, held, log

protocol = outbox.protocol.variant(
    "overload-buries",
    """A 4xx says that the request is at fault, so it is not repeated; only 5xx and silence are. 429 is a 4xx: a moment's overload
    makes dead letters of records that nothing is wrong with, and the burst that caused it makes many.""",
)


@protocol.action(r=Record)
def bury_when_turned_away(r: Term) -> None:
    """The agent hears that the service has no time, and logs a dead letter."""
    require(held[r], answer[r, Answer.overloaded])
    log.next[r] = Entry.dead
    held.next[r] = False


design = Design(protocol, "dead_is_refused_for_good", ("OUT-4", "OUT-5"), "5.3", {"Record": 1})
