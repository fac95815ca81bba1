"""Expressions read one by one, to say why they are false; slower than compiled ones, and with the same meaning."""

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Final, TypeAlias, cast

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


class Unknown(Enum):
    """The value of an expression that nothing known so far decides."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN
Value: TypeAlias = Element | Unknown
Locals: TypeAlias = Mapping[str, Element]
"""The values of the locals that are bound, by name."""


class Evaluator:
    """Evaluates expressions over the cells of a state. `seen` collects the cells that were read, with their values."""

    def __init__(self, cells: Mapping[str, Cells], universe: Universe) -> None:
        self._cells = cells
        self._universe = universe
        self.seen: dict[tuple[Variable, Key], Element | None] = {}

    def value(self, node: Node, locals_: Locals) -> Value:  # noqa: C901, PLR0912 (one case for each kind of node)
        """The value of an expression, UNKNOWN if it hangs on what is not known. Raises Fault where it has none."""
        match node:
            case Constant(_, value):
                return value
            case Local(_, name):
                return locals_[name]
            case Read(variable, indices):
                key = self._key(variable, indices, locals_)
                if key is UNKNOWN:
                    return UNKNOWN
                held = self._cell(variable, key)
                if held is None:
                    raise Fault(f"{self._universe.place(variable, key)} is undefined")
                return held
            case Defined(_, variable, indices):
                key = self._key(variable, indices, locals_)
                return UNKNOWN if key is UNKNOWN else self._cell(variable, key) is not None
            case Not(_, part):
                truth = self.value(part, locals_)
                return UNKNOWN if truth is UNKNOWN else not truth
            case Joined(_, junction, parts):
                return _join((self.value(part, locals_) for part in parts), until=junction is Junction.OR)
            case Choice(_, condition, then, other):
                chosen = self.value(condition, locals_)
                return UNKNOWN if chosen is UNKNOWN else self.value(then if chosen else other, locals_)
            case Compared(_, relation, left, right):
                return compare(relation, self.value(left, locals_), self.value(right, locals_))
            case Arithmetic(_, operator, left, right):
                one, two = self.value(left, locals_), self.value(right, locals_)
                if one is UNKNOWN or two is UNKNOWN:
                    return UNKNOWN
                return calculate(operator, *_numbers(one, two))
            case Quantified():
                return self._quantified(node, locals_)

    def witness(self, body: Node, candidates: Iterable[Locals]) -> Locals | None:
        """The first values of the locals for which the body of a `forall` is false. What it read then is what was `seen`."""
        for values in candidates:
            self.seen.clear()
            if not self.value(body, values):
                return values
        self.seen.clear()
        return None

    def _key(self, variable: Variable, indices: tuple[Node, ...], locals_: Locals) -> Key | Unknown:
        values = [self.value(index, locals_) for index in indices]
        parts = [value for value in values if value is not UNKNOWN]
        if len(parts) < len(values):
            return UNKNOWN
        for sort, part in zip(variable.domain, parts, strict=True):
            if isinstance(sort, Bounded) and isinstance(part, int) and not sort.low <= part <= sort.high:
                raise Fault(f"{variable.name} has no place {part}: an index leaves its bounds")
        return key_of(parts)

    def _cell(self, variable: Variable, key: Key) -> Value | None:
        try:
            value = self._cells[variable.name].now(key)
        except Unbound:
            return UNKNOWN
        self.seen[variable, key] = value
        return value

    def _quantified(self, node: Quantified, locals_: Locals) -> Value:
        truths = (
            self.value(node.body, {**locals_, node.local.name: value})
            for value in self._universe.values(node.local.sort)
        )
        if node.quantifier is not Quantifier.COUNT:
            return _join(truths, until=node.quantifier is Quantifier.EXISTS)
        counted = tuple(truths)
        return UNKNOWN if UNKNOWN in counted else sum(map(bool, counted))


def compare(relation: Relation, left: Value, right: Value) -> Value:
    """A comparison, UNKNOWN if a side is."""
    if left is UNKNOWN or right is UNKNOWN:
        return UNKNOWN
    match relation:
        case Relation.EQUAL:
            return left == right
        case Relation.LESS:
            one, two = _numbers(left, right)
            return one < two
        case Relation.AT_MOST:
            one, two = _numbers(left, right)
            return one <= two


def _numbers(left: Element, right: Element) -> tuple[int, int]:
    """Two operands of arithmetic or of an order; names of ordered elements, too, compare as numbers do."""
    return cast("int", left), cast("int", right)


def at_first(node: Node) -> Value:
    """A truth over cells that are all as they begin and locals of which nothing is known: UNKNOWN unless it is the same for all."""
    match node:
        case Constant(_, value):
            return value
        case Read(variable, _):
            return UNKNOWN if variable.initially is None else variable.initially
        case Defined(_, variable, _):
            return not variable.partial
        case Not(_, part):
            truth = at_first(part)
            return UNKNOWN if truth is UNKNOWN else not truth
        case Joined(_, junction, parts):
            return _join(map(at_first, parts), until=junction is Junction.OR)
        case Compared(_, relation, left, right):
            return compare(relation, at_first(left), at_first(right))
    return UNKNOWN


def _join(truths: Iterator[Value], *, until: bool) -> Value:
    """A junction: the first truth that is `until` decides."""
    unknown = False
    for truth in truths:
        if truth is UNKNOWN:
            unknown = True
        elif bool(truth) is until:
            return until
    return UNKNOWN if unknown else not until
