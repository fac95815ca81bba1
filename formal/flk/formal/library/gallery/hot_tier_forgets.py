"""A hot tier with the term of a cache."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import tiering
from flk.formal.library.protocols.tiering import Key, Tier, cooled, holds

protocol = tiering.protocol.variant(
    "hot-tier-forgets",
    """Entries are written to the hot tier with a term of an hour, which keeps it small by itself, and a demoter moves what is about
    to expire. The demoter is late, or finds nothing to move: the entry is gone within the window, and the next duplicate is
    judged as new.""",
)


@protocol.action(k=Key)
def forget(k: Term) -> None:
    """The hot tier's term is over, and the store deletes the entry, wherever else it is or is not."""
    require(holds[Tier.hot, k], cooled(k))
    holds.next[Tier.hot, k] = False


design = Design(protocol, "judged_as_new_again", ("TIR-1", "DUP-7"), "13.1", {"Key": 1})
