"""What a fast engine is made from: the ground form of a protocol, the layout of its states, and what to look for in them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from math import factorial, prod
from typing import NamedTuple

from flk.formal.explicit.expression import Expression
from flk.formal.explicit.ground import Ground, GroundInstance, GroundProperty, Write
from flk.formal.explicit.layout import WORD, Field, Layout
from flk.formal.explicit.search import target
from flk.formal.explicit.symmetry import Move, Symmetry
from flk.formal.language.sorts import Index
from flk.spec.errors import UnusableInput

LARGEST = (1 << 63) - 1
INSTANCES = 1 << 16
"""The fast engines number instances in sixteen bits."""

TOURED = 3_628_800
"""As many permutations are tried at most: those of ten elements."""


class Goal(NamedTuple):
    """What a search looks for on behalf of a property, and where reading it is a fault."""

    name: str
    target: Expression
    undefined: Expression


class Records(NamedTuple):
    """The records of a sorted sort: where each element's fields lie in the state, and where they go in a record."""

    elements: tuple[tuple[Field, ...], ...]
    fields: tuple[Field, ...]
    words: int


@dataclass(frozen=True)
class Program:
    """A ground protocol, and the symmetry by which its states are folded."""

    ground: Ground
    symmetry: Symmetry

    @classmethod
    def of(cls, ground: Ground, *, symmetry: bool) -> "Program":
        """Raises UnusableInput where 64-bit numbers do not suffice, or for too many permutations."""
        program = cls(ground, Symmetry.of(ground.schema, wanted=symmetry))
        program._check()
        return program

    @cached_property
    def layout(self) -> Layout:
        """How states are packed."""
        return Layout(self.ground.schema)

    @property
    def words(self) -> int:
        """Of a state."""
        return self.layout.words

    @property
    def instances(self) -> tuple[GroundInstance, ...]:
        """What may happen."""
        return self.ground.instances

    @cached_property
    def positions(self) -> tuple[int, ...]:
        """The position of each instance among the schema's, of which some can never happen."""
        position = {instance: n for n, instance in enumerate(self.ground.schema.instances)}
        return tuple(position[ground.instance] for ground in self.instances)

    @cached_property
    def goals(self) -> tuple[Goal, ...]:
        """One for each property."""
        return tuple(map(self._goal, self.ground.properties))

    @cached_property
    def exchanges(self) -> tuple[tuple[Write, ...], ...]:
        """The symmetry's exchanges, as writes."""
        return tuple(tuple(self._written(moves)) for moves in self.symmetry.exchanges)

    @cached_property
    def records(self) -> tuple[Records, ...]:
        """Of the symmetry's sorted sorts that have cells."""
        return tuple(map(self._records, filter(lambda elements: elements[0], self.symmetry.records)))

    def _goal(self, ground: GroundProperty) -> Goal:
        return Goal(ground.property.name, target(self.ground, ground), ground.undefined)

    def _written(self, moves: Iterable[Move]) -> Iterator[Write]:
        b, cells = self.ground.build, self.ground.schema.cells
        for position, move in enumerate(moves):
            source = code = b.code(move.source, cells[move.source].codes)
            for old, new in enumerate(move.table or ()):
                code = code if old == new else b.choice(b.equal(source, b.number(old)), b.number(new), code)
            if code is not source or move.source != position:
                yield Write(position, code)

    def _records(self, elements: tuple[tuple[int, ...], ...]) -> Records:
        """The first field of a record is in the highest bits, so that records compare as their codes do."""
        places = self.layout.fields
        fields: list[Field] = []
        word, free = 0, WORD
        for position in elements[0]:
            bits = places[position].bits
            if bits > free:
                word, free = word + 1, WORD
            free -= bits
            fields.append(Field(word, free, bits))
        return Records(tuple(tuple(places[p] for p in element) for element in elements), tuple(fields), word + 1)

    def _check(self) -> None:
        name = self.ground.schema.protocol.name
        for cell in self.ground.schema.cells:
            if cell.bits > WORD:
                raise UnusableInput(f"{name}: {cell} takes {cell.bits} bits, more than {WORD}: give it narrower bounds")
        if len(self.ground.schema.instances) >= INSTANCES:
            raise UnusableInput(f"{name} has {len(self.ground.schema.instances)} instances: choose smaller sizes")
        for expression in _below(self._roots()):
            if not -LARGEST <= expression.low <= expression.high <= LARGEST:
                raise UnusableInput(
                    f"{name}: its arithmetic may reach {max(expression.high, -expression.low)}, beyond 64 bits: give narrower"
                    " bounds, or use the interpreter"
                )
        if prod(map(self._permutations, self.symmetry.permuted)) > TOURED:
            raise UnusableInput(
                f"{name}: {self.symmetry.order} permutations are too many to try: explore without symmetry, or at smaller sizes"
            )

    def _permutations(self, sort: Index) -> int:
        return factorial(self.ground.schema.size_of[sort.name])

    def _roots(self) -> Iterator[Expression]:
        for instance in self.instances:
            yield from (instance.enabled, instance.undefined, instance.fault)
            yield from (write.code for write in instance.writes)
        for goal in self.goals:
            yield from (goal.target, goal.undefined)
        yield from self.ground.end


def _below(roots: Iterable[Expression]) -> Iterator[Expression]:
    """The roots and all their parts, each once."""
    seen: set[Expression] = set()
    stack = list(roots)
    while stack:
        expression = stack.pop()
        if expression not in seen:
            seen.add(expression)
            yield expression
            stack += expression.parts
