"""Runs of a transition system from its start, with few elements of each sort: what can happen, found by bounded search."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import pairwise, product

from z3 import (
    And,
    BoolRef,
    Const,
    ExprRef,
    Or,
    SortRef,
    Var,
    is_bool,
    is_quantifier,
    substitute,
    substitute_funs,
    substitute_vars,
)

from flk.formal.readout import read_path
from flk.formal.theorem import Witness
from flk.formal.transitions import Move, S, System, domain, name

SMALL = 2
"""The most elements of a sort: enough for two requests, keys or tenants to meet."""


def run(system: System[S], goal: Callable[[S], BoolRef], steps: int) -> Witness:
    """Some run of that many actions ends in a state that meets `goal`.

    The formulas of one step and of the goal are expanded once, and instantiated by substitution.
    """
    elements = Elements(system.sorts)
    before, after = system.symbols("before"), system.symbols("after")
    moves, happens = zip(*(system.move(action, before, after) for action in system.actions), strict=True)
    among = (elements.has(argument) for move in moves for argument in move.arguments)
    step = elements.expand(And(Or(*(move.taken for move in moves)), *happens, *among))
    reached = elements.expand(goal(after))

    states = [system.start()] + [system.symbols(str(number)) for number in range(1, steps + 1)]
    path = [[move.again(number) for move in moves] for number in range(1, steps + 1)]
    taken = (
        substitute(_said_of(system, step, {before: old, after: new}), *_renamed(moves, again))
        for (old, new), again in zip(pairwise(states), path, strict=True)
    )
    ended = _said_of(system, reached, {after: states[-1]})
    case = And(elements.expand(system.background), elements.closed(system), *taken, ended)
    return Witness(f"a run in which {name(goal)}", case, partial(read_path, system, states, path))


class Elements:
    """A universe of at most SMALL elements of each sort, in which a quantifier is a conjunction or a disjunction."""

    def __init__(self, sorts: Iterable[SortRef]) -> None:
        self._of = {sort.name(): [Const(f"{sort.name()} {i}", sort) for i in range(SMALL)] for sort in sorts}

    def tuples(self, sorts: Iterable[SortRef]) -> Iterator[tuple[ExprRef, ...]]:
        """All tuples of elements of the sorts."""
        return product(*(self._of[sort.name()] for sort in sorts))

    def has(self, term: ExprRef) -> BoolRef:
        """The term is one of the elements."""
        return Or(*(term == element for element in self._of[term.sort().name()]))

    def closed(self, system: System[S]) -> BoolRef:
        """The facts lead from the elements to no others."""
        values = (fact(*elements) for fact in system.facts for elements in self.tuples(domain(fact)))
        return And(*(self.has(value) for value in values if not is_bool(value)))

    def expand(self, formula: BoolRef) -> BoolRef:
        """The formula, with its quantifiers spelt out."""
        if is_quantifier(formula):
            sorts = [formula.var_sort(i) for i in range(formula.num_vars())]
            cases = (substitute_vars(formula.body(), *reversed(case)) for case in self.tuples(sorts))
            return (And if formula.is_forall() else Or)(*map(self.expand, cases))
        parts = [part for part in formula.children() if is_bool(part)]
        return substitute(formula, *((part, self.expand(part)) for part in parts))


def _said_of(system: System[S], formula: BoolRef, instead: Mapping[S, S]) -> BoolRef:
    """The formula, said of other states."""
    replaced = (
        (getattr(old, field), getattr(new, field)(*(Var(i, sort) for i, sort in enumerate(sorts))))
        for old, new in instead.items()
        for field, sorts in system.signature.items()
    )
    return substitute_funs(formula, *replaced)


def _renamed(moves: Iterable[Move], again: Iterable[Move]) -> Iterator[tuple[ExprRef, ExprRef]]:
    """Each term of the moves, with the same term at another point of the run."""
    for move, other in zip(moves, again, strict=True):
        yield from zip(move.terms, other.terms, strict=True)
