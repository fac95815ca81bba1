"""What stands for a protocol's state in Z3, with index sorts left open: what is proved holds for any number of elements.

An index sort is an uninterpreted sort, with a total order if it has one. A variable is a function; a partial one has, beside its
value, a predicate that says where it is defined. Bounded integers are integers, and their bounds are assumed before a step and
proved after it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

from z3 import (
    And,
    ArithRef,
    BoolRef,
    BoolSort,
    BoolVal,
    Const,
    DeclareSort,
    EnumSort,
    ExprRef,
    ForAll,
    FreshConst,
    FuncDeclRef,
    Function,
    Implies,
    IntSort,
    IntVal,
    Not,
    Or,
    SortRef,
    is_bool,
)

from flk.formal.language.errors import IllFormed
from flk.formal.language.protocol import Protocol
from flk.formal.language.sorts import Boolean, Bounded, Enum, Index, Sort
from flk.formal.language.variables import Variable

MOST = 64
"""Values of an enum or of bounded integers that a quantifier is written out over."""

TRUE, FALSE = BoolVal(val=True), BoolVal(val=False)
"""The one object of each truth in this room, so that identity tells them: it is quicker than to ask Z3."""


@dataclass(frozen=True)
class Symbols:
    """The symbols of one protocol's state."""

    protocol: Protocol
    order: Mapping[str, FuncDeclRef]
    value: Mapping[str, FuncDeclRef]
    defined: Mapping[str, FuncDeclRef]

    @classmethod
    def of(cls, protocol: Protocol) -> "Symbols":
        """The symbols of a protocol, which have the names of what they stand for."""
        ordered = [s for s in protocol.sorts.values() if isinstance(s, Index) and s.ordered]
        variables = protocol.variables.values()
        return cls(
            protocol,
            {s.name: Function(f"<{s.name}", sort_of(s), sort_of(s), BoolSort()) for s in ordered},
            {v.name: Function(v.name, *map(sort_of, v.domain), sort_of(v.sort)) for v in variables},
            {v.name: Function(f"{v.name}?", *map(sort_of, v.domain), BoolSort()) for v in variables if v.partial},
        )

    def less(self, left: ExprRef, right: ExprRef, sort: Index) -> BoolRef:
        """That one element of an ordered index sort comes before another."""
        return truth(self.order[sort.name](left, right))

    @property
    def axioms(self) -> tuple[BoolRef, ...]:
        """What holds in every state: index sorts that are ordered are totally ordered, and values keep their bounds."""
        return (*map(self._total_order, self.order), *(self.bounds(v) for v in self.protocol.variables.values()))

    def bounds(self, variable: Variable) -> BoolRef:
        """That a variable of bounded integers keeps its bounds wherever its index does."""
        if not isinstance(variable.sort, Bounded):
            return TRUE
        value = self.value[variable.name]
        return everywhere(variable.domain, lambda at: within(value(*at), variable.sort))

    def _total_order(self, name: str) -> BoolRef:
        less = self.order[name]
        a, b, c = (Const(x, less.domain(0)) for x in "abc")
        irreflexive = ForAll([a], Not(truth(less(a, a))))
        transitive = ForAll([a, b, c], Implies(And(truth(less(a, b)), truth(less(b, c))), truth(less(a, c))))
        total = ForAll([a, b], Or(truth(less(a, b)), a == b, truth(less(b, a))))
        return And(irreflexive, transitive, total)


def sort_of(sort: Sort) -> SortRef:
    """The Z3 sort of a sort's values."""
    match sort:
        case Boolean():
            return BoolSort()
        case Enum(name, members):
            return _enumeration(name, members)[0]
        case Index(name):
            return DeclareSort(name)
        case _:
            return IntSort()


@cache
def _enumeration(name: str, members: tuple[str, ...]) -> tuple[SortRef, Sequence[ExprRef]]:
    """Z3 knows an enumeration by its name, so two enums of one name need two."""
    unique = f"{name}{{{','.join(members)}}}"
    return EnumSort(unique, [f"{unique}.{member}" for member in members])


def literal(sort: Sort, value: int) -> ExprRef:
    """The constant of a value. Index sorts have none."""
    match sort:
        case Boolean():
            return TRUE if value else FALSE
        case Enum(name, members):
            return _enumeration(name, members)[1][value]
        case _:
            return IntVal(value)


def constant(sort: Sort, name: str) -> ExprRef:
    """A constant of the sort that the solver may choose."""
    return Const(name, sort_of(sort))


def values_of(sort: Sort) -> range | None:
    """All values of a finite sort, to write a quantifier out; None for an index sort."""
    match sort:
        case Boolean():
            return range(2)
        case Enum(_, members):
            return range(len(members))
        case Bounded(name, low, high):
            if high - low >= MOST:
                raise IllFormed(f"a quantifier over {name}: the prover writes out at most {MOST} values", ("sort", 0))
            return range(low, high + 1)
    return None


def within(value: ExprRef, sort: Sort) -> BoolRef:
    """That an integer keeps the bounds of its sort; true of every other sort."""
    if not isinstance(sort, Bounded):
        return TRUE
    return And(number(value) >= sort.low, number(value) <= sort.high)


def truth(term: ExprRef) -> BoolRef:
    """A term that is known to be a truth."""
    assert is_bool(term)
    return term


def number(term: ExprRef) -> ArithRef:
    """A term that is known to be an integer."""
    assert isinstance(term, ArithRef)
    return term


def all_of(parts: Iterable[BoolRef]) -> BoolRef:
    """Conjunction, without what is true anyway."""
    kept = [part for part in parts if part is not TRUE]
    if any(part is FALSE for part in kept):
        return FALSE
    return And(*kept) if len(kept) > 1 else kept[0] if kept else TRUE


def any_of(parts: Iterable[BoolRef]) -> BoolRef:
    """Disjunction, without what is false anyway."""
    kept = [part for part in parts if part is not FALSE]
    if any(part is TRUE for part in kept):
        return TRUE
    return Or(*kept) if len(kept) > 1 else kept[0] if kept else FALSE


def negation(part: BoolRef) -> BoolRef:
    """Not."""
    return FALSE if part is TRUE else TRUE if part is FALSE else Not(part)


def implies(premise: BoolRef, conclusion: BoolRef) -> BoolRef:
    """Implication."""
    return any_of([negation(premise), conclusion])


def everywhere(sorts: Sequence[Sort], body: Callable[[list[ExprRef]], BoolRef]) -> BoolRef:
    """That something holds for all values of some sorts: written out over the finite ones, unless there are too many."""
    bound: list[ExprRef] = []
    inside: list[BoolRef] = []
    choices: list[list[ExprRef]] = []
    for sort in sorts:
        values = None if isinstance(sort, Bounded) and sort.high - sort.low >= MOST else values_of(sort)
        if values is None:
            bound.append(FreshConst(sort_of(sort), "at"))
            inside.append(within(bound[-1], sort))
        choices.append([bound[-1]] if values is None else [literal(sort, value) for value in values])
    claim = implies(all_of(inside), all_of(body(list(chosen)) for chosen in product(*choices)))
    return claim if not bound or claim is TRUE or claim is FALSE else ForAll(bound, claim)
