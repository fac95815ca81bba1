"""An answer as soon as the request is in the node's log."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import shared_store
from flk.formal.library.protocols.shared_store import (
    Key,
    Node,
    Request,
    Stage,
    about,
    at,
    first_in_log,
    join,
    named,
    stage,
    told,
)

protocol = shared_store.protocol.variant(
    "answered-from-its-log",
    """A request that is durable in a log will reach the store, so the node answers with it at once and claims later: the
    store may be slow. But the key was taken before, by way of this node or another: the client was told that its content is
    stored, and it never was, nor is there a record that it gave way.""",
)


@protocol.action(q=Request, n=Node, k=Key)
def claim(q: Term, n: Term, k: Term) -> None:
    """The answer is the request itself, whatever the store has."""
    require(stage[q] == Stage.logged, at[q, n], about[q, k], first_in_log(q, n, k))
    join(q, k)
    stage.next[q] = Stage.answered
    told.next[q, q] = True
    named.next[q] = True


design = Design(protocol, "what_was_told_stands_or_gave_way", ("DUP-2", "CRR-3"))
