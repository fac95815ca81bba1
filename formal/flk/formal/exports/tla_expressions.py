"""Expressions in TLA+. A partial variable holds `Undefined` where it has no value, and reading it there is an error (`Value`)."""

from collections.abc import Mapping
from typing import TypeAlias

from flk.formal.explicit.schema import Schema
from flk.formal.exports.intervals import interval
from flk.formal.exports.names import Names
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
from flk.formal.language.sorts import Boolean, Bounded, Enum, Sort
from flk.formal.language.text import wrap
from flk.formal.language.variables import Variable

_WORDS = """ACTION ASSUME ASSUMPTION AXIOM BY BOOLEAN CASE CHOOSE CONSTANT CONSTANTS COROLLARY DEF DEFINE DEFS DOMAIN ELSE
ENABLED EXCEPT EXTENDS FALSE HAVE HIDE IF IN INSTANCE LAMBDA LEMMA LET LOCAL MODULE NEW OBVIOUS OMITTED OTHER PICK PROOF
PROPOSITION PROVE QED RECURSIVE SF_ STATE STEP STRING SUBSET SUFFICES TAKE TEMPORAL THEN THEOREM TRUE UNCHANGED UNION USE
VARIABLE VARIABLES WF_ WITH WITNESS
Any Assert Cardinality FloorDiv FloorMod Int IsFiniteSet JavaTime Nat Permutations Print PrintT RandomElement SortSeq
TLCEval TLCGet TLCSet ToString Undefined Value
Init Next Spec Symmetry TypeOK vars"""
RESERVED = frozenset(_WORDS.split())

Renaming: TypeAlias = Mapping[str, str]

_SIGNS = {Operator.DIVIDE: "\\div", Relation.AT_MOST: "=<"}
_JUNCTIONS = {Junction.AND: " /\\ ", Junction.OR: " \\/ "}
_QUANTIFIERS = {Quantifier.FORALL: "\\A", Quantifier.EXISTS: "\\E"}
_FLOORS = {Operator.DIVIDE: "FloorDiv", Operator.REMAINDER: "FloorMod"}


class Writer:
    """Prints sorts and expressions. `floors` is set once a division needs the operators that round down for any divisor."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.names = Names(RESERVED)
        self.sorts = {name: self.names.new(name) for name in schema.protocol.sorts}
        self.variables = {name: self.names.new(name) for name in schema.protocol.variables}
        self.floors = False

    def scope(self, env: Renaming) -> Names:
        """The names in use where the locals of `env` are known."""
        names = self.names.within()
        names.taken |= set(env.values())
        return names

    def sort(self, sort: Sort) -> str:
        """The set of a sort's values."""
        match sort:
            case Boolean():
                return "BOOLEAN"
            case Bounded(_, low, high):
                return f"({low})..{high}" if low < 0 else f"{low}..{high}"
            case _:
                return self.sorts[sort.name]

    def values(self, variable: Variable) -> str:
        """The set of a variable's possible values at one place."""
        return f"{self.sort(variable.sort)} \\cup {{Undefined}}" if variable.partial else self.sort(variable.sort)

    def domain(self, variable: Variable) -> str:
        """The set of a variable's indices."""
        return " \\X ".join(f"({self.sort(s)})" if isinstance(s, Bounded) else self.sort(s) for s in variable.domain)

    def constant(self, sort: Sort, value: int) -> str:
        """A value of a sort that is not an index sort: the tree holds none of those."""
        match sort:
            case Boolean():
                return "TRUE" if value else "FALSE"
            case Enum():
                return f'"{sort.members[value]}"'
            case _:
                return str(value) if value >= 0 else f"({value})"

    def place(self, variable: Variable, indices: tuple[Node, ...], env: Renaming) -> str:
        """A variable at some indices, defined or not."""
        inner = ", ".join(self.expression(index, env) for index in indices)
        return self.variables[variable.name] + (f"[{inner}]" if indices else "")

    def expression(self, node: Node, env: Renaming, level: int = 0) -> str:  # noqa: C901, PLR0912 (one case for each kind of node)
        """An expression in which locals are named by `env`.

        `level` is how tightly the surroundings bind: 0 anything, 3 comparison, 4 arithmetic, 5 and more an atom.
        """

        def at(part: Node, level: int) -> str:
            return self.expression(part, env, level)

        match node:
            case Constant(sort, value):
                return self.constant(sort, value)
            case Local(_, name):
                return env[name]
            case Read(variable, indices):
                place = self.place(variable, indices, env)
                return f"Value({place})" if variable.partial else place
            case Defined(_, variable, indices):
                return wrap(f"{self.place(variable, indices, env)} # Undefined", 3, level)
            case Not(_, Defined(_, variable, indices)):
                return wrap(f"{self.place(variable, indices, env)} = Undefined", 3, level)
            case Not(_, Compared(_, Relation.EQUAL, left, right)):
                return wrap(f"{at(left, 4)} # {at(right, 4)}", 3, level)
            case Not(_, part):
                return wrap(f"~{at(part, 6)}", 3, level)
            case Joined(_, Junction.OR, (Not(_, premise), conclusion)):
                return wrap(f"{at(premise, 1)} => {at(conclusion, 1)}", 0, level)
            case Joined(_, junction, parts):
                return wrap(_JUNCTIONS[junction].join(at(part, 3) for part in parts), 1, level)
            case Choice(_, condition, then, other):
                return f"(IF {at(condition, 0)} THEN {at(then, 0)} ELSE {at(other, 0)})"
            case Compared(_, relation, left, right):
                return wrap(f"{at(left, 4)} {_SIGNS.get(relation, relation)} {at(right, 4)}", 3, level)
            case Arithmetic(_, operator, left, right):
                return self._arithmetic(operator, left, right, env, level)
            case Quantified(_, quantifier, local, body):
                name = self.scope(env).new(local.name.split("'")[0])
                inner = self.expression(body, {**env, local.name: name})
                over = f"{name} \\in {self.sort(local.sort)}"
                if quantifier is Quantifier.COUNT:
                    return f"Cardinality({{{over} : {inner}}})"
                return wrap(f"{_QUANTIFIERS[quantifier]} {over} : {inner}", 0, level)

    def _arithmetic(self, operator: Operator, left: Node, right: Node, env: Renaming, level: int) -> str:
        """TLA+ defines division for positive divisors, and there as we do. Its operators bind so oddly that all are wrapped."""
        if operator in _FLOORS and interval(right, self.schema.values)[0] < 0:
            self.floors = True
            return f"{_FLOORS[operator]}({self.expression(left, env)}, {self.expression(right, env)})"
        sides = self.expression(left, env, 5), self.expression(right, env, 5)
        return wrap(f"{sides[0]} {_SIGNS.get(operator, operator)} {sides[1]}", 4, level)
