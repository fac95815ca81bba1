"""An expression in Z3, with index sorts left open: its value, and the truth of its having one.

Where it has none the value is arbitrary. A quantifier over an index sort has a value where its body has one for every element:
elements are not read in any order here, as they are at a chosen size. How many elements of an index sort satisfy a body is left
open: any number that is not negative. What is shown for all such numbers holds for the true one.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, TypeAlias

from z3 import ArithRef, BoolRef, Exists, ExprRef, ForAll, FreshConst, FreshFunction, If, IntSort

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
    Operator,
    Quantified,
    Quantifier,
    Read,
    Relation,
)
from flk.formal.language.sorts import INTEGER, Bounded, Index, Sort
from flk.formal.language.variables import Variable
from flk.formal.prover.symbols import (
    TRUE,
    Symbols,
    all_of,
    any_of,
    implies,
    literal,
    negation,
    number,
    sort_of,
    truth,
    values_of,
    within,
)

Environment: TypeAlias = Mapping[str, ExprRef]


class Partial(NamedTuple):
    """A value, and whether there is one."""

    value: ExprRef
    defined: BoolRef


class Reader(Protocol):
    """A state: the one before a step, or the one after it."""

    def value(self, variable: Variable, at: Sequence[ExprRef]) -> ExprRef:
        """The value of a variable, arbitrary where a partial one has none."""

    def defined(self, variable: Variable, at: Sequence[ExprRef]) -> BoolRef:
        """Whether a partial variable has a value there."""


class Before:
    """The state before a step: the symbols themselves."""

    def __init__(self, symbols: Symbols) -> None:
        self.symbols = symbols

    def value(self, variable: Variable, at: Sequence[ExprRef]) -> ExprRef:
        """The symbol, applied."""
        return self.symbols.value[variable.name](*at)

    def defined(self, variable: Variable, at: Sequence[ExprRef]) -> BoolRef:
        """The predicate beside it, applied."""
        return truth(self.symbols.defined[variable.name](*at))


class Translator:
    """Translates expressions that are read in one state."""

    def __init__(self, symbols: Symbols, state: Reader) -> None:
        self.symbols = symbols
        self.state = state

    def holds(self, node: Node, env: Environment) -> BoolRef:
        """The value of a truth."""
        return truth(self.encode(node, env).value)

    def encode(self, node: Node, env: Environment) -> Partial:  # noqa: C901 (a case for each node)
        """Value and definedness, the locals being given terms."""
        match node:
            case Constant(sort, value):
                return Partial(literal(sort, value), TRUE)
            case Local(_, name):
                return Partial(env[name], TRUE)
            case Read(variable, indices):
                at, inside = self.place(variable, indices, env)
                there = self.state.defined(variable, at) if variable.partial else TRUE
                return Partial(self.state.value(variable, at), all_of([inside, there]))
            case Defined(_, variable, indices):
                at, inside = self.place(variable, indices, env)
                return Partial(self.state.defined(variable, at), inside)
            case Not(_, part):
                inner = self.encode(part, env)
                return Partial(negation(truth(inner.value)), inner.defined)
            case Joined(_, junction, parts):
                return joined(junction, [self.encode(part, env) for part in parts])
            case Choice(_, condition, then, other):
                return self._choice(*(self.encode(part, env) for part in (condition, then, other)))
            case Compared(_, relation, left, right):
                x, y = self.encode(left, env), self.encode(right, env)
                return Partial(self._compared(relation, x.value, y.value, left.sort), all_of([x.defined, y.defined]))
            case Arithmetic(_, operator, left, right):
                return _arithmetic(operator, self.encode(left, env), self.encode(right, env))
            case Quantified():
                return self._quantified(node, env)

    def place(
        self, variable: Variable, indices: Sequence[Node], env: Environment
    ) -> tuple[tuple[ExprRef, ...], BoolRef]:
        """The indices, and whether they are defined and within their bounds."""
        encoded = [self.encode(index, env) for index in indices]
        inside = [
            within(m.value, sort)
            for m, index, sort in zip(encoded, indices, variable.domain, strict=True)
            if not keeps(index, sort)
        ]
        return tuple(m.value for m in encoded), all_of([*(m.defined for m in encoded), *inside])

    def _choice(self, condition: Partial, then: Partial, other: Partial) -> Partial:
        chosen = truth(condition.value)
        defined = all_of([condition.defined, implies(chosen, then.defined), implies(negation(chosen), other.defined)])
        return Partial(If(chosen, then.value, other.value), defined)

    def _compared(self, relation: Relation, left: ExprRef, right: ExprRef, sort: Sort) -> BoolRef:
        if relation is Relation.EQUAL:
            return left == right
        if isinstance(sort, Index):
            less = self.symbols.less(left, right, sort)
            return less if relation is Relation.LESS else any_of([less, left == right])
        return number(left) < number(right) if relation is Relation.LESS else number(left) <= number(right)

    def _quantified(self, node: Quantified, env: Environment) -> Partial:
        local, values = node.local, values_of(node.local.sort)
        if values is not None:
            parts = [self.encode(node.body, {**env, local.name: literal(local.sort, v)}) for v in values]
            return _written_out(node.quantifier, parts)
        bound = FreshConst(sort_of(local.sort), local.name)
        body = self.encode(node.body, {**env, local.name: bound})
        everywhere = body.defined if body.defined is TRUE else ForAll([bound], body.defined)
        if node.quantifier is Quantifier.COUNT:
            return Partial(_some_number(env), everywhere)
        quantify = ForAll if node.quantifier is Quantifier.FORALL else Exists
        return Partial(quantify([bound], truth(body.value)), everywhere)


def _some_number(env: Environment) -> ArithRef:
    """A number that is not negative, and may differ with the locals."""
    around = list(env.values())
    drawn = FreshFunction(*(each.sort() for each in around), IntSort())(*around) if around else FreshConst(IntSort())
    return number(If(number(drawn) < 0, literal(INTEGER, 0), drawn))


def joined(junction: Junction, parts: Sequence[Partial]) -> Partial:
    """Read from the left: what comes later must be defined only if what came before has not settled the matter."""
    defined = TRUE
    for part in reversed(parts):
        value = truth(part.value)
        settled = negation(value) if junction is Junction.AND else value
        defined = all_of([part.defined, any_of([settled, defined])])
    values = [truth(part.value) for part in parts]
    return Partial(all_of(values) if junction is Junction.AND else any_of(values), defined)


def floor_divide(left: ArithRef, right: ArithRef) -> ArithRef:
    """Division that rounds down, as Python's. Z3's rounds down only for a positive divisor."""
    return If(right > 0, left / right, (-left) / (-right))


def _arithmetic(operator: Operator, left: Partial, right: Partial) -> Partial:
    x, y = number(left.value), number(right.value)
    defined = all_of([left.defined, right.defined])
    match operator:
        case Operator.PLUS:
            return Partial(x + y, defined)
        case Operator.MINUS:
            return Partial(x - y, defined)
        case Operator.TIMES:
            return Partial(x * y, defined)
        case Operator.DIVIDE:
            return Partial(floor_divide(x, y), all_of([defined, y != 0]))
        case Operator.REMAINDER:
            return Partial(x - y * floor_divide(x, y), all_of([defined, y != 0]))


def _written_out(quantifier: Quantifier, parts: Sequence[Partial]) -> Partial:
    if quantifier is not Quantifier.COUNT:
        return joined(Junction.AND if quantifier is Quantifier.FORALL else Junction.OR, parts)
    zero = number(literal(INTEGER, 0))
    ones = (If(truth(part.value), zero + 1, zero) for part in parts)
    return Partial(sum(ones, zero), all_of(part.defined for part in parts))


def keeps(node: Node, sort: Sort) -> bool:
    """Whether a value keeps the bounds of a sort whatever the state, because its own sort does: then nothing need be proved."""
    if not isinstance(sort, Bounded):
        return True
    if isinstance(node, Constant):
        return sort.low <= node.value <= sort.high
    return isinstance(node.sort, Bounded) and sort.low <= node.sort.low and node.sort.high <= sort.high
