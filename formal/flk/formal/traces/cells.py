"""The state while a trace is followed: only what differs from the beginning is kept, and every change can be taken back."""

from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import Final, NoReturn, TypeAlias

from flk.formal.explicit.interpreter import Fault
from flk.formal.language.protocol import Protocol
from flk.formal.language.variables import Variable
from flk.formal.traces.values import Element, Key


class Absent(Enum):
    """In the journal, in place of an old value: the cell was as it began."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT

Change: TypeAlias = "tuple[Cells, Key, Element | Absent | None]"
"""A cell that was written, and what it held before."""


class Unbound(Exception):
    """A cell was read of which it is not known how it began."""

    def __init__(self, cells: "Cells", key: Key) -> None:
        super().__init__(cells, key)
        self.cells = cells
        self.key = key


class Cells(dict[Key, Element | None]):
    """The values of one variable by key; None is undefined. A key that is missing has the initial value, or an unknown one.

    `touches` are called with every key that changes.
    """

    def __init__(self, variable: Variable) -> None:
        super().__init__()
        self.variable = variable
        self.free = variable.initially is None and not variable.partial
        self.touches: list[Callable[[Key], None]] = []

    def attend(self, touch: Callable[[Key], None]) -> None:
        """Call `touch` with every key that changes from now on, and with those that have."""
        self.touches.append(touch)
        for key in self:
            touch(key)

    def now(self, key: Key) -> Element | None:
        """The value at a key. Raises Unbound if it is unknown."""
        if key in self:
            return self[key]
        if self.free:
            raise Unbound(self, key)
        return self.variable.initially


class State:
    """The cells of every variable, and the journal of their changes, of which the oldest may be forgotten."""

    def __init__(self, protocol: Protocol) -> None:
        self.cells = {name: Cells(variable) for name, variable in protocol.variables.items()}
        self.journal: list[Change] = []
        self._forgotten = 0

    def mark(self) -> int:
        """How many changes there have been: what `undo` goes back to."""
        return self._forgotten + len(self.journal)

    def write(self, cells: Cells, key: Key, value: Element | None) -> None:
        """Change a cell."""
        self.journal.append((cells, key, cells.get(key, ABSENT)))
        cells[key] = value
        for touch in cells.touches:
            touch(key)

    def undo(self, mark: int) -> None:
        """Take back all changes since a mark."""
        journal = self.journal
        for _ in range(self.mark() - mark):
            cells, key, old = journal.pop()
            if old is ABSENT:
                del cells[key]
            else:
                cells[key] = old
            for touch in cells.touches:
                touch(key)

    def forget(self, mark: int) -> None:
        """Nothing before a mark will be taken back. The journal is cut once that saves half of it."""
        count = mark - self._forgotten
        if 2 * count >= len(self.journal):
            del self.journal[:count]
            self._forgotten += count

    def digests(self, digest: int, marks: Iterable[int]) -> Iterator[int]:
        """The digests of the states at marks, latest first, given the digest of this one. States that are alike have one digest."""
        later: dict[tuple[int, Key], object] = {}
        end = len(self.journal)
        for mark in marks:
            begin = mark - self._forgotten
            for cells, key, old in reversed(self.journal[begin:end]):
                cell = (id(cells), key)
                digest ^= _weight(cells, key, later.get(cell, cells[key])) ^ _weight(cells, key, old)
                later[cell] = old
            end = begin
            yield digest

    def shift(self, digest: int, mark: int) -> int:
        """The digest of this state, given the one at a mark."""
        return next(self.digests(digest, (mark,)))


def _weight(cells: Cells, key: Key, value: object) -> int:
    """What a cell adds to the digest: nothing while it is as it began."""
    if value is ABSENT or (not cells.free and value == cells.variable.initially):
        return 0
    return hash((id(cells), key, value))


# What compiled steps call.


def undefined(cells: Cells, key: Key) -> NoReturn:
    """A partial variable is read where it has no value."""
    raise Fault(f"{cells.variable.name} is read where it is undefined ({key!r})")


def unknown(cells: Cells, key: Key) -> NoReturn:
    """A variable is read of which it is not known how it began."""
    raise Unbound(cells, key)


def within(value: int, low: int, high: int, name: str) -> int:
    """The value, if it is within bounds."""
    if low <= value <= high:
        return value
    raise Fault(f"{name}: {value} is outside of {low}..{high}")


def divide(left: int, right: int) -> int:
    """Division that rounds down."""
    if right == 0:
        raise Fault(f"{left} // 0 is undefined")
    return left // right


def remainder(left: int, right: int) -> int:
    """What division that rounds down leaves."""
    if right == 0:
        raise Fault(f"{left} % 0 is undefined")
    return left % right
