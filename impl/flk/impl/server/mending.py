"""Passes that put rotten rows of a shared store back; and their measures (DUP-8)."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from flk.impl.server.metrics import Metrics
from flk.impl.server.node import RealNode
from flk.impl.server.passes import Passes
from flk.impl.storage.sharded import ShardedStore
from flk.impl.storage.shared import SharedStore
from flk.model.effects import Effect, Program, PutBack, Rejoin, Rotten, Watermarks
from flk.model.entries.entry import Key
from flk.model.programs.examine import Examine
from flk.model.programs.put_back import Mended, put_back
from flk.spec.constants import CONSTANTS

EVERY = CONSTANTS.rotten.every_seconds
AGAIN = CONSTANTS.rotten.again_seconds

log = structlog.get_logger()


def mending(node: RealNode, peers: Sequence[str], examine: Examine) -> dict[Passes[Any], float]:
    """The passes of a node whose store is shared, which performs the effects on such a store from now on; none for one whose store
    is its own.
    """
    store = node.store
    if not isinstance(store, SharedStore | ShardedStore):
        return {}

    def rejoin(effect: Rejoin) -> None:
        gave_way = store.gave_way
        store.rejoin(effect.keys)
        node.metrics.supersessions.inc(store.gave_way - gave_way)

    performers: dict[type[Effect[object]], Callable[[Any], Any]] = {
        Rotten: lambda _: tuple(dict.fromkeys(aside.key for aside in store.rotten())),
        PutBack: lambda e: store.put_back(e.claims),
        Rejoin: rejoin,
        Watermarks: lambda _: store.watermarks(),
    }
    node.at_once |= performers
    return {RowPasses(node.disk.region, peers, examine, node.metrics): EVERY}


class RowPasses(Passes[Mended]):
    """Put back what rotted, if this node can read what it was; while the node is behind, too, since a row may keep it there."""

    while_behind = True

    def __init__(self, region: str, peers: Sequence[str], examine: Examine, metrics: Metrics) -> None:
        super().__init__("rows", region, metrics.row_errors)
        self._peers = peers
        self._examine = examine
        self._metrics = metrics
        self._known: frozenset[Key] = frozenset()
        self._in_vain: dict[Key, float] = {}

    def program(self) -> Program[Mended]:
        """Look for rows that were not looked for in vain a moment ago: what a row held was logged before it was stored."""
        now = time.monotonic()
        leave = frozenset(key for key, until in self._in_vain.items() if now < until)
        return put_back(self.source, self._peers, self._examine, leave)

    def seen(self, effect: Effect[object], result: object) -> None:
        """What a pass did is told by what it returns."""
        del effect, result

    def lag(self) -> float:
        """Seconds since a pass last completed."""
        return time.monotonic() - self._level_at

    def returned(self, result: Mended) -> None:
        """Count each row once, and tell what became of it."""
        for key in sorted(set(result.rotten) - self._known):
            self._metrics.store_damage.inc()
            log.error("store.row_rotten", tenant=key.tenant, pcs_id=key.pcs_id)
        for key in result.sound:
            self._metrics.rows_put_back.inc()
            log.warning("store.row_put_back", tenant=key.tenant, pcs_id=key.pcs_id)
        left = frozenset(result.rotten) - frozenset(result.sound)
        until = time.monotonic() + AGAIN
        for key in result.in_vain:
            log.error("store.row_in_no_log", tenant=key.tenant, pcs_id=key.pcs_id, fix=_FIX)
        self._in_vain = {key: at for key, at in self._in_vain.items() if key in left} | dict.fromkeys(
            result.in_vain, until
        )
        self._known = left
        self._metrics.rows_rotten.set(len(left))


_FIX = "start the node of the region that logged it, or put the row back from a backup of the store"
