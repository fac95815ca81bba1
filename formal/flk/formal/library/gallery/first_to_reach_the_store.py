"""The first claim to reach the store wins."""

from flk.formal.language import Term, ite, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import shared_store
from flk.formal.library.protocols.shared_store import (
    Condition,
    Key,
    Node,
    Request,
    Stage,
    about,
    applied,
    at,
    first_in_log,
    named,
    newest,
    node,
    stage,
    stamp,
    stored,
    told,
)

protocol = shared_store.protocol.variant(
    "first-to-reach-the-store",
    """The store is one and its insert-or-get is atomic, so whoever reaches it first wins, and no answer is ever taken back.
    But another region replays the logs, and so does whoever rebuilds the store: by stamps, for nothing else is in them. Where
    two nodes log one key at once and the later stamp reaches the store first, the region and all others part for ever.""",
)


def keep(q: Term, k: Term) -> None:
    """Keep what is stored, whatever its stamp."""
    stored.next[k] = ite(stored.defined(k), stored[k], q)
    newest.next = ite(~stored.defined(k) & (~newest.defined() | (stamp[newest] < stamp[q])), q, newest)
    applied.next[q] = True


@protocol.action(q=Request, n=Node, k=Key)
def claim(q: Term, n: Term, k: Term) -> None:
    """Insert or get."""
    require(stage[q] == Stage.logged, at[q, n], about[q, k], first_in_log(q, n, k))
    keep(q, k)
    stage.next[q] = Stage.answered
    told.next[q, ite(stored.defined(k), stored[k], q)] = True
    named.next[ite(stored.defined(k), stored[k], q)] = True


@protocol.action(q=Request, n=Node, k=Key)
def recover(q: Term, n: Term, k: Term) -> None:
    """Insert, or leave it."""
    require(
        node[n] == Condition.recovering, stamp.defined(q), at[q, n], about[q, k], ~applied[q], first_in_log(q, n, k)
    )
    keep(q, k)


design = Design(protocol, "the_store_holds_the_least", ("CRR-1", "CRR-2"))
