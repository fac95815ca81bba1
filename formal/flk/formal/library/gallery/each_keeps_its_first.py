"""Dual writes by an insert-or-get on each shard."""

from flk.formal.language import Term, ite, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import migration
from flk.formal.library.protocols.migration import Key, Phase, new, old, phase, told

protocol = migration.protocol.variant(
    "each-keeps-its-first",
    """First write wins, so each of the two writes is an insert-or-get and never overwrites. A node dies between them and leaves an
    outcome in the old shard that nobody was told; after cutover the new shard decides otherwise and clients are answered, while
    the old one keeps its leftover. Rolling back brings that to light: the outcome changes.""",
)


@protocol.action(k=Key)
def answer_after_old_follows(k: Term) -> None:
    """After cutover the old shard takes the outcome only if it has none, and the claim is answered."""
    require(phase == Phase.cut_over, new.defined(k))
    old.next[k] = ite(old.defined(k), old[k], new[k])
    told.next[k] = ite(told.defined(k), told[k], new[k])


design = Design(protocol, "outcome_never_changes", ("MIG-2",), "", {"Key": 1})
