"""Opening the tiers of a node (TIR-*): what is needed besides its store, and what must not be combined with them."""

from contextlib import suppress
from pathlib import Path

import msgspec

from flk.impl.server.metrics import Metrics
from flk.impl.server.mover import COLD
from flk.impl.storage.aging import AgingStore
from flk.impl.storage.cold import ColdTier
from flk.impl.storage.cold_index import NAME, ColdIndex
from flk.impl.storage.objects import Patience, open_objects
from flk.impl.storage.sqlite import SqliteStore
from flk.impl.storage.tiers import Tiered
from flk.model.entries.tiers import Terms
from flk.model.refusal import Unavailable
from flk.spec.constants import CONSTANTS, Mover
from flk.spec.errors import UnusableInput

SHORT = Patience(request_seconds=10, connect_seconds=2, retries=0, retry_seconds=2)
"""A claim waits for the first request that fails, and for no other (TIR-3)."""


FOREVER = 100 * 365 * 86_400.0
"""Seconds that no entry gets old."""


class Tiering(msgspec.Struct, frozen=True):
    """The tiers of a node: the URL of its cold tier, how long an entry stays in the others, in seconds, and how often and how fast
    the mover works. An entry `expires` past the dedup window only where the region is alone: regions that replicate keep theirs
    (decision 0044).
    """

    cold: str
    hot_seconds: float = CONSTANTS.tiers.hot_seconds
    warm_seconds: float = CONSTANTS.tiers.warm_seconds
    move_every: float = CONSTANTS.tiers.move_interval_seconds
    pace: Mover = CONSTANTS.mover
    expires: bool = True

    @property
    def terms(self) -> Terms:
        """How long each lasts."""
        return (
            Terms(self.hot_seconds, self.warm_seconds)
            if self.expires
            else Terms(self.hot_seconds, self.warm_seconds, FOREVER)
        )


def check_tiers(tiering: Tiering | None, store: str | None, retain: float | None = None) -> None:
    """Return if the options make sense together. Raises UnusableInput."""
    if tiering is None:
        return
    if store is not None:
        raise UnusableInput(
            "--cold and --store: entries go to a cold tier from a node's own store only, where nobody else changes one while it"
            " is moved; leave one of the two out"
        )
    if retain is not None:
        raise UnusableInput(
            "--cold and --retain: what is removed has to be in snapshots, and a node with a cold tier writes none; leave one of the"
            " two out"
        )
    if not 0 <= tiering.hot_seconds <= tiering.warm_seconds <= tiering.terms.window:
        raise UnusableInput(
            f"--hot-seconds {tiering.hot_seconds:g}, --warm-seconds {tiering.warm_seconds:g}: an entry goes from hot to warm"
            f" to cold within the dedup window of {tiering.terms.window:g} s; give terms in this order"
        )
    open_objects(tiering.cold)


def open_warm(path: Path, tiering: Tiering | None) -> SqliteStore:
    """The node's own store. Raises UnusableInput if a part of its entries is in a cold tier, and none is given; Unavailable if it
    does not answer.
    """
    if tiering is not None:
        return AgingStore(path)
    if path.with_name(NAME).exists():
        raise UnusableInput(f"{path.with_name(NAME)}: {_NEEDED}")
    store = SqliteStore(path)
    if not store.damage and store.marked(COLD):
        store.close()
        raise UnusableInput(f"{path}: {_NEEDED}")
    return store


_NEEDED = (
    "a part of this node's entries is in a cold tier, and without it they would be judged as new; name it with --cold"
)


def open_tiers(tiering: Tiering, region: str, warm: AgingStore, path: Path, metrics: Metrics) -> Tiered:
    """The tiers around a store in a file. A cold tier that does not answer yet is met later."""
    expected = "" if warm.damage else warm.marked(COLD)
    objects = open_objects(tiering.cold, SHORT)
    cold = ColdTier(objects, ColdIndex(path.with_name(NAME)), region, expected, metrics.cold)
    with suppress(Unavailable):  # `away` says why, and the mover tries again
        cold.greet()
    tiers = Tiered(warm, cold, terms=tiering.terms, hot_entries=tiering.pace.hot_entries, seen=metrics.tier)
    metrics.watch_tiers(lambda: tiers.deferred, lambda: not cold.away)
    return tiers
