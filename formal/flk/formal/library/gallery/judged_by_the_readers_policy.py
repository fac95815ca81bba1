"""Whoever replays a log judges by its own policy."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import policies
from flk.formal.library.protocols.policies import Entry, Reader, Ruling, Segment, by, is_in, removed, shipped, trusts

protocol = policies.protocol.variant(
    "judged-by-the-readers-policy",
    """The policy is a setting of each node, changed everywhere within the hour, so nothing of it need be in the log. A reader
    replays an entry before the change has reached it, or years after three more: its store has another outcome than the node that
    wrote the log, and nothing shows that they differ.""",
)


@protocol.action(r=Reader, e=Entry, s=Segment, p=Ruling)
def replay(r: Term, e: Term, s: Term, p: Term) -> None:
    """A reader judges an entry by what is in force with itself."""
    require(is_in(e, s), ~by.defined(r, e), shipped[s], ~removed[s], trusts[r, p])
    by.next[r, e] = p


design = Design(protocol, "all_judge_alike", ("JDG-5", "POL-8", "POL-9"))
