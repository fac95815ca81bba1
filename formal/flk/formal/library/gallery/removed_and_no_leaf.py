"""Segments of a log are removed by the rules of replication alone."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import transparency
from flk.formal.library.protocols.transparency import Leaf, of, removed

protocol = transparency.protocol.variant(
    "removed-and-no-leaf",
    """Every region has read the segment and a snapshot covers it, so it may go, as ever. The audit log is a reader, too, and was
    behind: what it had yet to integrate is in no log any more, and will never be a leaf.""",
)


@protocol.action(x=Leaf)
def remove_unread(x: Term) -> None:
    """Nobody asks whether a batch covers the entry."""
    require(of.defined(x), ~removed[x])
    removed.next[x] = True


design = Design(protocol, "what_is_removed_is_in_the_tree", ("SEQ-5",))
