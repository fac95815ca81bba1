"""Copy, verify, then write to both: the phases in the order in which one thinks of them."""

from flk.formal.language import Term, forall, ite, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import migration
from flk.formal.library.protocols.migration import Key, Phase, checked, new, old, phase, same, told, working

protocol = migration.protocol.variant(
    "verify-before-dual-write",
    """Keys are copied, the copy is verified, and then writes go to both shards for a while so that nothing is missed until cutover.
    What is written after a key was verified and before writes are dual is in the old shard alone: the dual phase fixes only
    what is asked for again, and cutover forgets the rest.""",
)


@protocol.action(k=Key)
def copy(k: Term) -> None:
    """The migrator copies a key that differs, while writes go to the old shard."""
    require(working, phase == Phase.planned, ~same(k))
    new.next[k] = old[k]


@protocol.action(k=Key)
def check(k: Term) -> None:
    """The migrator verifies a key, while writes go to the old shard."""
    require(working, phase == Phase.planned, same(k))
    checked.next[k] = True


@protocol.action()
def verify() -> None:
    """The copy is complete."""
    require(phase == Phase.planned, forall(Key, lambda k: checked[k]))
    phase.next = Phase.verified


@protocol.action()
def write_to_both() -> None:
    """Dual writes begin, on a verified copy."""
    require(working, phase == Phase.verified)
    phase.next = Phase.dual


@protocol.action(k=Key)
def answer_from_old(k: Term) -> None:
    """Until writes are dual a claim is answered with what the old shard holds."""
    require((phase == Phase.planned) | (phase == Phase.verified) | (phase == Phase.rolled_back), old.defined(k))
    told.next[k] = ite(told.defined(k), told[k], old[k])


@protocol.action(k=Key)
def answer_after_new_follows(k: Term) -> None:
    """Writes are dual: the new shard is overwritten with the old one's outcome, and then the claim is answered."""
    require(phase == Phase.dual, old.defined(k))
    new.next[k] = old[k]
    told.next[k] = ite(told.defined(k), told[k], old[k])


@protocol.action()
def cut_over() -> None:
    """Writes have been dual for long enough."""
    require(working, phase == Phase.dual)
    phase.next = Phase.cut_over


design = Design(protocol, "no_answer_is_forgotten", ("MIG-1",), "17.2", {"Key": 1})
