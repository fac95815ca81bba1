"""A cutover for which the world has to hold still."""

from flk.formal.language import Term, ite, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import migration
from flk.formal.library.protocols.migration import Key, Outcome, Phase, new, old, phase, told

protocol = migration.protocol.variant(
    "frozen-for-cutover",
    """Once everything is verified claims are held back until the new shard rules, so that nothing changes in that short moment. The
    migrator dies in that moment, and nobody is served until somebody notices.""",
)


@protocol.action(k=Key, o=Outcome)
def insert_old(k: Term, o: Term) -> None:
    """A claim inserts its outcome into the old shard, unless cutover is near."""
    require((phase == Phase.planned) | (phase == Phase.dual) | (phase == Phase.rolled_back), ~old.defined(k))
    old.next[k] = o


@protocol.action(k=Key)
def answer_after_new_follows(k: Term) -> None:
    """A claim is answered when both shards have its outcome, unless cutover is near."""
    require(phase == Phase.dual, old.defined(k))
    new.next[k] = old[k]
    told.next[k] = ite(told.defined(k), told[k], old[k])


design = Design(protocol, "claims_are_answered", ("MIG-7",), "", {"Key": 1})
