"""What a node asks of its store, whichever it is: a file of its own, or a server that it shares with the region's other nodes."""

from collections.abc import Container, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from flk.impl.storage.rotten import Aside
from flk.impl.storage.shared import Place
from flk.model.effects import Watermark
from flk.model.entries.entry import Claim, Entry, Key
from flk.model.log.hlc import Timestamp
from flk.model.refusal import OutOfReach


class EntryStore(Protocol):
    """Entries, watermarks, and the local winners that gave way. One caller at a time, from any thread.

    What reads or writes raises Unavailable if the store does not answer, and the next call tries again (ORD-4); Damaged if what it
    read is not what was written (DUP-8). `damage` says why the whole store is answered from no more, and `begun` counts how often
    it was begun anew; both are those of a store that is the node's own. A store that is `shared` is the region's: its entries
    come from several nodes, its marks are the node's alone. `weakness` says how the store may lose what it acknowledged, empty if
    it may not. `gave_way` counts the stored entries that gave way to claims, not those that did in a merge, since it was opened.
    """

    shared: bool
    weakness: str
    damage: str
    begun: int
    gave_way: int

    def insert_or_get(self, claims: Sequence[Claim]) -> list[Entry]:
        """For each claim the entry then stored under its key: the claim's own if there was none, or only a later one, which gives
        way (DUP-1, CRR-1). Claims count in their order.
        """
        ...

    def claim(self, claims: Sequence[Claim]) -> Sequence[Entry | OutOfReach]:
        """As `insert_or_get`; but what alone could decide a claim may have rotted: then that claim is set aside (DUP-8)."""
        ...

    def merge(self, claims: Iterable[Claim]) -> int:
        """Join entries in; durable once it returns. How many stored ones gave way, each of which is recorded (CRR-1, CRR-3)."""
        ...

    def latest(self) -> Timestamp:
        """The latest timestamp that an entry of a shared store may have and a later record must exceed (HLC-7); ZERO if the store
        is the node's own, whose clock knows.
        """
        ...

    def mark(self, name: str, value: str) -> None:
        """Set a watermark of this node."""
        ...

    def marked(self, name: str) -> str:
        """A watermark of this node, empty if never set."""
        ...

    def count(self) -> int:
        """The number of entries."""
        ...

    def sample(self, size: int) -> tuple[Key, ...]:
        """At most `size` keys, each equally likely."""
        ...

    def fetch(self, keys: Sequence[Key]) -> tuple[Entry | None, ...]:
        """What is stored under each of the keys."""
        ...

    def export(self, after: Key | None, limit: int) -> tuple[Claim, ...]:
        """At most `limit` entries, those after `after` in an order of the store's own that never changes (SNAP-3)."""
        ...

    def superseded(self, after: int = 0, limit: int = -1) -> list[tuple[Key, Entry, Entry]]:
        """The local winners that gave way: key, loser, winner; those of one key in order (CRR-3). At most so many (-1: all), but
        for the first `after`.
        """
        ...

    def replayed(self) -> None:
        """All of this node's log is in the store. Raises Unavailable while another node's may not be, since a server took over
        that may lack it (WAL-5).
        """
        ...

    def awaited(self) -> str:
        """Which nodes have to replay their logs yet, where this one has; empty if none has, or this one has to, too."""
        ...

    def flush_behind(self) -> None:
        """Begin to write what is pending, if anything can be."""
        ...

    def flush(self) -> None:
        """Write all that is pending."""
        ...

    def begin_anew(self) -> Path:
        """Set a damaged store aside and begin an empty one; where the old one is now (DUP-8)."""
        ...

    def close(self) -> None:
        """Write all that is pending and release the store."""
        ...


class RegionStore(EntryStore, Protocol):
    """A store that the nodes of a region share, be it one server or a ring of them."""

    @property
    def place(self) -> Place:
        """Which store it is."""
        ...

    def bar(self, log: str) -> None:
        """Let the node of a log write nothing more, and nobody else take its number. What it wrote is there when this returns."""
        ...

    def declare_lost(self, sign: str) -> None:
        """Remember that a log which is barred ends with this segment."""
        ...

    def watermarks(self) -> tuple[Watermark, ...]:
        """What all nodes have marked, each for its log, and which logs are lost."""
        ...

    def rotten(self) -> tuple[Aside, ...]:
        """The rows that were found not to be what was written, until they are struck (DUP-8)."""
        ...

    def put_back(self, claims: Sequence[Claim]) -> tuple[Key, ...]:
        """Put each entry in the place of what is left of it; which of the noted rows are sound now."""
        ...

    def rejoin(self, keys: Container[Key]) -> None:
        """Join in what was set aside of rows that are sound again, and strike them."""
        ...

    def enlist(self, token: str, number: int | None, at_least: int = 1) -> int:
        """Take part under the log number that is this node's, or the next that is free (`flk.impl.storage.shared`)."""
        ...
