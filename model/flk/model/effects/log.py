"""Effects on the logs of a node (WAL-*)."""

from flk.model.effects.effect import Effect
from flk.model.log.frames import Frame
from flk.model.log.hlc import Timestamp
from flk.model.log.manifest import Inventory

INBOX = "inbox"
OUTBOX = "outbox"


class Append(Effect[Timestamp], frozen=True):
    """Make `payload` durable at the end of a log. Results come in log order, and a program that was resumed runs on to its
    next effect before the next is resumed, so claims reach the store in log order (WAL-1, DUP-6).
    """

    log: str
    payload: bytes


class Salvage(Effect[None], frozen=True):
    """Append a damaged segment's valid frames again, with the timestamps they have; keep a copy of its bytes, if there are any;
    leave an empty sealed segment in its place, noted in the manifest, so that its log has no gap (WAL-4).
    """

    log: str
    name: str
    frames: tuple[Frame, ...]


class Seal(Effect[None], frozen=True):
    """End the open segment of a log, if there is one. Every frame of a sealed segment has been applied or refused (WAL-6), so
    this waits for what is in flight, and raises Unavailable while the store is behind the log or claims are deferred.
    """

    log: str


class Segments(Effect[tuple[str, ...]], frozen=True):
    """The names of a log's segments after `after` (empty: all), oldest first; with `sealed`, only those."""

    log: str
    after: str
    sealed: bool = False


class ReadSegment(Effect[bytes], frozen=True):
    """The bytes of a segment."""

    name: str


class Truncate(Effect[None], frozen=True):
    """Cut a segment to `size` bytes (WAL-3)."""

    name: str
    size: int


class Inspect(Effect[Inventory], frozen=True):
    """What a log has at a look at both ends of each segment, and what its manifest says it should have (WAL-9)."""

    log: str


class Restore(Effect[None], frozen=True):
    """Put a segment into its place as it was sealed; keep a copy of the bytes that stand there, if there are any (WAL-9)."""

    log: str
    name: str
    content: bytes
