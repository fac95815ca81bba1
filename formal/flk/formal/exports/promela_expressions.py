"""Expressions in Promela. They have no quantifiers and always a value: what ours demand besides is said with asserts."""

from collections.abc import Mapping, Sequence
from math import prod

from flk.formal.explicit.schema import Schema
from flk.formal.exports import writer
from flk.formal.exports.names import Names
from flk.formal.exports.scope import Scope
from flk.formal.exports.unrolling import unrolled
from flk.formal.exports.writer import Grammar, Infix
from flk.formal.language.nodes import Junction, Node, Read
from flk.formal.language.sorts import BOOL, Enum, Index
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

_BYTE = 254
"""The greatest value of a byte that is not needed for what is undefined."""


class Writer(writer.Writer):
    """Prints declarations and expressions."""

    grammar = Grammar(
        truths=("false", "true"),
        negation="!",
        negation_level=5,
        equal="==",
        unequal="!=",
        at_most="<=",
        junctions={Junction.AND: Infix("&&", 2, 3, 3), Junction.OR: Infix("||", 1, 2, 2)},
        choice="({} -> {} : {})",
        choice_level=1,
    )

    def __init__(self, schema: Schema) -> None:
        taken = {"UNDEFINED", "UNDEFINED_INT", "begun", "monitor", "protocol"}
        super().__init__(schema, Names(RESERVED, taken=taken))
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

    def element(self, sort: Enum | Index, value: int) -> str:
        """The macro that stands for it."""
        return self.constants[sort.name, value]

    def subscript(self, variable: Variable, indices: Sequence[str]) -> str:
        """The arguments of a macro, or the index of an array."""
        inner = ", ".join(indices)
        if not indices:
            return ""
        return f"({inner})" if self._is_flattened(variable) else f"[{inner}]"

    def place(self, variable: Variable, indices: Sequence[Node], scope: Scope) -> str:
        """A variable at some indices, to be written. Spin refuses `x[x[i]] = ...`, but takes `x[x[i] + 0] = ...`."""
        texts = [
            self.expression(index, scope) + " + 0" * (isinstance(index, Read) and index.variable is variable)
            for index in indices
        ]
        return self.variables[variable.name] + self.subscript(variable, texts)

    def presence(self, variable: Variable, place: str, level: int, *, defined: bool) -> str:
        """A comparison with the value that stands for none."""
        return wrap(f"{place} {'!=' if defined else '=='} {self.undefined(variable)}", 3, level)

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

    def unrolled(self, node: Node, env: Mapping[str, Node]) -> Node:
        """A tree without quantifiers, in which locals are replaced as `env` says."""
        return unrolled(node, env, self.schema.values)

    def _is_flattened(self, variable: Variable) -> bool:
        """Whether a map is an array behind a macro: Promela's arrays have one dimension and begin at 0."""
        return len(variable.domain) > 1 or any(self.schema.values(sort).start != 0 for sort in variable.domain)


def _constant_name(sort: Index | Enum, value: int) -> str:
    return show(sort, value) if isinstance(sort, Index) else f"{sort.name}_{sort.members[value]}"
