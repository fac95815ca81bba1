"""A lookup that takes an error for an answer."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import tiering
from flk.formal.library.protocols.tiering import Key, Tier, asked, cold_up, holds, judge_as_new, nearby

protocol = tiering.protocol.variant(
    "outage-as-a-miss",
    """A lookup that finds nothing in one tier goes on to the next, and an error is one more way of finding nothing: the service
    stays up while the archive is down. Every old entry is then missing, and its duplicates are judged as new.""",
)


@protocol.action(k=Key)
def insert(k: Term) -> None:
    """No tier that answers has the key: the claim is judged as new and stored in the hot tier."""
    require(asked[k], ~nearby(k), ~cold_up | ~holds[Tier.cold, k])
    judge_as_new(k)


design = Design(protocol, "judged_as_new_again", ("TIR-3",), "13.1", {"Key": 1})
