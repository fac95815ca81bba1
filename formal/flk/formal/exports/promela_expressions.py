"""Expressions in Promela. They have no quantifiers and always a value: what ours demand besides is said with asserts."""

from collections.abc import Mapping
from itertools import product
from math import prod
from typing import TypeAlias

from flk.formal.explicit.schema import Schema
from flk.formal.exports.division import rounded_to_zero
from flk.formal.exports.names import Names
from flk.formal.exports.unrolling import unrolled
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
    Read,
    Relation,
)
from flk.formal.language.sorts import BOOL, Enum, Index, Sort
from flk.formal.language.text import show, wrap
from flk.formal.language.variables import Variable

_PROMELA = """active assert atomic bit bool break byte c_code c_decl c_expr c_state c_track chan cond_expr d_proctype
d_step do else empty enabled end eval false fi for full get_priority goto hidden if in init inline int len local ltl
mtype nempty never nfull notrace np_ od of pc_value pid print printf printm priority proctype provided return run select
set_priority short show skip timeout trace true typedef undef unless unsigned xr xs STDIN"""
_C = """EOF NULL auto case cas char const continue default define double enter_critical enum errno extern final float get16bits
get_permuted getframe grab_state iam_alive include leave_critical linux long main max maxseq0 maxseq1 minseq0 minseq1
mix now onstack_now onstack_put onstack_zap pptr q_sz qptr register rot signed sizeof static struct switch uchar uint
ulong union unix ushort void volatile wasnew while"""
RESERVED = frozenset([*_PROMELA.split(), *_C.split()])

Renaming: TypeAlias = Mapping[str, str]

_SIGNS = {Operator.DIVIDE: "/", Relation.EQUAL: "=="}
_JUNCTIONS = {Junction.AND: " && ", Junction.OR: " || "}
_BYTE = 254
"""The greatest value of a byte that is not needed for what is undefined."""


class Writer:
    """Prints declarations and expressions."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.names = Names(RESERVED, taken={"UNDEFINED", "UNDEFINED_INT", "begun", "monitor", "protocol"})
        self.constants = {
            (sort.name, value): self.names.new(_constant_name(sort, value))
            for sort in schema.protocol.sorts.values()
            for value in schema.values(sort)
        }
        self.variables = {name: self.names.new(name) for name in schema.protocol.variables}
        self.cells = {
            v.name: self.names.new(f"{v.name}_cells") if self._is_flattened(v) else self.variables[v.name]
            for v in schema.protocol.variables.values()
        }

    def type(self, variable: Variable) -> str:
        """The narrowest type for a variable's values and, if it is partial, for being undefined."""
        if variable.sort is BOOL and not variable.partial:
            return "bool"
        values = self.schema.values(variable.sort)
        return "byte" if values.start >= 0 and values.stop - 1 <= _BYTE else "int"

    def undefined(self, variable: Variable) -> str:
        """The value that stands for none."""
        return "UNDEFINED" if self.type(variable) == "byte" else "UNDEFINED_INT"

    def size(self, variable: Variable) -> int:
        """How many places a variable has."""
        return prod(len(self.schema.values(sort)) for sort in variable.domain)

    def access(self, variable: Variable, cells: str) -> str | None:
        """The subscript of a map that is not a plain array, as a macro's parameters and body."""
        if not self._is_flattened(variable):
            return None
        places = [chr(ord("i") + at) for at in range(len(variable.domain))]
        offset = ""
        for place, values in zip(places, map(self.schema.values, variable.domain), strict=True):
            here = f"({place})" if values.start == 0 else f"(({place}) - ({values.start}))"
            offset = f"{offset} * {len(values)} + {here}" if offset else here
            offset = f"({offset})" if place != places[-1] and place != places[0] else offset
        return f"({', '.join(places)}) {cells}[{offset}]"

    def keys(self, variable: Variable) -> list[tuple[Node, ...]]:
        """All indices of a variable, as constants."""
        parts = ([Constant(sort, value) for value in self.schema.values(sort)] for sort in variable.domain)
        return list(product(*parts))

    def constant(self, sort: Sort, value: int) -> str:
        """A value of a sort."""
        if sort is BOOL:
            return "true" if value else "false"
        if (sort.name, value) in self.constants:
            return self.constants[sort.name, value]
        return str(value) if value >= 0 else f"({value})"

    def expression(self, node: Node, env: Renaming, old: Renaming, level: int = 0) -> str:
        """An expression without quantifiers: locals are named by `env`, and variables of `old` are read from copies so named.

        `level` is how tightly the surroundings bind: 0 anything, 1 or, 2 and, 3 comparison, 4 sum, 5 product, 6 atom.
        """
        return self._text(rounded_to_zero(node, self.schema.values), env, old, level)

    def unrolled(self, node: Node, env: Mapping[str, Node]) -> Node:
        """A tree without quantifiers, in which locals are replaced as `env` says."""
        return unrolled(node, env, self.schema.values)

    def place(self, variable: Variable, indices: tuple[Node, ...], env: Renaming, old: Renaming) -> str:
        """A variable at some indices."""
        name = old.get(variable.name, self.variables[variable.name])
        inner = ", ".join(self._text(index, env, old, 0) for index in indices)
        if not indices:
            return name
        return f"{name}({inner})" if self._is_flattened(variable) else f"{name}[{inner}]"

    def _is_flattened(self, variable: Variable) -> bool:
        """Whether a map is an array behind a macro: Promela's arrays have one dimension and begin at 0."""
        return len(variable.domain) > 1 or any(self.schema.values(sort).start != 0 for sort in variable.domain)

    def _text(self, node: Node, env: Renaming, old: Renaming, level: int) -> str:  # noqa: C901 (one case for each kind of node)
        def at(part: Node, level: int) -> str:
            return self._text(part, env, old, level)

        match node:
            case Constant(sort, value):
                return self.constant(sort, value)
            case Local(_, name):
                return env[name]
            case Read(variable, indices):
                return self.place(variable, indices, env, old)
            case Defined(_, variable, indices):
                return wrap(f"{self.place(variable, indices, env, old)} != {self.undefined(variable)}", 3, level)
            case Not(_, Defined(_, variable, indices)):
                return wrap(f"{self.place(variable, indices, env, old)} == {self.undefined(variable)}", 3, level)
            case Not(_, Compared(_, Relation.EQUAL, left, right)):
                return wrap(f"{at(left, 4)} != {at(right, 4)}", 3, level)
            case Not(_, part):
                return wrap(f"!{at(part, 6)}", 5, level)
            case Joined(_, junction, parts):
                own = 2 if junction is Junction.AND else 1
                return wrap(_JUNCTIONS[junction].join(at(part, own + 1) for part in parts), own, level)
            case Choice(_, condition, then, other):
                return f"({at(condition, 1)} -> {at(then, 1)} : {at(other, 1)})"
            case Compared(_, relation, left, right):
                return wrap(f"{at(left, 4)} {_SIGNS.get(relation, relation)} {at(right, 4)}", 3, level)
            case Arithmetic(_, operator, left, right):
                own = 4 if operator in {Operator.PLUS, Operator.MINUS} else 5
                return wrap(f"{at(left, own)} {_SIGNS.get(operator, operator)} {at(right, own + 1)}", own, level)
            case _:
                raise TypeError(f"a quantifier was not unrolled: {node}")


def _constant_name(sort: Index | Enum, value: int) -> str:
    return show(sort, value) if isinstance(sort, Index) else f"{sort.name}_{sort.members[value]}"
