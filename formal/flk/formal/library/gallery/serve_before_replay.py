"""A node that serves at once and replays its log beside live traffic, or never."""

from flk.formal.language import require
from flk.formal.library.design import Design
from flk.formal.library.protocols import ingest
from flk.formal.library.protocols.ingest import Node, node

protocol = ingest.protocol.variant(
    "serve-before-replay",
    """A restarted node is wanted back at once, and its log can be replayed in the background. Until that is done it does not
    know what it has acknowledged: an outcome that a client was told is gone, and a new record may take its place.""",
)


@protocol.action()
def restart() -> None:
    """The node serves at once."""
    require(node == Node.down)
    node.next = Node.serving


design = Design(protocol, "acknowledged_survives", ("WAL-5",), "6.1")
