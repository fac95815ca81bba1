"""Symmetry: elements of an unordered index sort are interchangeable, so one state of each orbit stands for all.

The canonical state is the least image under all permutations of all symmetric sorts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations, product
from math import factorial, prod

from flk.formal.finite.schema import Cell, Schema, State
from flk.formal.language.sorts import Index, Sort


@dataclass(frozen=True)
class Symmetry:
    """The permutations that leave a schema as it is, or only the identity if symmetry is not wanted."""

    schema: Schema
    sorts: tuple[Index, ...]

    @classmethod
    def of(cls, schema: Schema, *, wanted: bool) -> "Symmetry":
        """The symmetry of a schema."""
        indices = [s for s in schema.protocol.sorts.values() if isinstance(s, Index) and not s.ordered]
        return cls(schema, tuple(indices) if wanted else ())

    @property
    def order(self) -> int:
        """How many permutations there are."""
        return prod(factorial(self.schema.size_of[sort.name]) for sort in self.sorts)

    @cached_property
    def images(self) -> tuple[tuple["Move", ...], ...]:
        """For each permutation but the identity, first, where the code of each cell of the image comes from."""
        return tuple(map(self._moves, self._permutations()))

    def canonical(self, state: State) -> State:
        """The least image of a state."""
        if not self.sorts:
            return state
        return min(tuple(move.code(state) for move in moves) for moves in self.images)

    def orbit(self, state: State) -> set[State]:
        """All images of a state."""
        return {tuple(move.code(state) for move in moves) for moves in self.images} if self.sorts else {state}

    def _permutations(self) -> Iterator[dict[str, tuple[int, ...]]]:
        names = [sort.name for sort in self.sorts]
        for chosen in product(*(permutations(range(self.schema.size_of[name])) for name in names)):
            yield dict(zip(names, chosen, strict=True))

    def _moves(self, permutation: dict[str, tuple[int, ...]]) -> tuple["Move", ...]:
        return tuple(self._move(cell, permutation) for cell in self.schema.cells)

    def _move(self, cell: Cell, permutation: dict[str, tuple[int, ...]]) -> "Move":
        """The image at key k holds what the state holds at the permuted key; values of a permuted sort are permuted back."""
        key = tuple(_map(permutation, sort, at) for sort, at in zip(cell.variable.domain, cell.key, strict=True))
        source = self.schema.position(cell.variable, key)
        assert source is not None
        values = permutation.get(cell.variable.sort.name)
        if values is None or not isinstance(cell.variable.sort, Index):
            return Move(source, None)
        partial = int(cell.variable.partial)
        back = tuple(values.index(v) + partial for v in range(len(values)))
        return Move(source, (0, *back) if partial else back)


@dataclass(frozen=True)
class Move:
    """The code of one cell of an image: that of the source cell, through a table if its values are themselves permuted."""

    source: int
    table: tuple[int, ...] | None

    def code(self, state: State) -> int:
        """The code in the image of a state."""
        code = state[self.source]
        return code if self.table is None else self.table[code]


def _map(permutation: dict[str, tuple[int, ...]], sort: Sort, value: int) -> int:
    return permutation[sort.name][value] if isinstance(sort, Index) and sort.name in permutation else value
