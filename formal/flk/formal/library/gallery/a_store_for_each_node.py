"""Nodes with a store of their own behind one address."""

from flk.formal.language import Term, ite, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import shared_store
from flk.formal.library.protocols.shared_store import (
    Key,
    Node,
    Request,
    Stage,
    about,
    applied,
    at,
    first_in_log,
    join,
    named,
    stage,
    stamp,
    told,
)

protocol = shared_store.protocol.variant(
    "a-store-for-each-node",
    """Each node answers from a store of its own, which needs no other machine, and what all have taken is brought together
    afterwards. A load balancer gives a request to one and its repetition to another, and each finds its store empty: two
    clients are told two first writes, and so far nothing on record says that one of them is none.""",
)

own = protocol.map("own", Node, Key, to=Request, partial=True)
kept = protocol.relation("kept", Request)  # in the common store, too


@protocol.action(q=Request, n=Node, k=Key)
def claim(q: Term, n: Term, k: Term) -> None:
    """Insert or get, in the node's own store."""
    require(stage[q] == Stage.logged, at[q, n], about[q, k], first_in_log(q, n, k))
    own.next[n, k] = ite(own.defined(n, k), own[n, k], q)
    applied.next[q] = True
    stage.next[q] = Stage.answered
    told.next[q, ite(own.defined(n, k), own[n, k], q)] = True
    named.next[ite(own.defined(n, k), own[n, k], q)] = True


@protocol.action(q=Request, k=Key)
def bring_together(q: Term, k: Term) -> None:
    """What a node has taken comes to the common store, some time after."""
    require(stamp.defined(q), about[q, k], ~kept[q])
    join(q, k)
    kept.next[q] = True


design = Design(protocol, "answers_differ_on_record", ("DUP-1", "DUP-2"))
