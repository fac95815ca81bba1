"""What is left of a damaged segment is appended to the open one, whatever that states."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import policies
from flk.formal.library.protocols.policies import Entry, Segment, is_in, is_last, place, shipped, states

protocol = policies.protocol.variant(
    "salvaged-into-what-is-open",
    """Salvage keeps stamps and payloads, which was all there is to an entry before there were policies. Now a change lies between
    the damaged segment and the open one: whoever replays the entry there judges it by a policy that it was not logged under.""",
)


@protocol.action(e=Entry, s=Segment, new=Segment)
def append_again(e: Term, s: Term, new: Term) -> None:
    """To the last segment, as it is."""
    require(is_in(e, s), ~shipped[s], s < new, is_last(new), states.defined(s))
    place.next[e] = new


design = Design(protocol, "a_segment_states_what_holds_in_it", ("POL-9", "WAL-4"))
