"""A node that asks for the latest stamp beside its requests."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import shared_store
from flk.formal.library.protocols.shared_store import (
    Condition,
    Content,
    Key,
    Node,
    Request,
    Stage,
    Stamp,
    about,
    at,
    content,
    followed,
    newest,
    node,
    seen,
    stage,
    stamp,
)

protocol = shared_store.protocol.variant(
    "latest-asked-early",
    """To ask the store once more for each request costs a round trip, so a node asks in the background, or takes what its
    last claim brought along. What another node has answered since it asked it does not know: a request that comes after that
    answer gets a stamp that is earlier, and takes the place of what was answered. Only what is asked after the request came
    will do.""",
)


@protocol.action(q=Request, n=Node, k=Key, says=Content)
def admit(q: Term, n: Term, k: Term, says: Term) -> None:
    """A request comes to a node that serves, and may be stamped at once."""
    require(node[n] == Condition.serving, stage[q] == Stage.unsent)
    stage.next[q] = Stage.observed
    at.next[q, n] = True
    about.next[q, k] = True
    content.next[q] = says
    followed.next[:, q] = lambda o: stage[o] == Stage.answered


@protocol.action(n=Node, t=Stamp)
def ask(n: Term, t: Term) -> None:
    """A node that serves asks the store for the latest stamp, at any time."""
    require(node[n] == Condition.serving, ~newest.defined() | (stamp[newest] <= t))
    seen.next[n] = t


protocol.without("observe")

design = Design(protocol, "first_write_wins_in_real_time", ("DUP-1", "HLC-2"))
