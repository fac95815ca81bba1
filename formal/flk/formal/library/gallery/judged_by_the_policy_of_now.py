"""A node judges by what is in force when it comes to it."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import policies
from flk.formal.library.protocols.policies import Entry, Segment, is_in, now, own, removed

protocol = policies.protocol.variant(
    "judged-by-the-policy-of-now",
    """The latest policy is surely meant, so a record is judged by that which is in force when its turn comes. A change falls
    between the append and the judgement, or the node reads its log again after one: its store has another outcome than the log's
    readers, and than the client was told.""",
)


@protocol.action(e=Entry, s=Segment)
def judge(e: Term, s: Term) -> None:
    """By what is in force now, whatever the segment states."""
    require(is_in(e, s), ~own.defined(e), now.defined(), ~removed[s])
    own.next[e] = now


design = Design(protocol, "all_judge_alike", ("JDG-5", "POL-9"))
