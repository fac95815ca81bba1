"""A lookup in the hot tier alone."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import tiering
from flk.formal.library.protocols.tiering import Key, Tier, asked, holds, judge_as_new

protocol = tiering.protocol.variant(
    "hot-tier-only",
    """Duplicates follow their originals within minutes, so claims look in the hot tier and the slower ones are kept for reports. An
    agent that was offline for a week sends again what it had sent: its entry is in the warm tier, where no claim looks.""",
)


@protocol.action(k=Key)
def insert(k: Term) -> None:
    """The hot tier does not have the key: the claim is judged as new."""
    require(asked[k], ~holds[Tier.hot, k])
    judge_as_new(k)


design = Design(protocol, "judged_as_new_again", ("TIR-4",), "", {"Key": 1})
