"""Sorts: what a value of the state can be. Every one is finite once the sizes of the index sorts are chosen."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from flk.formal.language.errors import IllFormed


@dataclass(frozen=True)
class Sort:
    """A set of values, each written as an integer: false 0, true 1, a member or element by its position, an integer as itself."""

    name: str

    def __repr__(self) -> str:
        return self.name

    def __iter__(self) -> Iterator[NoReturn]:
        raise IllFormed(
            f"a loop over {self.name}: its elements are not known yet; write forall({self.name}, lambda x: ...), "
            "exists, count, or an update with [:]"
        )

    def __contains__(self, value: object) -> NoReturn:
        raise IllFormed(f"`in {self.name}`: a term has its sort for good; compare with == or use exists")


@dataclass(frozen=True, repr=False)
class Boolean(Sort):
    """The sort of true and false, `BOOL`; a relation is a map to it, and every guard and property is a term of it.

    >>> lamp = Protocol("lamp", "It is on or off.")
    >>> lamp.scalar("lit", BOOL, initially=False).sort
    Bool
    """


@dataclass(frozen=True, repr=False)
class Integers(Sort):
    """The sort of arithmetic, without bounds: no variable has it, so that every state space is finite."""


@dataclass(frozen=True, repr=False)
class Bounded(Sort):
    """The integers from `low` to `high`, both included."""

    low: int
    high: int


@dataclass(frozen=True, repr=False)
class Enum(Sort):
    """Named members: `Phase.working`."""

    members: tuple[str, ...]


@dataclass(frozen=True, repr=False)
class Index(Sort):
    """Interchangeable things, such as regions or records: `size` of them when states are explored, any number when proving.

    `ordered` gives them a total order (`<`), as timestamps have; what is not ordered is symmetric.
    """

    size: int
    ordered: bool = False


BOOL = Boolean("Bool")
INTEGER = Integers("Int")


def integer(low: int, high: int) -> Bounded:
    """The sort of the integers from `low` to `high`, both included. Leaving it is a fault that is reported, never wrapped.

    Raises IllFormed for bounds that are not integers, or the wrong way round.

    >>> integer(0, 3)
    0..3
    """
    for bound in (low, high):
        if isinstance(bound, bool) or not isinstance(bound, int):
            raise IllFormed(f"an integer bound is {bound!r}: an unbounded domain cannot be explored; give two integers")
    if low > high:
        raise IllFormed(f"integer({low}, {high}) has no values: give the lower bound first")
    return Bounded(f"{low}..{high}", low, high)


def example(sort: Sort) -> str:
    """What to write where a value of the sort is wanted."""
    match sort:
        case Enum():
            return f"write {sort.name}.{sort.members[0]} or another member"
        case Index():
            return f"give a parameter over {sort.name}, or what forall, exists or count bind"
        case Boolean():
            return "write True, False or a condition"
        case _:
            return "give an integer"


def is_number(sort: Sort) -> bool:
    """Whether the sort takes part in arithmetic."""
    return isinstance(sort, Bounded | Integers)
