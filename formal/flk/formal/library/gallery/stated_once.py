"""A log states a change where it was made, and nowhere else."""

from flk.formal.language import Term, forall, implies, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import policies
from flk.formal.library.protocols.policies import Entry, Reader, Segment, by, is_in, removed, shipped, states, trusts

protocol = policies.protocol.variant(
    "stated-once",
    """To say in each segment what the one before it said is waste: a frame among the data tells each change, and who reads the
    log in order knows what holds. The segment with the change is removed, as all are in time. A reader that comes later takes
    what was stated before it, or the default, for what holds in the segments behind.""",
)


def is_a_change(t: Term) -> Term:
    """The segment, which is there, states what none before it does."""
    return (
        states.defined(t)
        & ~removed[t]
        & forall(Segment, lambda u: implies((u < t) & states.defined(u) & states.defined(t), states[u] != states[t]))
    )


@protocol.action(r=Reader, e=Entry, s=Segment, t=Segment)
def replay(r: Term, e: Term, s: Term, t: Term) -> None:
    """A reader judges by the last change that it has read."""
    require(is_in(e, s), ~by.defined(r, e), shipped[s], ~removed[s], states.defined(t))
    require(t <= s, is_a_change(t), forall(Segment, lambda u: implies((t < u) & (u <= s), ~is_a_change(u))))
    require(trusts[r, states[t]])
    by.next[r, e] = states[t]


design = Design(protocol, "all_judge_alike", ("POL-9",))
