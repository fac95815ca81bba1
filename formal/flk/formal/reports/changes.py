"""A path as the changes that its steps make."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import NamedTuple

from flk.formal.explicit.explore import Path
from flk.formal.explicit.schema import Cell, Schema, State
from flk.formal.language.sorts import Boolean, Bounded

BLANK = "false, 0 or undefined"


class Change(NamedTuple):
    """A cell whose value a step changed, with the values as they are written."""

    cell: Cell
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.cell}: {self.before} → {self.after}"


@dataclass(frozen=True)
class Row:
    """A step: its number from 1, the instance as it is written, what it changed, and whether it is part of a lasso's cycle."""

    number: int
    shown: str
    arguments: tuple[int, ...]
    action: str
    changes: tuple[Change, ...]
    again: bool


def rows(schema: Schema, path: Path) -> list[Row]:
    """The steps of a path."""
    loop = len(path.moves) if path.loop is None else path.loop
    return [
        Row(number, move.shown, move.arguments, move.action, _changes(schema, before.state, move.state), number > loop)
        for number, (before, move) in enumerate(pairwise(path.moves), 1)
    ]


def _changes(schema: Schema, before: State, after: State) -> tuple[Change, ...]:
    return tuple(
        Change(cell, schema.describe(cell, old), schema.describe(cell, new))
        for cell, old, new in zip(schema.cells, before, after, strict=True)
        if old != new
    )


def ending(path: Path) -> str:
    """How a lasso goes on; empty for a path that ends."""
    if path.loop is None:
        return ""
    if path.loop == len(path.moves) - 1:
        return "and nothing else happens"
    again = (
        f"step {path.loop + 1}"
        if path.loop + 2 == len(path.moves)
        else f"steps {path.loop + 1} to {len(path.moves) - 1}"
    )
    return f"and {again} again, for ever"


def summary_of(schema: Schema, state: State) -> list[str]:
    """A state in short: for each variable the values that are not false, 0 or undefined, at once where all are the same."""
    cells = zip(schema.cells, state, strict=True)
    return [
        line
        for _, each in groupby(cells, key=lambda pair: pair[0].variable.name)
        for line in _short(schema, list(each))
    ]


def _short(schema: Schema, cells: Sequence[tuple[Cell, int]]) -> Iterator[str]:
    if len(cells) > 1 and len({code for _, code in cells}) == 1:
        cell, code = cells[0]
        if not _blank(cell, code):
            yield f"{cell.variable.name} = {schema.describe(cell, code)} everywhere"
        return
    for cell, code in cells:
        if not _blank(cell, code):
            yield f"{cell} = {schema.describe(cell, code)}"


def _blank(cell: Cell, code: int) -> bool:
    value = cell.decode(code)
    return value is None or (value == 0 and isinstance(cell.variable.sort, Boolean | Bounded))
