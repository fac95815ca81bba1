"""Whether queries are in a decidable fragment: effectively propositional logic, where Z3 must come to an answer.

A quantifier that exists under one for all makes an element out of others; so does a function between index sorts. Where no sort can
in turn be made out of itself, a query has finite models only, and few enough. Integers are outside of the fragment.

Source: Ge and de Moura, "Complete instantiation for quantified formulas in satisfiability modulo theories", CAV 2009.
"""

from collections.abc import Iterator, Sequence

import networkx
from z3 import BoolRef, ExprRef, Not, QuantifierRef, is_and, is_implies, is_not, is_or, is_quantifier

from flk.formal.language.sorts import Bounded, Index
from flk.formal.prover.obligations import Induction, counts
from flk.formal.prover.symbols import Symbols


def outside(induction: Induction) -> tuple[str, ...]:
    """Why the queries of a protocol leave the fragment: a cycle of sorts, or integers. Empty if they do not."""
    graph = networkx.DiGraph(_function_edges(induction.symbols))
    walk = Alternation(induction.symbols)
    for obligation in induction.obligations():
        for formula in (*obligation.given, Not(obligation.goal)):
            graph.add_edges_from(walk.edges(formula))
    cycle = next(networkx.simple_cycles(graph), None)
    found = [f"elements of {' are made from those of '.join([*cycle, cycle[0]])}"] if cycle else []
    numbers = sorted(v.name for v in induction.protocol.variables.values() if isinstance(v.sort, Bounded))
    numbers += ["counts"] * any(counts(guard) for a in induction.protocol.actions.values() for guard in a.guards)
    return (*found, *([f"integers: {', '.join(numbers)}"] if numbers else []))


def _function_edges(symbols: Symbols) -> Iterator[tuple[str, str]]:
    """From each index sort that a variable's domain has to that of its values."""
    for variable in symbols.protocol.variables.values():
        if isinstance(variable.sort, Index):
            for sort in variable.domain:
                if isinstance(sort, Index):
                    yield sort.name, variable.sort.name


class Alternation:
    """Walks a formula and finds which sorts are made from which by quantifiers."""

    def __init__(self, symbols: Symbols) -> None:
        self._names = {name for name, sort in symbols.protocol.sorts.items() if isinstance(sort, Index)}
        self._seen: set[tuple[int, bool, frozenset[str]]] = set()

    def edges(self, formula: BoolRef) -> Iterator[tuple[str, str]]:
        """The edges of a formula that is asserted, as far as no formula before it had them."""
        return self._walk(formula, frozenset(), positive=True)

    def _walk(self, term: ExprRef, above: frozenset[str], *, positive: bool) -> Iterator[tuple[str, str]]:
        """`above` are the sorts of the elements that are chosen before; `positive` is whether the term is asserted or denied."""
        key = (term.get_id(), positive, above)
        if key in self._seen:
            return
        self._seen.add(key)
        if is_quantifier(term):
            yield from self._quantifier(term, above, positive=positive)
        else:
            for part, signs in _parts(term, positive=positive):
                for sign in signs:
                    yield from self._walk(part, above, positive=sign)

    def _quantifier(self, term: QuantifierRef, above: frozenset[str], *, positive: bool) -> Iterator[tuple[str, str]]:
        sorts = {name for n in range(term.num_vars()) if (name := term.var_sort(n).name()) in self._names}
        if term.is_forall() == positive:
            yield from self._walk(term.body(), above | sorts, positive=positive)
            return
        yield from ((one, made) for one in above for made in sorts)
        yield from self._walk(term.body(), above, positive=positive)


def _parts(term: ExprRef, *, positive: bool) -> Iterator[tuple[ExprRef, Sequence[bool]]]:
    """The parts of a term, each with the ways in which it counts: asserted, denied, or both."""
    children = term.children()
    if is_not(term):
        yield children[0], (not positive,)
    elif is_implies(term):
        yield from ((children[0], (not positive,)), (children[1], (positive,)))
    elif is_and(term) or is_or(term):
        yield from ((child, (positive,)) for child in children)
    else:
        yield from ((child, (positive, not positive)) for child in children)
