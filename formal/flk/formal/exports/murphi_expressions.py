"""Expressions in Murphi. What our language leaves undefined, rumur reports as an error: reads, indices, ranges, divisors of 0."""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from flk.formal.explicit.schema import Schema
from flk.formal.exports.division import rounded_to_zero
from flk.formal.exports.names import Names
from flk.formal.exports.updates import reads
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
    children,
)
from flk.formal.language.sorts import Boolean, Bounded, Enum, Index, Sort
from flk.formal.language.text import wrap
from flk.formal.language.variables import Variable

_MURPHI = """alias array assert assume begin boolean by case clear const cover do else elsif end endalias endexists endfor
endforall endfunction endif endprocedure endrecord endrule endruleset endstartstate endswitch endwhile enum error
exists false for forall function if in interleaved invariant ismember isundefined liveness multiset
multisetadd multisetcount multisetremove of print procedure process program property put real record return rule
ruleset scalarset startstate switch then to traceuntil true type undefine union var while"""
RESERVED = frozenset(_MURPHI.split())

Renaming: TypeAlias = Mapping[str, str]

_OPERATORS = {Operator.DIVIDE: "/"}


class Writer:
    """Prints types and expressions, and keeps the functions that those need."""

    def __init__(self, schema: Schema, *, symmetric: bool) -> None:
        self.schema, self.symmetric = schema, symmetric
        self.names = Names(RESERVED, any_case=True)
        sorts = schema.protocol.sorts.values()
        self.types = {sort.name: self.names.new(sort.name) for sort in sorts}
        self.members = {
            (sort.name, value): self.names.new(f"{sort.name}_{member}")
            for sort in sorts
            if isinstance(sort, Enum)
            for value, member in enumerate(sort.members)
        }
        self.variables = {name: self.names.new(name) for name in schema.protocol.variables}
        self.functions: list[str] = []

    def scope(self, env: Renaming) -> Names:
        """The names in use where the locals of `env` are known."""
        names = self.names.within()
        names.taken |= set(env.values())
        return names

    def sort(self, sort: Sort) -> str:
        """The type of a sort's values."""
        match sort:
            case Boolean():
                return "boolean"
            case Bounded(_, low, high):
                return f"{low}..{high}"
            case _:
                return self.types[sort.name]

    def variable_type(self, variable: Variable) -> str:
        """The type of a variable: an array for each part of its domain."""
        arrays = "".join(f"array [{self.sort(sort)}] of " for sort in variable.domain)
        return arrays + self.sort(variable.sort)

    def constant(self, sort: Sort, value: int) -> str:
        """A value of a sort."""
        match sort:
            case Boolean():
                return "true" if value else "false"
            case Enum():
                return self.members[sort.name, value]
            case Index():
                return str(value + 1)
            case _:
                return str(value) if value >= 0 else f"({value})"

    def expression(self, node: Node, env: Renaming, old: Renaming, level: int = 0) -> str:
        """An expression in which locals are named by `env`, and the variables of `old` are read from copies so named.

        `level` is how tightly the surroundings bind: 0 anything, 1 or, 2 and, 3 comparison, 4 sum, 5 product, 6 atom.
        """
        return self._text(rounded_to_zero(node, self.schema.values), env, old, level)

    def place(self, variable: Variable, indices: tuple[Node, ...], env: Renaming, old: Renaming) -> str:
        """A variable at some indices."""
        rounded = tuple(rounded_to_zero(index, self.schema.values) for index in indices)
        return self._place(variable, rounded, env, old)

    def _text(self, node: Node, env: Renaming, old: Renaming, level: int) -> str:  # noqa: C901, PLR0912 (one case for each kind of node)
        def at(part: Node, level: int) -> str:
            return self._text(part, env, old, level)

        match node:
            case Constant(sort, value):
                return self.constant(sort, value)
            case Local(_, name):
                return env[name]
            case Read(variable, indices):
                return self._place(variable, indices, env, old)
            case Defined(_, variable, indices):
                return wrap(f"!isundefined({self._place(variable, indices, env, old)})", 3, level)
            case Not(_, Defined(_, variable, indices)):
                return f"isundefined({self._place(variable, indices, env, old)})"
            case Not(_, Compared(_, Relation.EQUAL, left, right)):
                return wrap(f"{at(left, 4)} != {at(right, 4)}", 3, level)
            case Not(_, part):
                return wrap(f"!{at(part, 6)}", 3, level)
            case Joined(_, Junction.OR, (Not(_, premise), conclusion)):
                return wrap(f"{at(premise, 1)} -> {at(conclusion, 1)}", 0, level)
            case Joined(_, junction, parts):
                own, sign = (2, " & ") if junction is Junction.AND else (1, " | ")
                return wrap(sign.join(at(part, own + 1) for part in parts), own, level)
            case Choice(_, condition, then, other):
                return f"({at(condition, 1)} ? {at(then, 1)} : {at(other, 1)})"
            case Compared(_, relation, left, right):
                return wrap(f"{at(left, 4)} {relation} {at(right, 4)}", 3, level)
            case Arithmetic(_, operator, left, right):
                own = 4 if operator in {Operator.PLUS, Operator.MINUS} else 5
                return wrap(f"{at(left, own)} {_OPERATORS.get(operator, operator)} {at(right, own + 1)}", own, level)
            case Quantified(_, Quantifier.COUNT):
                return self._count(node, env, old)
            case Quantified(_, quantifier, local, body):
                name = self.scope(env).new(local.name.split("'")[0])
                inner = self._text(body, {**env, local.name: name}, old, 0)
                return f"{quantifier} {name}: {self.sort(local.sort)} do {inner} end{quantifier}"

    def _place(self, variable: Variable, indices: tuple[Node, ...], env: Renaming, old: Renaming) -> str:
        name = old.get(variable.name, self.variables[variable.name])
        return name + "".join(f"[{self._text(index, env, old, 0)}]" for index in indices)

    def _count(self, node: Quantified, env: Renaming, old: Renaming) -> str:
        """A call of a function that counts: it is given what the body reads besides the state."""
        locals_ = {local.name: local for local in free(node)}
        copies = {read.variable.name: read.variable for read in reads(node) if read.variable.name in old}
        scope = self.names.within()
        inner = {name: scope.new(name.split("'")[0]) for name in (*locals_, node.local.name)}
        inner_old = {name: scope.new(f"old_{name}") for name in copies}
        total = scope.new("total")
        parameters = [f"{inner[name]}: {self.sort(local.sort)}" for name, local in locals_.items()]
        parameters += [f"{inner_old[name]}: {self.variable_type(variable)}" for name, variable in copies.items()]
        function = self.names.new("count")
        self.functions.append(
            f"function {function}({'; '.join(parameters)}): 0..{len(self.schema.values(node.local.sort))};\n"
            f"var {total}: 0..{len(self.schema.values(node.local.sort))};\n"
            "begin\n"
            f"  {total} := 0;\n"
            f"  for {inner[node.local.name]}: {self.sort(node.local.sort)} do\n"
            f"    if {self._text(node.body, inner, inner_old, 0)} then {total} := {total} + 1; endif;\n"
            "  endfor;\n"
            f"  return {total};\n"
            "endfunction;\n"
        )
        return f"{function}({', '.join([*(env[name] for name in locals_), *(old[name] for name in copies)])})"


def free(node: Node) -> Iterator[Local]:
    """The locals that a tree reads and does not bind, each as often as it is read."""
    if isinstance(node, Local):
        yield node
    for child in children(node):
        for local in free(child):
            if not isinstance(node, Quantified) or local != node.local:
                yield local
