"""A node that serves because the shared store is up to date."""

from flk.formal.language import Term, forall, implies, ite, require
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
    join,
    named,
    node,
    stage,
    stamp,
    stored,
    told,
    wins,
)

protocol = shared_store.protocol.variant(
    "ready-before-its-log",
    """The store outlived the crash of a node and is kept up to date by the others, so a node that comes back serves at once
    and claims what its log has when there is time. What it had logged and not claimed is acknowledged to nobody; but it was
    the first of its key there, and until it is claimed the node answers with later ones, which then give way to its own
    log.""",
)


@protocol.action(n=Node)
def serve(n: Term) -> None:
    """The store is there, so the node is ready."""
    require(node[n] == Condition.recovering)
    node.next[n] = Condition.serving


@protocol.action(q=Request, n=Node, k=Key)
def recover(q: Term, n: Term, k: Term) -> None:
    """A node that runs claims what its log has from before, when there is time."""
    require(node[n] != Condition.down, stage[q] == Stage.cut_off, stamp.defined(q), at[q, n], about[q, k], ~applied[q])
    join(q, k)


@protocol.action(q=Request, n=Node, k=Key)
def claim(q: Term, n: Term, k: Term) -> None:
    """Requests that wait claim in the order of their log, and do not wait for those that nobody waits for."""
    require(stage[q] == Stage.logged, at[q, n], about[q, k])
    require(
        forall(Request, lambda o: implies((stage[o] == Stage.logged) & at[o, n] & about[o, k], stamp[q] <= stamp[o]))
    )
    join(q, k)
    stage.next[q] = Stage.answered
    told.next[q, ite(wins(q, k), q, stored[k])] = True
    named.next[ite(wins(q, k), q, stored[k])] = True


design = Design(protocol, "no_answer_gives_way_to_its_own_log", ("WAL-5", "DUP-6"))
