"""Expressions in TLA+. A partial variable holds `Undefined` where it has no value, and reading it there is an error (`Value`)."""

from collections.abc import Sequence

from flk.formal.explicit.schema import Schema
from flk.formal.exports.intervals import interval
from flk.formal.exports.names import Names
from flk.formal.exports.scope import Scope
from flk.formal.exports.writer import Grammar, Infix, TypedWriter
from flk.formal.language.nodes import Arithmetic, Junction, Operator, Quantified, Quantifier
from flk.formal.language.sorts import Bounded, Enum, Index
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

_ARITHMETIC = {
    Operator.PLUS: "+",
    Operator.MINUS: "-",
    Operator.TIMES: "*",
    Operator.DIVIDE: "\\div",
    Operator.REMAINDER: "%",
}
_QUANTIFIERS = {Quantifier.FORALL: "\\A", Quantifier.EXISTS: "\\E"}
_FLOORS = {Operator.DIVIDE: "FloorDiv", Operator.REMAINDER: "FloorMod"}


class Writer(TypedWriter):
    """Prints sorts and expressions. `floors` is set once a division needs the operators that round down for any divisor.

    TLA+ refuses conjunctions beside disjunctions, and its arithmetic binds so oddly that all of it is wrapped: levels 1 and 4 stand
    for all of either.
    """

    grammar = Grammar(
        truths=("FALSE", "TRUE"),
        negation="~",
        negation_level=3,
        equal="=",
        unequal="#",
        at_most="=<",
        junctions={Junction.AND: Infix("/\\", 1, 3, 3), Junction.OR: Infix("\\/", 1, 3, 3)},
        implication=Infix("=>", 0, 1, 1),
        choice="(IF {} THEN {} ELSE {})",
        choice_level=0,
        arithmetic={operator: Infix(sign, 4, 5, 5) for operator, sign in _ARITHMETIC.items()},
        rounds_down=True,
    )
    boolean, member_of = "BOOLEAN", " \\in "

    def __init__(self, schema: Schema) -> None:
        super().__init__(schema, Names(RESERVED))
        self.sorts = {name: self.names.new(name) for name in schema.protocol.sorts}
        self.variables = {name: self.names.new(name) for name in schema.protocol.variables}
        self.floors = False

    def element(self, sort: Enum | Index, value: int) -> str:
        """A member is a string; an element of an index sort is a model value, for which no tree has a constant."""
        if isinstance(sort, Enum):
            return f'"{sort.members[value]}"'
        raise TypeError(f"an element of {sort.name} has no name in TLA+")

    def interval(self, low: int, high: int) -> str:
        """The integers from `low` to `high`."""
        return f"({low})..{high}" if low < 0 else f"{low}..{high}"

    def subscript(self, variable: Variable, indices: Sequence[str]) -> str:  # noqa: ARG002 (all functions are applied alike)
        """The arguments of a function."""
        return f"[{', '.join(indices)}]" if indices else ""

    def presence(self, variable: Variable, place: str, level: int, *, defined: bool) -> str:  # noqa: ARG002 (and asked alike)
        """A comparison with the value that stands for none."""
        return wrap(f"{place} {'#' if defined else '='} Undefined", 3, level)

    def read(self, variable: Variable, place: str) -> str:
        """The value of a variable at a place."""
        return f"Value({place})" if variable.partial else place

    def values(self, variable: Variable) -> str:
        """The set of a variable's possible values at one place."""
        return f"{self.sort(variable.sort)} \\cup {{Undefined}}" if variable.partial else self.sort(variable.sort)

    def domain(self, variable: Variable) -> str:
        """The set of a variable's indices."""
        return " \\X ".join(f"({self.sort(s)})" if isinstance(s, Bounded) else self.sort(s) for s in variable.domain)

    def quantified(self, node: Quantified, scope: Scope, level: int) -> str:
        """A quantifier; a count is the size of a set."""
        inner = scope.bind(node.local)
        text = f"{self.binders([node.local], inner)[0]} : {self.text(node.body, inner, 0)}"
        if node.quantifier is Quantifier.COUNT:
            return f"Cardinality({{{text}}})"
        return wrap(f"{_QUANTIFIERS[node.quantifier]} {text}", 0, level)

    def arithmetic(self, node: Arithmetic, scope: Scope, level: int) -> str:
        """TLA+ defines division for positive divisors, and there as we do; for others there are operators of our own."""
        if node.operator in _FLOORS and interval(node.right, self.schema.values)[0] < 0:
            self.floors = True
            return f"{_FLOORS[node.operator]}({self.text(node.left, scope, 0)}, {self.text(node.right, scope, 0)})"
        return super().arithmetic(node, scope, level)
