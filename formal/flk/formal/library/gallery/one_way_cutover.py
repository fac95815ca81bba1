"""A cutover after which only the new shard is written."""

from flk.formal.language import Term, ite, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import migration
from flk.formal.library.protocols.migration import Key, Phase, new, phase, told

protocol = migration.protocol.variant(
    "one-way-cutover",
    """The new shard rules, so writing to the old one as well is a waste. Then latency rises and the migration is rolled back: the
    old shard serves again, and does not know what was answered since cutover.""",
)


@protocol.action(k=Key)
def answer_after_old_follows(k: Term) -> None:
    """After cutover a claim is answered with what the new shard holds; the old one is left as it is."""
    require(phase == Phase.cut_over, new.defined(k))
    told.next[k] = ite(told.defined(k), told[k], new[k])


design = Design(protocol, "no_answer_is_forgotten", ("MIG-2", "MIG-4"), "17.2", {"Key": 1})
