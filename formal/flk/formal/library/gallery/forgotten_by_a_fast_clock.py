"""Entries that leave the store by the node's wall time."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import retention
from flk.formal.library.protocols.retention import Segment, stored

protocol = retention.protocol.variant(
    "forgotten-by-a-fast-clock",
    """The store gives each entry a term when it is written, as caches do, and counts it by the wall time of its machine. That
    jumps forward by a month, or the term was set from another clock than the stamp: the entry is gone while its window runs,
    and the next repeat is judged as new and answered otherwise.""",
)


@protocol.action(g=Segment)
def remove_entry(g: Term) -> None:
    """Some clock says that its term is over."""
    require(stored[g])
    stored.next[g] = False


design = Design(protocol, "a_repeat_is_not_new", ("DUP-7", "DUP-1"))
