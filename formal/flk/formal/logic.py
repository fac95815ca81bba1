"""First-order logic as Z3 terms. Sorts are left open: what is proved holds for any number of elements."""

from collections.abc import Callable
from typing import Protocol, TypeAlias, cast

from z3 import And, BoolRef, BoolSort, Exists, ExprRef, ForAll, FreshConst, Function, Implies, Not, Or, SortRef

Relation: TypeAlias = Callable[..., BoolRef]
"""Anything that takes elements and gives a formula: a symbol of the solver, or a Python function over such symbols."""


class Predicate(Protocol):
    """A symbol that stands for a relation the solver may choose."""

    def __call__(self, *args: ExprRef) -> BoolRef:
        """That the relation holds of the elements."""

    def name(self) -> str:
        """Its name."""

    def arity(self) -> int:
        """The number of its arguments."""

    def domain(self, i: int) -> SortRef:
        """The sort of an argument."""

    def range(self) -> SortRef:
        """The sort of truth values."""


def predicate(name: str, *sorts: SortRef) -> Predicate:
    """A new relation symbol over the sorts."""
    return cast("Predicate", Function(name, *sorts, BoolSort()))


def forall(sorts: tuple[SortRef, ...], body: Relation) -> BoolRef:
    """`body` holds of all elements. The bound variables are new ones, so none is captured."""
    bound = [FreshConst(sort) for sort in sorts]
    return ForAll(bound, body(*bound)) if bound else body()


def exists(sorts: tuple[SortRef, ...], body: Relation) -> BoolRef:
    """`body` holds of some elements."""
    bound = [FreshConst(sort) for sort in sorts]
    return Exists(bound, body(*bound)) if bound else body()


def total_order(before: Relation, sort: SortRef) -> BoolRef:
    """`before` is a strict total order of the sort."""
    return And(
        forall((sort,), lambda a: Not(before(a, a))),
        forall((sort, sort, sort), lambda a, b, c: Implies(And(before(a, b), before(b, c)), before(a, c))),
        forall((sort, sort), lambda a, b: Or(before(a, b), a == b, before(b, a))),
    )


def at_most(size: int, sort: SortRef) -> BoolRef:
    """The sort has `size` elements or fewer."""
    elements = [FreshConst(sort) for _ in range(size)]
    return forall((sort,), lambda a: Or(*(a == element for element in elements)))
