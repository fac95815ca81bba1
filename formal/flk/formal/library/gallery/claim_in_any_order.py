"""Claims that take effect as their requests happen to finish."""

from flk.formal.language import Term, ite, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import ingest
from flk.formal.library.protocols.ingest import Key, Node, Request, Stage, about, applied, node, stage, store_up, stored

protocol = ingest.protocol.variant(
    "claim-in-any-order",
    """Insert-or-get is atomic, so requests may claim in whatever order they are ready. Then a request that was logged later
    wins a key over one logged before it; when the store is lost and rebuilt from the log, the other one wins, and the
    answer changes.""",
)


@protocol.action(q=Request, k=Key)
def claim(q: Term, k: Term) -> None:
    """Insert or get, whatever else waits in the log."""
    require(node == Node.serving, store_up, stage[q] == Stage.verified, about[q, k])
    stored.next[k] = ite(stored.defined(k), stored[k], q)
    applied.next[q] = True
    stage.next[q] = Stage.claimed


design = Design(protocol, "first_write_wins", ("DUP-6",))
