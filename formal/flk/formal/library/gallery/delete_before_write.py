"""A demotion that takes the entry out before it puts it in."""

from flk.formal.language import BOOL, Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import tiering
from flk.formal.library.protocols.tiering import Key, Tier, cooled, holds

protocol = tiering.protocol.variant(
    "delete-before-write",
    """An entry should be in one place at a time, so the demoter takes it out of the hot tier and writes it to the warm one. In
    between it is in the demoter's memory only, where no claim looks and which a crash empties.""",
)

carried = protocol.map("carried", Key, to=BOOL, initially=False)


@protocol.action(k=Key)
def delete_from_hot(k: Term) -> None:
    """Demotion begins: the demoter takes an entry past the hot tier's term out of it."""
    require(holds[Tier.hot, k], cooled(k), ~holds[Tier.warm, k])
    holds.next[Tier.hot, k] = False
    carried.next[k] = True


@protocol.action(k=Key)
def copy_to_warm(k: Term) -> None:
    """Demotion ends: the demoter writes the entry to the warm tier."""
    require(carried[k])
    holds.next[Tier.warm, k] = True
    carried.next[k] = False


design = Design(protocol, "kept_for_the_window", ("TIR-2",), "", {"Key": 1})
