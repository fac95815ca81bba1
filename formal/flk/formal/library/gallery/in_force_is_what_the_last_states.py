"""A node that comes up takes what its last segment states for what is in force."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import policies
from flk.formal.library.protocols.policies import Segment, is_last, now, states

protocol = policies.protocol.variant(
    "in-force-is-what-the-last-states",
    """Segments are in order, so the last one has the last word. But it may hold what is left of a damaged one, and state what
    held there. The node dies before the next begins, comes up, and logs by a policy that was replaced.""",
)


@protocol.action(t=Segment)
def reread(t: Term) -> None:
    """The last segment says what is in force."""
    require(~now.defined(), is_last(t), states.defined(t))
    now.next = states[t]


design = Design(protocol, "a_change_is_not_forgotten", ("POL-9", "WAL-4"))
