"""Objects that are removed when most readers have read them."""

from flk.formal.language import Term, exists, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import retention
from flk.formal.library.protocols.retention import Reader, Segment, replayed, uploaded

protocol = retention.protocol.variant(
    "removed-when-most-have-read",
    """A reader that is down for a month must not keep every object of a month in the store, so an object is removed when two
    of three readers have read it. The third comes back and finds a gap at its watermark: no snapshot has what was in it, and
    the claims that it lacks it will judge as new.""",
)


@protocol.action(g=Segment)
def remove_object(g: Term) -> None:
    """Two readers have it."""
    require(uploaded[g], exists(Reader, Reader, lambda r, q: (r != q) & replayed[r, g] & replayed[q, g]))
    uploaded.next[g] = False


design = Design(
    protocol, "every_reader_can_read_on", ("CRR-5", "CRR-2"), sizes={"Segment": 1, "Record": 1, "Reader": 3}
)
