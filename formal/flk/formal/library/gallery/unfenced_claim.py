"""A dual write that does not ask whether the times have changed."""

from flk.formal.language import Term, ite, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import migration
from flk.formal.library.protocols.migration import Key, Outcome, Phase, new, old, old_rules, phase, told

protocol = migration.protocol.variant(
    "unfenced-claim",
    """A node that has written to the old shard finishes its claim by writing to the new one, however long that takes. It pauses,
    and cutover comes and goes: the new shard has meanwhile decided the key for somebody else. The write that arrives at last
    puts another outcome in its place.""",
)

begun = protocol.map(
    "begun", Key, to=Outcome, partial=True
)  # what a node has written to the old shard, and not yet to the new


@protocol.action(k=Key, o=Outcome)
def insert_old(k: Term, o: Term) -> None:
    """A claim inserts its outcome into the old shard, and its node remembers what to write next."""
    require(old_rules(), ~old.defined(k))
    old.next[k] = o
    begun.next[k] = o


@protocol.action(k=Key)
def finish_late(k: Term) -> None:
    """The node goes on after cutover as if nothing had happened."""
    require(phase == Phase.cut_over, begun.defined(k))
    new.next[k] = begun[k]
    told.next[k] = ite(told.defined(k), told[k], begun[k])


design = Design(protocol, "outcome_never_changes", ("MIG-2",), "", {"Key": 1})
