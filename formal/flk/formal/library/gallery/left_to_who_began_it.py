"""A change that only the migrator completes."""

from flk.formal.language import UNDEFINED, Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import fences
from flk.formal.library.protocols.fences import (
    Layout,
    Node,
    ahead,
    begun,
    calm,
    coming,
    end,
    found,
    known,
    now,
)

protocol = fences.protocol.variant(
    "left-to-who-began-it",
    """A change is the migrator's: it put the next layout on record, it closes the stores, and nodes wait until these are open
    again. The migrator dies in between, and every node waits for good.""",
)

own = protocol.relation("own", Node)  # began the change


@protocol.action(n=Node, x=Layout)
def propose(n: Term, x: Term) -> None:
    """A migrator puts the next layout on record, and remembers that it did."""
    require(known.defined(n), now == known[n], ~coming.defined(), now < x)
    coming.next = x
    own.next[n] = True


@protocol.action(n=Node)
def meet(n: Term) -> None:
    """Whoever began the change goes about it."""
    require(~found.defined(n), coming.defined(), own[n])
    found.next[n] = now
    ahead.next[n] = coming
    own.next[n] = False


@protocol.action(n=Node)
def die(n: Term) -> None:
    """Who dies has forgotten what it began."""
    require(~calm, known.defined(n) | found.defined(n))
    known.next[n] = UNDEFINED
    begun.next[n] = UNDEFINED
    own.next[n] = False
    end(n)


design = Design(protocol, "a_change_that_began_ends", ("MIG-8", "MIG-7"), sizes={"Store": 1, "Node": 2, "Layout": 2})
