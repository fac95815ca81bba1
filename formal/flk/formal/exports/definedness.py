"""What must hold for a tree without quantifiers to have a value, for languages that would go on with a wrong one."""

from collections.abc import Iterable, Iterator

from flk.formal.exports.intervals import Values, interval
from flk.formal.exports.unrolling import joined
from flk.formal.language.nodes import (
    Arithmetic,
    Choice,
    Compared,
    Constant,
    Defined,
    Joined,
    Junction,
    Node,
    Not,
    Operator,
    Read,
    Relation,
    children,
)
from flk.formal.language.sorts import BOOL, INTEGER, Sort

Facts = frozenset[Node]


def obligations(node: Node, values: Values, known: Facts = frozenset()) -> tuple[Node, ...]:
    """Conditions that together say that the tree has a value, where the known facts hold; those among the facts are left out."""
    match node:
        case Joined(_, junction, parts):
            return tuple(_in_order(junction, parts, values, known))
        case Choice(_, condition, then, other):
            no = Not(BOOL, condition)
            yes_needs = obligations(then, values, known | facts(condition))
            no_needs = obligations(other, values, known | facts(no))
            return (
                *obligations(condition, values, known),
                *(joined(Junction.OR, [no, need]) for need in yes_needs),
                *(joined(Junction.OR, [condition, need]) for need in no_needs),
            )
        case _:
            below = [need for child in children(node) for need in obligations(child, values, known)]
            return tuple(need for need in (*below, *_own(node, values)) if need not in known)


def facts(node: Node) -> Facts:
    """What is plainly true where the node is: itself and, of a conjunction or a refused disjunction, every part."""
    match node:
        case Joined(_, Junction.AND, parts):
            return frozenset({node}).union(*map(facts, parts))
        case Not(_, Joined(_, Junction.OR, parts)):
            return frozenset({node}).union(*(facts(Not(BOOL, part)) for part in parts))
        case Not(_, Not(_, part)):
            return facts(part)
        case _:
            return frozenset({node})


def within(node: Node, sort: Sort, values: Values) -> Iterator[Node]:
    """That a value lies in its sort; nothing where its bounds say so."""
    reach, (low, high) = values(sort), interval(node, values)
    if low < reach.start:
        yield Compared(BOOL, Relation.AT_MOST, Constant(INTEGER, reach.start), node)
    if high >= reach.stop:
        yield Compared(BOOL, Relation.AT_MOST, node, Constant(INTEGER, reach.stop - 1))


def _in_order(junction: Junction, parts: Iterable[Node], values: Values, known: Facts) -> Iterator[Node]:
    """A part must have a value only where those before it have not settled the matter."""
    settled: list[Node] = []
    for part in parts:
        for need in obligations(part, values, known):
            yield joined(Junction.OR, [*settled, need])
        rest = part if junction is Junction.AND else Not(BOOL, part)
        settled.append(Not(BOOL, part) if junction is Junction.AND else part)
        known |= facts(rest)


def _own(node: Node, values: Values) -> Iterator[Node]:
    match node:
        case Read(variable, indices) | Defined(_, variable, indices):
            for index, sort in zip(indices, variable.domain, strict=True):
                yield from within(index, sort, values)
            if isinstance(node, Read) and variable.partial:
                yield Defined(BOOL, variable, indices)
        case Arithmetic(_, Operator.DIVIDE | Operator.REMAINDER, _, right):
            low, high = interval(right, values)
            if low <= 0 <= high:
                yield Not(BOOL, Compared(BOOL, Relation.EQUAL, right, Constant(INTEGER, 0)))
