"""Expressions in the language of another model checker: one walk of the tree, and for each language its grammar.

A grammar says how tightly operators bind, by levels: 0 anything, 1 or, 2 and, 3 comparison, 4 sum, 5 product, 6 atom. Text that
binds less tightly than its surroundings stands in parentheses.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

from flk.formal.explicit.schema import Schema
from flk.formal.exports.division import rounded_to_zero
from flk.formal.exports.names import Names
from flk.formal.exports.scope import Scope
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
    Read,
    Relation,
)
from flk.formal.language.sorts import Boolean, Bounded, Enum, Index, Sort
from flk.formal.language.text import wrap
from flk.formal.language.variables import Variable


class Infix(NamedTuple):
    """An operator between its operands: how tightly it binds, and how tightly the first operand and the others must."""

    sign: str
    level: int
    first: int
    others: int


ARITHMETIC: Mapping[Operator, Infix] = {
    Operator.PLUS: Infix("+", 4, 4, 5),
    Operator.MINUS: Infix("-", 4, 4, 5),
    Operator.TIMES: Infix("*", 5, 5, 6),
    Operator.DIVIDE: Infix("/", 5, 5, 6),
    Operator.REMAINDER: Infix("%", 5, 5, 6),
}
"""As in C: products before sums, and from left to right."""


class Grammar(NamedTuple):
    """How a language writes the operators that all of them have."""

    truths: tuple[str, str]
    """False and true."""
    negation: str
    negation_level: int
    equal: str
    unequal: str
    at_most: str
    junctions: Mapping[Junction, Infix]
    choice: str
    """With places for the condition and the two values."""
    choice_level: int
    """How tightly those three must bind."""
    implication: Infix | None = None
    arithmetic: Mapping[Operator, Infix] = ARITHMETIC
    rounds_down: bool = False
    """Whether division rounds down, as ours does, and not to zero."""

    def relation(self, relation: Relation) -> str:
        """The sign of a relation."""
        return {Relation.EQUAL: self.equal, Relation.AT_MOST: self.at_most}.get(relation, relation)


class Writer(ABC):
    """Prints values and expressions. `names` are those of the text, `variables` the names of the protocol's variables in it."""

    grammar: ClassVar[Grammar]
    variables: Mapping[str, str]

    def __init__(self, schema: Schema, names: Names) -> None:
        self.schema, self.names = schema, names

    @property
    def top(self) -> Scope:
        """The scope of the whole text, in which no local is bound."""
        return Scope(self.names)

    @abstractmethod
    def element(self, sort: Enum | Index, value: int) -> str:
        """A member of an enum, or an element of an index sort."""

    @abstractmethod
    def subscript(self, variable: Variable, indices: Sequence[str]) -> str:
        """What stands behind a variable's name to read it at some indices, one for each part of its domain."""

    @abstractmethod
    def presence(self, variable: Variable, place: str, level: int, *, defined: bool) -> str:
        """Whether a partial variable has a value at a place, or has none."""

    def read(self, variable: Variable, place: str) -> str:  # noqa: ARG002 (a language may read partial variables in a way of their own)
        """The value of a variable at a place."""
        return place

    def quantified(self, node: Quantified, scope: Scope, level: int) -> str:  # noqa: ARG002 (a language may have no quantifiers)
        """A quantifier, or a count. Raises TypeError in a language without, for which the tree must be unrolled before."""
        raise TypeError(f"a quantifier was not unrolled: {node}")

    def arithmetic(self, node: Arithmetic, scope: Scope, level: int) -> str:
        """A calculation."""
        return self._infix(self.grammar.arithmetic[node.operator], (node.left, node.right), scope, level)

    def constant(self, sort: Sort, value: int) -> str:
        """A value of a sort."""
        match sort:
            case Boolean():
                return self.grammar.truths[value]
            case Enum() | Index():
                return self.element(sort, value)
            case _:
                return str(value) if value >= 0 else f"({value})"

    def expression(self, node: Node, scope: Scope, level: int = 0) -> str:
        """An expression at a place of the text whose surroundings bind as tightly as `level`."""
        return self.text(self._rounded(node), scope, level)

    def place(self, variable: Variable, indices: Sequence[Node], scope: Scope) -> str:
        """A variable at some indices, to be written: the variable itself, though its old value may be read from a copy."""
        texts = [self.expression(index, scope) for index in indices]
        return self.variables[variable.name] + self.subscript(variable, texts)

    def at(self, variable: Variable, key: Sequence[int]) -> str:
        """The subscript of a variable at a place that is known."""
        return self.subscript(variable, list(map(self.constant, variable.domain, key)))

    def text(self, node: Node, scope: Scope, level: int) -> str:  # noqa: C901, PLR0912 (one case for each kind of node)
        """An expression whose division rounds as the language's does."""
        grammar = self.grammar
        match node:
            case Constant(sort, value):
                return self.constant(sort, value)
            case Local(_, name):
                return scope.locals[name]
            case Read(variable, indices):
                return self.read(variable, self._old_place(variable, indices, scope))
            case Defined(_, variable, indices):
                return self.presence(variable, self._old_place(variable, indices, scope), level, defined=True)
            case Not(_, Defined(_, variable, indices)):
                return self.presence(variable, self._old_place(variable, indices, scope), level, defined=False)
            case Not(_, Compared(_, Relation.EQUAL, left, right)):
                return self._infix(Infix(grammar.unequal, 3, 4, 4), (left, right), scope, level)
            case Not(_, part):
                return wrap(grammar.negation + self.text(part, scope, 6), grammar.negation_level, level)
            case Joined(_, Junction.OR, (Not(_, premise), conclusion)) if grammar.implication:
                return self._infix(grammar.implication, (premise, conclusion), scope, level)
            case Joined(_, junction, parts):
                return self._infix(grammar.junctions[junction], parts, scope, level)
            case Choice(_, condition, then, other):
                level = grammar.choice_level
                return grammar.choice.format(*(self.text(part, scope, level) for part in (condition, then, other)))
            case Compared(_, relation, left, right):
                return self._infix(Infix(grammar.relation(relation), 3, 4, 4), (left, right), scope, level)
            case Arithmetic():
                return self.arithmetic(node, scope, level)
            case Quantified():
                return self.quantified(node, scope, level)

    def _infix(self, operator: Infix, parts: Sequence[Node], scope: Scope, level: int) -> str:
        first, *others = parts
        texts = [self.text(first, scope, operator.first), *(self.text(each, scope, operator.others) for each in others)]
        return wrap(f" {operator.sign} ".join(texts), operator.level, level)

    def _old_place(self, variable: Variable, indices: Sequence[Node], scope: Scope) -> str:
        """A variable at some indices, to be read: from its copy, if it has been overwritten."""
        name = scope.old.get(variable.name, self.variables[variable.name])
        return name + self.subscript(variable, [self.text(index, scope, 0) for index in indices])

    def _rounded(self, node: Node) -> Node:
        return node if self.grammar.rounds_down else rounded_to_zero(node, self.schema.values)


class TypedWriter(Writer):
    """Prints also sorts and binders, for languages that have types or sets, and quantifiers over them."""

    boolean: ClassVar[str]
    member_of: ClassVar[str]
    """What stands between a name and what it ranges over."""
    sorts: Mapping[str, str]

    def sort(self, sort: Sort) -> str:
        """A sort as the type, or the set, of its values."""
        match sort:
            case Boolean():
                return self.boolean
            case Bounded(_, low, high):
                return self.interval(low, high)
            case _:
                return self.sorts[sort.name]

    def interval(self, low: int, high: int) -> str:
        """The integers from `low` to `high`."""
        return f"{low}..{high}"

    def ranging(self, name: str, sort: Sort) -> str:
        """A name that ranges over a sort."""
        return f"{name}{self.member_of}{self.sort(sort)}"

    def binders(self, bound: Sequence[Local], scope: Scope) -> list[str]:
        """Some locals of the scope, each with what it ranges over."""
        return [self.ranging(scope.locals[local.name], local.sort) for local in bound]
