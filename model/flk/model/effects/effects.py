"""What a program may ask of the world. A program yields effects and is sent their results; it does no I/O and knows no clock.

Each effect knows the type of its result, and `yield from` hands it back typed:

    timestamp = yield from Append(INBOX, payload)          # mypy knows: Timestamp

A runtime performs an effect or raises `Refused` into the program (`Unavailable` where the world does not answer).
"""

from collections.abc import Generator
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec

from flk.model.entries.entry import Claim, Entry, Key
from flk.model.entries.tasks import Lease, Task
from flk.model.entries.tiers import Term, Tier
from flk.model.flow.submission import Response, Submission
from flk.model.log.frames import Frame
from flk.model.log.hlc import Timestamp

R = TypeVar("R")


class Effect(msgspec.Struct, Generic[R], frozen=True):
    """One request to the world, with a result of type R."""

    def __iter__(self) -> Generator["Effect[Any]", Any, R]:
        result: R = yield self
        return result


Program: TypeAlias = Generator[Effect[Any], Any, R]

INBOX = "inbox"
OUTBOX = "outbox"


class Admit(Effect[None], frozen=True):
    """Room for one more request of `size` bytes? Raises TooLarge, Overloaded, or Unavailable while the node is behind its log."""

    tenant: str
    size: int


class Append(Effect[Timestamp], frozen=True):
    """Make `payload` durable at the end of a log. Results come in log order, and a program that was resumed runs on to its
    next effect before the next is resumed, so claims reach the store in log order (WAL-1, DUP-6).
    """

    log: str
    payload: bytes


class Salvage(Effect[None], frozen=True):
    """Append a damaged segment's valid frames again, with the timestamps they have; keep its bytes aside; leave an empty sealed
    segment in its place, so that its log has no gap (WAL-4).
    """

    log: str
    name: str
    frames: tuple[Frame, ...]


class Seal(Effect[None], frozen=True):
    """End the open segment of a log, if there is one. Every frame of a sealed segment has been applied or refused (WAL-6), so
    this waits for what is in flight, and raises Unavailable while the store is behind the log or claims are owed.
    """

    log: str


class CaughtUp(Effect[None], frozen=True):
    """The store is level with the log: the node owes no claim, and may admit and claim again (ORD-4)."""


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


class Store(Effect[Entry], frozen=True):
    """Insert-or-get in one atomic step: the entry now stored under the claim's key, the claim's own if it came first (DUP-1).

    Within a region claims come in log order, so what is stored came first. An entry merged from a region whose clock runs ahead may
    be later than the claim: then it gives way, as it does in every other region, and that is recorded (CRR-1, CRR-3).
    From the first time the store fails to answer, the node is behind its log: every Store and Admit raises Unavailable until
    the log has been replayed, so that claims still come in log order (ORD-4, DUP-6).
    """

    claim: Claim


class Merge(Effect[int], frozen=True):
    """Join entries into the store, each key atomically; how many local winners gave way, each of them recorded (CRR-1, CRR-3)."""

    claims: tuple[Claim, ...]


class Resume(Effect[None], frozen=True):
    """The node's own clock had come this far before it stopped: go on after it, whatever wall time says (HLC-1)."""

    timestamp: Timestamp


class Observe(Effect[None], frozen=True):
    """Let the node's clock know a timestamp from elsewhere (HLC-2, HLC-3)."""

    timestamp: Timestamp


class Mark(Effect[None], frozen=True):
    """Set a durable watermark of the node."""

    name: str
    value: str


class Marked(Effect[str], frozen=True):
    """A watermark of the node; empty if never set."""

    name: str


class PutObject(Effect[bool], frozen=True):
    """Create an object unless one has that name; returns whether it was created (CRR-9)."""

    name: str
    content: bytes


class GetObject(Effect[bytes | None], frozen=True):
    """An object's bytes, None if there is none of that name."""

    name: str


class ListObjects(Effect[tuple[str, ...]], frozen=True):
    """The names that start with `prefix` and sort after `after`, in order."""

    prefix: str
    after: str = ""


class CountEntries(Effect[int], frozen=True):
    """How many entries a region stores."""

    region: str


class SampleKeys(Effect[tuple[Key, ...]], frozen=True):
    """At most `size` keys of a region, each equally likely."""

    region: str
    size: int


class Fetch(Effect[tuple[Entry | None, ...]], frozen=True):
    """What a region stores under each of the keys."""

    region: str
    keys: tuple[Key, ...]


class Post(Effect[Response | None], frozen=True):
    """Send a submission to the service; None if no answer came, which says nothing about what the service did."""

    submission: Submission


class Sleep(Effect[None], frozen=True):
    """Wait."""

    seconds: float


class Draw(Effect[float], frozen=True):
    """A number equally likely anywhere in [0, 1)."""


class TakeTask(Effect[Lease | None], frozen=True):
    """Lease the oldest audit task that waits; None if none does (AUD-1)."""


class Attempt(Effect[bool], frozen=True):
    """Let a task take effect, keyed by the task, so that repeating it changes nothing; whether the attempt succeeded (AUD-2)."""

    task: Task
    number: int


class MarkProcessed(Effect[None], frozen=True):
    """Mark a task that took effect as processed, durably (AUD-3)."""

    task: Task


class Bury(Effect[None], frozen=True):
    """Write a dead letter for a task (AUD-5)."""

    task: Task


class Acknowledge(Effect[None], frozen=True):
    """Tell the queue that a task is settled."""

    task: Task


# Of a store of tiers (TIR-*). Those on the cold tier raise OutOfReach while it is away. The server does not perform them: its
# store is SQLite, where all entries are in one place.


class Look(Effect[tuple[Entry | None, ...]], frozen=True):
    """What a tier holds under each of the keys."""

    tier: Tier
    keys: tuple[Key, ...]


class Insert(Effect[Entry], frozen=True):
    """The end of a `Store`: the entry stored from now on, where `known` is what the tiers were found to have (None: nothing).

    A new one is put into the hot tier; one that is known and gives way to the claim is replaced where it is, and that is recorded
    (DUP-1, CRR-3).
    """

    claim: Claim
    known: Entry | None


class Join(Effect[int], frozen=True):
    """The end of a `Merge`: each claim like an Insert; how many of the entries known gave way."""

    claims: tuple[Claim, ...]
    known: tuple[Entry | None, ...]


class Copy(Effect[tuple[Key, ...]], frozen=True):
    """Write to a tier, durably, what `source` still holds as told and whose dedup window still runs (TIR-2); which keys."""

    source: Tier
    to: Tier
    claims: tuple[Claim, ...]


class Delete(Effect[tuple[Key, ...]], frozen=True):
    """Delete from a tier what it still holds as told; which keys."""

    tier: Tier
    claims: tuple[Claim, ...]


class Aged(Effect[tuple[Claim, ...]], frozen=True):
    """At most `limit` entries of a tier for which a term has ended."""

    tier: Tier
    term: Term
    limit: int


class Owe(Effect[None], frozen=True):
    """Remember a claim that is in the log and could not be applied. A crash forgets it, and recovery finds it in the log."""

    claim: Claim


class Owed(Effect[tuple[Claim, ...]], frozen=True):
    """The claims that are owed under any of the keys, in log order."""

    keys: tuple[Key, ...]


class Settled(Effect[None], frozen=True):
    """These claims have been applied: they are owed no more."""

    claims: tuple[Claim, ...]
