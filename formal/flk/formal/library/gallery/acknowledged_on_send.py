"""An agent that takes sending for delivery."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import outbox
from flk.formal.library.protocols.outbox import Entry, Record, held, log, request

protocol = outbox.protocol.variant(
    "acknowledged-on-send",
    """The request left without an error, so the agent counts the record as delivered and need not wait for answers. The network
    loses the request, or the service never stored it, and nobody sends it again.""",
)


@protocol.action(r=Record)
def send(r: Term) -> None:
    """The agent sends a pending record and strikes it off its list."""
    require(held[r])
    request.next[r] = True
    log.next[r] = Entry.acknowledged
    held.next[r] = False


protocol.may_not_happen("acknowledge", "bury")  # there is nothing left to hear an answer about

design = Design(protocol, "acknowledged_is_stored", ("OUT-2",), "", {"Record": 1})
