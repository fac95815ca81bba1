"""Deduplication by a lookup, and a write if nothing was found."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import ingest
from flk.formal.library.protocols.ingest import Key, Node, Request, Stage, about, applied, node, stage, store_up, stored

protocol = ingest.protocol.variant(
    "get-then-set",
    """A request looks its key up and, finding nothing, stores its own outcome: simple, and any store can do it. Two requests
    that look before either writes both find nothing; the second write takes the place of the first, after the first client
    was answered.""",
)

found_nothing = protocol.relation("found_nothing", Request)


@protocol.action(q=Request, k=Key)
def look_up(q: Term, k: Term) -> None:
    """Look the key up: nothing is there yet."""
    require(node == Node.serving, store_up, stage[q] == Stage.verified, about[q, k], ~stored.defined(k))
    found_nothing.next[q] = True


@protocol.action(q=Request, k=Key)
def claim(q: Term, k: Term) -> None:
    """Store the outcome, because nothing was found."""
    require(node == Node.serving, store_up, stage[q] == Stage.verified, about[q, k], found_nothing[q])
    stored.next[k] = q
    applied.next[q] = True
    stage.next[q] = Stage.claimed


design = Design(protocol, "outcome_never_changes", ("DUP-1",), "6.2")
