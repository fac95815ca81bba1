"""A copy that frees the space as it goes."""

from flk.formal.language import UNDEFINED, Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import migration
from flk.formal.library.protocols.migration import Key, Phase, new, old, phase, same, working

protocol = migration.protocol.variant(
    "moved-not-copied",
    """Each key is deleted from the old shard as soon as it is in the new one: the old shard is full, which is why keys move at all.
    But the old shard rules until cutover, and from the first key on it no longer knows what was answered.""",
)


@protocol.action(k=Key)
def copy(k: Term) -> None:
    """The migrator moves a key that differs."""
    require(working, phase == Phase.dual, ~same(k))
    new.next[k] = old[k]
    old.next[k] = UNDEFINED


design = Design(protocol, "no_answer_is_forgotten", ("MIG-5",), "", {"Key": 1})
