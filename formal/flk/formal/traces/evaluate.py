"""Expressions read one by one, to say why they are false; slower than compiled ones, and with the same meaning."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from flk.formal.explicit.interpreter import Fault, calculate
from flk.formal.language.nodes import (
    Arithmetic,
    Choice,
    Compared,
    Constant,
    Defined,
    Joined,
    Junction,
    Local,
    Node,
    Not,
    Quantified,
    Quantifier,
    Read,
    Relation,
)
from flk.formal.language.sorts import Bounded
from flk.formal.language.variables import Variable
from flk.formal.traces.cells import Cells, Unbound
from flk.formal.traces.values import Element, Key, Universe, key_of

UNKNOWN: Final = object()
"""The value of an expression that nothing told so far decides."""


class Evaluator:
    """Evaluates expressions over the cells of a state. `seen` collects the cells that were read, with their values."""

    def __init__(self, cells: Mapping[str, Cells], universe: Universe) -> None:
        self._cells = cells
        self._universe = universe
        self.seen: dict[tuple[Variable, Key], Element | None] = {}

    def value(self, node: Node, locals_: Mapping[str, Any]) -> Any:  # noqa: C901 (one case for each kind of node)
        """The value of an expression, UNKNOWN if it hangs on what is not known. Raises Fault where it has none."""
        match node:
            case Constant(_, value):
                return value
            case Local(_, name):
                return locals_[name]
            case Read(variable, indices):
                value = self._cell(variable, indices, locals_)
                if value is None:
                    raise Fault(f"{self._universe.place(variable, self._key(indices, locals_))} is undefined")
                return value
            case Defined(_, variable, indices):
                return self._cell(variable, indices, locals_) is not None
            case Not(_, part):
                value = self.value(part, locals_)
                return UNKNOWN if value is UNKNOWN else not value
            case Joined(_, junction, parts):
                return _join((self.value(part, locals_) for part in parts), until=junction is Junction.OR)
            case Choice(_, condition, then, other):
                chosen = self.value(condition, locals_)
                return UNKNOWN if chosen is UNKNOWN else self.value(then if chosen else other, locals_)
            case Compared(_, relation, left, right):
                return compare(relation, self.value(left, locals_), self.value(right, locals_))
            case Arithmetic(_, operator, left, right):
                one, two = self.value(left, locals_), self.value(right, locals_)
                return UNKNOWN if one is UNKNOWN or two is UNKNOWN else calculate(operator, one, two)
            case Quantified():
                return self._quantified(node, locals_)

    def witness(self, body: Node, candidates: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
        """The first values of the locals for which the body of a `forall` is false. What it read then is what was `seen`."""
        for values in candidates:
            self.seen.clear()
            if not self.value(body, values):
                return values
        self.seen.clear()
        return None

    def _key(self, indices: tuple[Node, ...], locals_: Mapping[str, Any]) -> Key:
        return key_of([self.value(index, locals_) for index in indices])

    def _cell(self, variable: Variable, indices: tuple[Node, ...], locals_: Mapping[str, Any]) -> Any:
        parts = [self.value(index, locals_) for index in indices]
        if any(part is UNKNOWN for part in parts):
            return UNKNOWN
        for sort, part in zip(variable.domain, parts, strict=True):
            if isinstance(sort, Bounded) and not sort.low <= part <= sort.high:
                raise Fault(f"{variable.name} has no place {part}: an index leaves its bounds")
        key = key_of(parts)
        try:
            value = self._cells[variable.name].now(key)
        except Unbound:
            return UNKNOWN
        self.seen[variable, key] = value
        return value

    def _quantified(self, node: Quantified, locals_: Mapping[str, Any]) -> Any:
        truths = (
            self.value(node.body, {**locals_, node.local.name: value})
            for value in self._universe.values(node.local.sort)
        )
        if node.quantifier is not Quantifier.COUNT:
            return _join(truths, until=node.quantifier is Quantifier.EXISTS)
        counted = tuple(truths)
        return UNKNOWN if UNKNOWN in counted else sum(map(bool, counted))


def compare(relation: Relation, left: Any, right: Any) -> Any:
    """A comparison, UNKNOWN if a side is."""
    if left is UNKNOWN or right is UNKNOWN:
        return UNKNOWN
    match relation:
        case Relation.EQUAL:
            return left == right
        case Relation.LESS:
            return left < right
        case Relation.AT_MOST:
            return left <= right


def at_first(node: Node) -> Any:
    """A truth over cells that are all as they begin and locals of which nothing is known: UNKNOWN unless it is the same for all."""
    match node:
        case Constant(_, value):
            return value
        case Read(variable, _):
            return UNKNOWN if variable.initially is None else variable.initially
        case Defined(_, variable, _):
            return not variable.partial
        case Not(_, part):
            value = at_first(part)
            return UNKNOWN if value is UNKNOWN else not value
        case Joined(_, junction, parts):
            return _join(map(at_first, parts), until=junction is Junction.OR)
        case Compared(_, relation, left, right):
            return compare(relation, at_first(left), at_first(right))
    return UNKNOWN


def _join(truths: Iterator[Any], *, until: bool) -> Any:
    """A junction: the first truth that is `until` decides."""
    unknown = False
    for truth in truths:
        if truth is UNKNOWN:
            unknown = True
        elif bool(truth) is until:
            return until
    return UNKNOWN if unknown else not until
