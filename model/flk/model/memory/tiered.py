"""How a node in memory performs the effects of a store of tiers (TIR-*)."""

from bisect import insort
from collections.abc import Callable
from typing import TYPE_CHECKING

from flk.model.effects import Aged, Copy, Delete, Insert, Join, Look, Owe, Owed, Settled
from flk.model.entries.entry import Claim, Entry, Key
from flk.model.entries.tiers import Tier, Tiers
from flk.model.memory.performers import Performers
from flk.model.refusal import out_of_reach, unavailable

if TYPE_CHECKING:  # the memory runtime has entries, and uses this
    from flk.model.memory.parts import Entries


class TieredStore:
    """A node's view of its tiers. `cold_down` makes the cold one unavailable; `deferred` are the claims that wait for it, in log
    order.

    `reach` gives the store, or raises Unavailable while it does not answer at all.
    """

    def __init__(self, tiers: Tiers, reach: Callable[[], "Entries"], now: Callable[[], float]) -> None:
        self.cold_down = False
        self.deferred: list[Claim] = []
        self._tiers = tiers
        self._reach = reach
        self._now = now
        self.performers: Performers = {
            Look: self._look,
            Insert: self._insert,
            Join: self._join,
            Copy: self._copy,
            Delete: self._delete,
            Aged: self._aged,
            Owe: lambda effect: insort(self.deferred, effect.claim, key=lambda claim: claim.entry.timestamp),
            Owed: lambda effect: tuple(claim for claim in self.deferred if claim.key in effect.keys),
            Settled: self._settled,
        }

    def require_none_deferred(self) -> None:
        """Return unless claims of the log wait for a tier: then nothing may be sealed (WAL-6). Raises Unavailable."""
        if self.deferred:
            raise unavailable(f"{len(self.deferred)} claims of the log wait for a tier that is away")

    def _reached(self, *concerned: Tier) -> "Entries":
        if self.cold_down and Tier.COLD in concerned:
            raise out_of_reach(Tier.COLD)
        return self._reach()

    def _look(self, effect: Look) -> tuple[Entry | None, ...]:
        self._reached(effect.tier)
        return tuple(map(self._tiers.held[effect.tier].get, effect.keys))

    def _insert(self, effect: Insert) -> Entry:
        return self._reached().insert_or_get(effect.claim, effect.known)

    def _join(self, effect: Join) -> int:
        entries, gave_way = self._reached(), 0
        stored: dict[Key, Entry | None] = {}  # by a claim before, under the same key
        for claim, known in zip(effect.claims, effect.known, strict=True):
            gave_way += entries.merge(claim, stored.get(claim.key, known))
            stored[claim.key] = entries.entries.get(claim.key, known)
        return gave_way

    def _copy(self, effect: Copy) -> tuple[Key, ...]:
        self._reached(effect.source, effect.to)
        return self._tiers.copy(effect.source, effect.to, effect.claims, self._now())

    def _delete(self, effect: Delete) -> tuple[Key, ...]:
        self._reached(effect.tier)
        return self._tiers.delete(effect.tier, effect.claims)

    def _aged(self, effect: Aged) -> tuple[Claim, ...]:
        self._reached(effect.tier)
        return self._tiers.aged(effect.tier, effect.term, effect.limit, self._now())

    def _settled(self, effect: Settled) -> None:
        self.deferred = [claim for claim in self.deferred if claim not in effect.claims]
