"""An outbox in memory, written down only when something fails."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import outbox
from flk.formal.library.protocols.outbox import Entry, Record, held, log, promised, up

protocol = outbox.protocol.variant(
    "in-memory-outbox",
    """The disk is slow and the service is nearly always there, so a new record is held in memory and sent at once; the log hears of
    it when its fate is known. The agent dies in between, and the record that it promised to deliver is nowhere.""",
)


@protocol.action(r=Record)
def queue(r: Term) -> None:
    """The agent holds a new record in memory, and promises to deliver it."""
    require(up, log[r] == Entry.absent, ~held[r])
    held.next[r] = True
    promised.next[r] = True


design = Design(protocol, "no_promise_is_lost", ("OUT-1", "OUT-2"), "", {"Record": 1})
