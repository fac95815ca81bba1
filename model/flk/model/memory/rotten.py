"""How a node in memory performs the effects on rows that have rotted (DUP-8)."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from flk.model.effects import PutBack, Rejoin, Rotten
from flk.model.entries.entry import Claim, Key
from flk.model.memory.performers import Performers

if TYPE_CHECKING:  # the memory runtime has entries, and uses this
    from flk.model.memory.parts import Entries


class RottenStore:
    """The effects on such rows. `reach` gives the store, or raises Unavailable while it does not answer."""

    def __init__(self, reach: Callable[[], "Entries"]) -> None:
        self._reach = reach
        self.performers: Performers = {
            Rotten: lambda _: tuple(reach().rotten.aside),
            PutBack: self._put_back,
            Rejoin: self._rejoin,
        }

    def _put_back(self, effect: PutBack) -> tuple[Key, ...]:
        rotten = self._reach().rotten
        for key, entry in effect.claims:
            if rotten.held.get(key) == entry:
                del rotten.held[key]
        return tuple(key for key in rotten.aside if key not in rotten.held)

    def _rejoin(self, effect: Rejoin) -> None:
        entries = self._reach()
        for key in effect.keys:
            least = entries.rotten.aside.get(key)
            if least is not None:
                entries.merge(Claim(key, least))
            entries.rotten.aside.pop(key, None)
