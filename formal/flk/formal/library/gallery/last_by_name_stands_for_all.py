"""A later snapshot takes the place of an earlier one, whatever it covers."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import lost_logs
from flk.formal.library.protocols.lost_logs import Snapshot, forget, whole

protocol = lost_logs.protocol.variant(
    "last-by-name-stands-for-all",
    """Snapshots are named by when they were whole, and those before the last are removed. One node takes long over a snapshot;
    meanwhile another writes one that covers more, and what that covers is removed. Then the first is whole, and the last by name:
    the other is removed, and nobody has what it covered.""",
)


@protocol.action(s=Snapshot, t=Snapshot)
def remove_snapshot(s: Term, t: Term) -> None:
    """Another one is whole."""
    require(s != t, whole(s), whole(t))
    forget(s)


design = Design(protocol, "every_reader_can_read_on", ("RET-1", "RET-7"))
