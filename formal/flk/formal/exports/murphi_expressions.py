"""Expressions in Murphi. What our language leaves undefined, rumur reports as an error: reads, indices, ranges, divisors of 0."""

from collections.abc import Iterator, Sequence

from flk.formal.explicit.schema import Schema
from flk.formal.exports.names import Names
from flk.formal.exports.scope import Scope
from flk.formal.exports.updates import reads
from flk.formal.exports.writer import Grammar, Infix, TypedWriter
from flk.formal.language.nodes import Junction, Local, Node, Quantified, Quantifier, children
from flk.formal.language.sorts import Enum, Index
from flk.formal.language.text import wrap
from flk.formal.language.variables import Variable

_MURPHI = """alias array assert assume begin boolean by case clear const cover do else elsif end endalias endexists endfor
endforall endfunction endif endprocedure endrecord endrule endruleset endstartstate endswitch endwhile enum error
exists false for forall function if in interleaved invariant ismember isundefined liveness multiset
multisetadd multisetcount multisetremove of print procedure process program property put real record return rule
ruleset scalarset startstate switch then to traceuntil true type undefine union var while"""
RESERVED = frozenset(_MURPHI.split())


class Writer(TypedWriter):
    """Prints types and expressions, and keeps the functions that those need."""

    grammar = Grammar(
        truths=("false", "true"),
        negation="!",
        negation_level=3,
        equal="=",
        unequal="!=",
        at_most="<=",
        junctions={Junction.AND: Infix("&", 2, 3, 3), Junction.OR: Infix("|", 1, 2, 2)},
        implication=Infix("->", 0, 1, 1),
        choice="({} ? {} : {})",
        choice_level=1,
    )
    boolean, member_of = "boolean", ": "

    def __init__(self, schema: Schema, *, symmetric: bool) -> None:
        super().__init__(schema, Names(RESERVED, any_case=True))
        self.symmetric = symmetric
        sorts = schema.protocol.sorts.values()
        self.sorts = {sort.name: self.names.new(sort.name) for sort in sorts}
        self.members = {
            (sort.name, value): self.names.new(f"{sort.name}_{member}")
            for sort in sorts
            if isinstance(sort, Enum)
            for value, member in enumerate(sort.members)
        }
        self.variables = {name: self.names.new(name) for name in schema.protocol.variables}
        self.functions: list[str] = []

    def element(self, sort: Enum | Index, value: int) -> str:
        """A member by its name, an element of a subrange by its number from 1."""
        return self.members[sort.name, value] if isinstance(sort, Enum) else str(value + 1)

    def subscript(self, variable: Variable, indices: Sequence[str]) -> str:  # noqa: ARG002 (all arrays are read alike)
        """Arrays of arrays."""
        return "".join(f"[{index}]" for index in indices)

    def presence(self, variable: Variable, place: str, level: int, *, defined: bool) -> str:  # noqa: ARG002 (and asked alike)
        """Murphi knows for itself what is undefined."""
        return wrap(f"!isundefined({place})", 3, level) if defined else f"isundefined({place})"

    def variable_type(self, variable: Variable) -> str:
        """The type of a variable: an array for each part of its domain."""
        arrays = "".join(f"array [{self.sort(sort)}] of " for sort in variable.domain)
        return arrays + self.sort(variable.sort)

    def quantified(self, node: Quantified, scope: Scope, level: int) -> str:  # noqa: ARG002 (it ends with a word of its own)
        """A quantifier, or the call of a function that counts."""
        if node.quantifier is Quantifier.COUNT:
            return self._count(node, scope)
        inner = scope.bind(node.local)
        over, body = self.binders([node.local], inner)[0], self.text(node.body, inner, 0)
        return f"{node.quantifier} {over} do {body} end{node.quantifier}"

    def _count(self, node: Quantified, scope: Scope) -> str:
        """A call of a function that counts: it is given what the body reads besides the state."""
        given = {local.name: local for local in free(node)}
        copies = {read.variable.name: read.variable for read in reads(node) if read.variable.name in scope.old}
        inner = self.top.bind(*given.values(), node.local).copy(copies.values())
        total, most = inner.fresh().new("total"), len(self.schema.values(node.local.sort))
        parameters = self.binders(list(given.values()), inner)
        parameters += [f"{inner.old[name]}: {self.variable_type(variable)}" for name, variable in copies.items()]
        function = self.names.new("count")
        self.functions.append(
            f"function {function}({'; '.join(parameters)}): 0..{most};\n"
            f"var {total}: 0..{most};\n"
            "begin\n"
            f"  {total} := 0;\n"
            f"  for {self.binders([node.local], inner)[0]} do\n"
            f"    if {self.text(node.body, inner, 0)} then {total} := {total} + 1; endif;\n"
            "  endfor;\n"
            f"  return {total};\n"
            "endfunction;\n"
        )
        return (
            f"{function}({', '.join([*(scope.locals[name] for name in given), *(scope.old[name] for name in copies)])})"
        )


def free(node: Node) -> Iterator[Local]:
    """The locals that a tree reads and does not bind, each as often as it is read."""
    if isinstance(node, Local):
        yield node
    for child in children(node):
        for local in free(child):
            if not isinstance(node, Quantified) or local != node.local:
                yield local
