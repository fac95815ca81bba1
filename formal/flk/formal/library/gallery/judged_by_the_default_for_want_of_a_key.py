"""A reader that cannot check who signed a policy judges by the default."""

from flk.formal.language import Term, forall, ite, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import policies
from flk.formal.library.protocols.policies import (
    Entry,
    Reader,
    Ruling,
    Segment,
    by,
    is_in,
    removed,
    shipped,
    states,
    trusts,
)

protocol = policies.protocol.variant(
    "judged-by-the-default-for-want-of-a-key",
    """A missing key must not hold up replication, and an unsigned policy must not count, so the reader goes by the default until
    the key is there. What it stored by then stays, and differs from what every other reader has.""",
)


@protocol.action(r=Reader, e=Entry, s=Segment, p=Ruling)
def replay(r: Term, e: Term, s: Term, p: Term) -> None:
    """By what the segment states, or else by the first ruling of all."""
    require(is_in(e, s), ~by.defined(r, e), shipped[s], ~removed[s], states.defined(s))
    require(forall(Ruling, lambda q: p <= q))
    by.next[r, e] = ite(trusts[r, states[s]], states[s], p)


design = Design(protocol, "all_judge_alike", ("POL-5",))
