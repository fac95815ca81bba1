"""Symmetry: elements of an unordered index sort are interchangeable, so one state of each orbit stands for all.

The canonical state is the least image under all permutations of all symmetric sorts. Where the elements of a sort are only places
in maps, and no map has two such places, nobody need try the permutations: sorting the elements' records gives the least image.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations, product
from math import factorial, prod

from flk.formal.explicit.schema import Cell, Schema, State
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
    def sorted(self) -> tuple[Index, ...]:
        """The sorts whose records are sorted, chosen from the largest down: never values, nor twice in the domain of a map."""
        chosen: list[Index] = []
        for sort in sorted(self.sorts, key=lambda sort: -self.schema.size_of[sort.name]):
            if self._is_separable(sort, chosen):
                chosen.append(sort)
        return tuple(chosen)

    @cached_property
    def permuted(self) -> tuple[Index, ...]:
        """The other sorts: all their permutations are tried."""
        return tuple(sort for sort in self.sorts if sort not in self.sorted)

    @cached_property
    def records(self) -> tuple[tuple[tuple[int, ...], ...], ...]:
        """For each sorted sort and each element the positions of the element's cells, in order."""
        return tuple(tuple(self._record(sort, at) for at in self.schema.values(sort)) for sort in self.sorted)

    @cached_property
    def images(self) -> tuple[tuple["Move", ...], ...]:
        """For each permutation of the permuted sorts, the identity first, where the code of each cell of the image comes from."""
        return tuple(map(self._moves, self._permutations()))

    @cached_property
    def exchanges(self) -> tuple[tuple["Move", ...], ...]:
        """The images under the exchange of two neighbouring elements, for each pair of each permuted sort."""
        return tuple(
            self._moves({sort.name: _exchanged(self.schema.size_of[sort.name], at)})
            for sort in self.permuted
            for at in range(self.schema.size_of[sort.name] - 1)
        )

    @cached_property
    def tour(self) -> tuple[int, ...]:
        """Positions of exchanges that, made one after another, pass through every image once, beginning with the identity."""
        tour: list[int] = []
        first = 0
        for sort in self.permuted:
            size = self.schema.size_of[sort.name]
            tour = _interleaved(tour, [first + at for at in plain_changes(size)])
            first += size - 1
        return tuple(tour)

    def canonical(self, state: State) -> State:
        """The least image of a state."""
        if not self.sorts:
            return state
        return min(self._arranged(state, moves) for moves in self.images)

    def orbit_size(self, state: State) -> int:
        """How many images a state has: permutations of the permuted sorts may differ, and equal records may change places."""
        if not self.sorts:
            return 1
        return sum(self._arrangements(image) for image in {self._arranged(state, moves) for moves in self.images})

    def _arranged(self, state: State, moves: Sequence["Move"]) -> State:
        """The image, with the records of sorted sorts in ascending order."""
        codes = [move.code(state) for move in moves]
        for elements in self.records:
            records = sorted([codes[position] for position in record] for record in elements)
            for positions, record in zip(elements, records, strict=True):
                for position, code in zip(positions, record, strict=True):
                    codes[position] = code
        return tuple(codes)

    def _arrangements(self, state: State) -> int:
        """In how many ways the records of the sorted sorts can stand."""
        ways = 1
        for elements in self.records:
            records = [tuple(state[position] for position in record) for record in elements]
            ways *= factorial(len(records)) // prod(factorial(records.count(record)) for record in set(records))
        return ways

    def _is_separable(self, sort: Index, chosen: Sequence[Index]) -> bool:
        """Whether sorting the records of `sort`, besides those of the chosen sorts, gives the least image."""
        variables = self.schema.protocol.variables.values()
        alone = all(v.sort != sort and v.domain.count(sort) <= 1 for v in variables)
        return alone and not any(sort in v.domain and other in v.domain for v in variables for other in chosen)

    def _record(self, sort: Index, element: int) -> tuple[int, ...]:
        return tuple(
            position
            for position, cell in enumerate(self.schema.cells)
            if sort in cell.variable.domain and cell.key[cell.variable.domain.index(sort)] == element
        )

    def _permutations(self) -> Iterator[dict[str, tuple[int, ...]]]:
        names = [sort.name for sort in self.permuted]
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


def plain_changes(size: int) -> list[int]:
    """Neighbouring places to exchange, one pair after another, so that every order of `size` things comes up once.

    Source: Knuth, The Art of Computer Programming, 7.2.1.2, algorithm P.
    """
    if size < 2:
        return []
    down = list(range(size - 2, -1, -1))
    changes, at_left = list(down), True
    for inner in plain_changes(size - 1):
        changes += [inner + at_left, *(reversed(down) if at_left else down)]
        at_left = not at_left
    return changes


def _interleaved(inner: list[int], outer: list[int]) -> list[int]:
    """A tour of pairs: the inner tour, to and fro, between the steps of the outer one."""
    tour, back = list(inner), inner[::-1]
    for step in outer:
        tour += [step, *back]
        back = back[::-1]
    return tour


def _exchanged(size: int, at: int) -> tuple[int, ...]:
    order = list(range(size))
    order[at], order[at + 1] = order[at + 1], order[at]
    return tuple(order)


def _map(permutation: dict[str, tuple[int, ...]], sort: Sort, value: int) -> int:
    return permutation[sort.name][value] if isinstance(sort, Index) and sort.name in permutation else value
