"""Effects on the store of a region and on its watermarks (DUP-*, CRR-*)."""

from flk.model.effects.effect import Effect
from flk.model.entries.entry import Claim, Entry, Key


class Store(Effect[Entry], frozen=True):
    """Insert-or-get in one atomic step: the entry now stored under the claim's key, the claim's own if it came first (DUP-1).

    Within a region claims come in log order, so what is stored came first. An entry merged from a region whose clock runs ahead may
    be later than the claim: then it gives way, as it does in every other region, and that is recorded (CRR-1, CRR-3).
    From the first time the store fails to answer, the node is behind its log: every Store and Admit raises Unavailable until
    the log has been replayed, so that claims still come in log order (ORD-4, DUP-6).
    """

    claim: Claim


class Recall(Effect[Entry | None], frozen=True):
    """The entry that a Store would meet under a key, None if there is none. Nothing is changed, nor moved between tiers.

    Raises Unavailable while the node is behind its log, which may have what the store lacks (API-4); OutOfReach where only what is
    away, or has rotted, could tell.
    """

    key: Key


class Merge(Effect[int], frozen=True):
    """Join entries into the store, each key atomically; how many local winners gave way, each of them recorded (CRR-1, CRR-3)."""

    claims: tuple[Claim, ...]


class Mark(Effect[bool], frozen=True):
    """Set a durable watermark of the node; whether it was set. With `forward` it is not if that is behind where it stands: passes
    that take turns move the same one.
    """

    name: str
    value: str
    forward: bool = False

    def moves(self, stands: str) -> bool:
        """Whether it is set where the watermark says `stands`."""
        return not self.forward or self.value >= stands


class Marked(Effect[str], frozen=True):
    """A watermark of the node; empty if never set."""

    name: str
