"""How a node in memory performs the effects of a migration (MIG-*)."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from flk.model.effects import (
    Advance,
    Forget,
    GaveWay,
    InsertOrGet,
    Keep,
    ListKeys,
    LookAt,
    Part,
    ReadPhase,
    Replace,
)
from flk.model.entries.entry import Entry
from flk.model.entries.migration import MigratingKeys, Phase, Side, ruler
from flk.model.memory.performers import Performers

if TYPE_CHECKING:  # the memory runtime has entries, and uses this
    from flk.model.memory.parts import Entries


class MigratedStore:
    """The effects on a store whose keys move. `reach` gives the store, or raises Unavailable while it does not answer at all.

    What the ruling side decides is what clients see of the store: so it is joined into the entries in the same step, and whatever
    follows a first write follows it here.
    """

    def __init__(self, moving: MigratingKeys, reach: Callable[[], "Entries"]) -> None:
        self._moving = moving
        self._reach = reach
        self.performers: Performers = {
            ReadPhase: lambda _: self._reached().phase,
            Advance: self._advance,
            LookAt: lambda e: self._reached().held[e.side].get(e.key),
            InsertOrGet: self._insert_or_get,
            Replace: lambda e: self._reached().replace(e.side, e.key, e.seen, e.entry, e.phase),
            ListKeys: lambda e: self._reached().page(e.side, e.start, e.size),
            Forget: lambda e: self._reached().forget(e.side, e.key, e.phase),
            GaveWay: lambda e: self._reached().given_way(e.start, e.size),
            Keep: lambda e: self._reached().kept.update({e.start: e.rows}),
            Part: lambda e: self._reach().part(e.kept),
        }

    def _reached(self) -> MigratingKeys:
        self._reach()
        return self._moving

    def _advance(self, effect: Advance) -> Phase:
        entries = self._reach()
        before = ruler(self._moving.phase)
        phase = self._moving.advance(effect.since, effect.to)
        if ruler(phase) is not before:
            entries.switch_ruling_shard()
        return phase

    def _insert_or_get(self, effect: InsertOrGet) -> Entry:
        entries = self._reach()
        stored = self._moving.insert_or_get(effect.side, effect.claim, effect.phase)
        told = len(entries.superseded)
        if effect.merged:
            entries.merge(effect.claim)
        else:
            entries.insert_or_get(effect.claim)
        if effect.side is Side.OLD:
            self._moving.gave_way += entries.superseded[told:]
        return stored
