"""How nodes in memory share a store: the marks of each are its own, and one whose log is barred writes nothing (RET-7, SNAP-10)."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from flk.model.effects import Bar, DeclareLost, Mark, Marked, Watermark, Watermarks
from flk.model.log.frames import log_of
from flk.model.log.hlc import ZERO, Timestamp
from flk.model.memory.performers import Performers
from flk.model.programs.watermarks import LOST
from flk.model.refusal import barred

if TYPE_CHECKING:  # the memory runtime has entries, and uses this
    from flk.model.memory.parts import Entries


class SharingStore:
    """The effects of the node of one log on the store that it shares. `reach` gives the store, or raises Unavailable while it does
    not answer.
    """

    def __init__(self, reach: Callable[[], "Entries"], log: str) -> None:
        self._reach = reach
        self._log = log
        self.performers: Performers = {
            Mark: self._mark,
            Marked: lambda e: reach().marks.get(f"{log}/{e.name}", ""),
            Watermarks: lambda _: tuple(Watermark.of(*mark) for mark in reach().marks.items()),
            Bar: lambda e: reach().barred.add(e.log),
            DeclareLost: lambda e: reach().marks.update({f"{log_of(e.sign)}/{LOST}": e.sign}),
        }

    def require_writable(self) -> None:
        """Return if the node may write. Raises Unavailable."""
        if self._log in self._reach().barred:
            raise barred(self._log)

    def latest(self) -> Timestamp:
        """The latest timestamp of an entry that any node brought (HLC-7)."""
        return max((entry.timestamp for entry in self._reach().entries.values()), default=ZERO)

    def _mark(self, effect: Mark) -> bool:
        self.require_writable()
        marks, name = self._reach().marks, f"{self._log}/{effect.name}"
        if moves := effect.moves(marks.get(name, "")):
            marks[name] = effect.value
        return moves
