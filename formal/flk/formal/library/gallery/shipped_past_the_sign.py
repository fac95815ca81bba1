"""The name of the next object of a lost log is left free."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import lost_logs
from flk.formal.library.protocols.lost_logs import Claim, Log, declared, filled, of, shipped, stored, uploaded

protocol = lost_logs.protocol.variant(
    "shipped-past-the-sign",
    """A log that is lost gets a sign behind a gap, and its node, which writes to the store no more, is no danger. But a request of
    it to the object store was on its way, and fills the gap: readers read on over it, begin with no snapshot, and what the node
    had stored besides is nowhere else.""",
)


@protocol.action(c=Claim, log=Log)
def upload(c: Term, log: Term) -> None:
    """Nothing has the name of the object."""
    require(stored[c], of[c] == log, ~shipped[c])
    shipped.next[c] = True
    uploaded.next[c] = True
    filled.next[log] = filled[log] | declared[log]


design = Design(protocol, "who_is_level_holds_what_the_store_holds", ("CRR-2", "SNAP-10"))
