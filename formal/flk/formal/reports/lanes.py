"""Who does what to whom: the steps of a path along lanes, one for each element of a sort."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from flk.formal.explicit.schema import Schema
from flk.formal.language.protocol import Protocol
from flk.formal.language.sorts import Enum, Index, Sort
from flk.formal.language.text import show
from flk.formal.reports.changes import Change, Row
from flk.spec.errors import UnusableInput


class Mark(NamedTuple):
    """A step on the lanes: something happens on one, goes from one to another, or (`source` is None) concerns all."""

    source: int | None
    target: int | None


def lane_sort(protocol: Protocol, wanted: str = "") -> Index | Enum | None:
    """The sort whose elements get lanes: the one wanted, the protocol's own choice, or that which most actions are about, if any.

    Raises UnusableInput for a sort that the protocol does not have.
    """
    if wanted:
        known = {name.lower(): sort for name, sort in protocol.sorts.items()}
        if wanted.lower() not in known:
            raise UnusableInput(f"{protocol.name} has no sort {wanted}: choose lanes from {', '.join(protocol.sorts)}")
        return known[wanted.lower()]
    if protocol.lanes is not None:
        return protocol.lanes
    about = Counter(sort for action in protocol.actions.values() for sort in {p.sort for p in action.parameters})
    index = [sort for sort in protocol.sorts.values() if isinstance(sort, Index) and about[sort]]
    return max(index, key=lambda sort: (not sort.ordered, about[sort]), default=None)


def names(schema: Schema, sort: Index | Enum | None) -> list[str]:
    """What the lanes are called."""
    return [schema.protocol.name] if sort is None else [show(sort, value) for value in schema.values(sort)]


def mark(schema: Schema, sort: Index | Enum | None, row: Row) -> Mark:
    """Where a step lies. From the lane it takes something from to the lane it changes; else in the order of its parameters."""
    if sort is None:
        return Mark(0, 0)
    parameters = schema.protocol.actions[row.action].parameters
    acting = _unique(value for p, value in zip(parameters, row.arguments, strict=True) if p.sort == sort)
    changed = _unique(_owner(change, sort) for change in row.changes)
    if len(acting) == 1:
        onto = [lane for lane in changed if lane != acting[0]]
        return Mark(acting[0], onto[0] if len(onto) == 1 and len(changed) == 1 else acting[0])
    if len(acting) > 1:
        first, second = acting[:2]
        return Mark(second, first) if changed == [first] else Mark(first, second)
    return Mark(changed[0], changed[0]) if len(changed) == 1 else Mark(None, None)


def _owner(change: Change, sort: Sort) -> int | None:
    """The lane that a cell belongs to: that of its first index of the sort."""
    cell = change.cell
    return next((at for each, at in zip(cell.variable.domain, cell.key, strict=True) if each == sort), None)


def _unique(lanes: Iterable[int | None]) -> list[int]:
    return list(dict.fromkeys(lane for lane in lanes if lane is not None))
