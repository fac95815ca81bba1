"""The finite instance of a protocol: its state as a tuple of small codes, its actions with their parameters filled in."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod
from typing import NamedTuple, TypeAlias

from flk.formal.language.action import Action
from flk.formal.language.protocol import Protocol
from flk.formal.language.sorts import Boolean, Bounded, Enum, Index, Sort
from flk.formal.language.text import show
from flk.formal.language.variables import Variable
from flk.spec.errors import UnusableInput

BEGINNINGS = 1 << 22
"""Initial states that are tried one by one at most."""

State: TypeAlias = tuple[int, ...]
"""One code for each cell, in the schema's order. States compare as tuples, and engines that pack them keep that order."""


class Cell(NamedTuple):
    """One value of one variable. Its code is the value less `low`; in a partial variable 0 is absence and all else one more."""

    variable: Variable
    key: tuple[int, ...]
    low: int
    codes: int
    """How many codes there are."""

    @property
    def bits(self) -> int:
        """How many bits hold a code."""
        return (self.codes - 1).bit_length()

    @property
    def begins(self) -> range:
        """The codes that the cell may have at first."""
        if self.variable.initially is None:
            return range(1) if self.variable.partial else range(self.codes)
        code = self.encode(self.variable.initially)
        if code is None:
            raise ValueError(f"{self} begins at {self.variable.initially}, outside of its sort at this size")
        return range(code, code + 1)

    def decode(self, code: int) -> int | None:
        """The value that a code stands for; None is absence."""
        if self.variable.partial:
            return None if code == 0 else code - 1 + self.low
        return code + self.low

    def encode(self, value: int | None) -> int | None:
        """The code of a value, or None if the value is out of bounds."""
        if value is None:
            return 0 if self.variable.partial else None
        code = value - self.low + self.variable.partial
        return code if self.variable.partial <= code < self.codes else None

    def __str__(self) -> str:
        keys = ", ".join(show(sort, at) for sort, at in zip(self.variable.domain, self.key, strict=True))
        return self.variable.name + (f"[{keys}]" if keys else "")


class Instance(NamedTuple):
    """An action with its parameters filled in."""

    action: Action
    arguments: tuple[int, ...]

    def __str__(self) -> str:
        shown = ", ".join(show(p.sort, a) for p, a in zip(self.action.parameters, self.arguments, strict=True))
        return f"{self.action.name}({shown})"


@dataclass(frozen=True)
class Schema:
    """A protocol at chosen sizes."""

    protocol: Protocol
    chosen: tuple[tuple[str, int], ...]

    @classmethod
    def of(cls, protocol: Protocol, sizes: Mapping[str, int] | None = None) -> "Schema":
        """The instance at the given sizes; the protocol's defaults hold for the rest."""
        return cls(protocol, tuple(protocol.sizes(sizes).items()))

    @cached_property
    def size_of(self) -> dict[str, int]:
        """The size of each index sort."""
        return dict(self.chosen)

    @property
    def sizes(self) -> str:
        """The sizes as they are written: `RM=3, Epoch=2`."""
        return ", ".join(f"{name}={size}" for name, size in self.chosen)

    def values(self, sort: Sort) -> range:
        """All values of a sort, as integers."""
        match sort:
            case Boolean():
                return range(2)
            case Enum():
                return range(len(sort.members))
            case Bounded():
                return range(sort.low, sort.high + 1)
            case Index():
                return range(self.size_of[sort.name])
        raise TypeError(f"{sort.name} is not finite")

    def keys(self, variable: Variable) -> Iterator[tuple[int, ...]]:
        """All indices of a variable, in order, the last running fastest."""
        return product(*map(self.values, variable.domain))

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """All values of all variables, in the order of declaration, the last index running fastest."""
        return tuple(cell for variable in self.protocol.variables.values() for cell in self._cells_of(variable))

    def _cells_of(self, variable: Variable) -> Iterator[Cell]:
        values = self.values(variable.sort)
        for key in self.keys(variable):
            yield Cell(variable, key, values.start, len(values) + variable.partial)

    @cached_property
    def _starts(self) -> dict[str, int]:
        starts, at = {}, 0
        for variable in self.protocol.variables.values():
            starts[variable.name] = at
            at += prod(len(self.values(sort)) for sort in variable.domain)
        return starts

    def position(self, variable: Variable, key: tuple[int, ...]) -> int | None:
        """Where a variable's value at a key stands in the state; None if a key is outside of its sort."""
        at = 0
        for sort, value in zip(variable.domain, key, strict=True):
            values = self.values(sort)
            if value not in values:
                return None
            at = at * len(values) + value - values.start
        return self._starts[variable.name] + at

    @cached_property
    def bits(self) -> int:
        """How many bits a state takes."""
        return sum(cell.bits for cell in self.cells)

    @cached_property
    def instances(self) -> tuple[Instance, ...]:
        """Every action with every choice of its parameters, in order."""
        return tuple(
            Instance(action, arguments)
            for action in self.protocol.actions.values()
            for arguments in product(*(self.values(p.sort) for p in action.parameters))
        )

    def candidates(self) -> Iterator[State]:
        """All states that the variables' initial values allow, in order; assumptions are not yet regarded.

        Raises UnusableInput for more than BEGINNINGS.
        """
        begins = [cell.begins for cell in self.cells]
        total = prod(map(len, begins))
        if total > BEGINNINGS:
            raise UnusableInput(
                f"{self.protocol.name} may begin in {total:,} states, before any assumption, too many to try one by one; give "
                "initial values in place of ANY, or smaller sizes"
            )
        return product(*begins)

    def describe(self, cell: Cell, code: int) -> str:
        """The value of a cell as it is written."""
        value = cell.decode(code)
        return "undefined" if value is None else show(cell.variable.sort, value)
