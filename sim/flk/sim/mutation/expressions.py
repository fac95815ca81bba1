"""Operators on expressions: constants, comparisons, connectives, arithmetic, alternatives."""

from collections.abc import Iterator

import libcst as cst

from flk.formal.mutation.mutant import Mutant
from flk.formal.mutation.source import Source
from flk.sim.mutation.reading import Operator, called, names_in, running

_COMPARED: dict[type[cst.BaseCompOp], tuple[str, ...]] = {
    cst.LessThan: ("<=", ">="),
    cst.LessThanEqual: ("<", ">"),
    cst.GreaterThan: (">=", "<="),
    cst.GreaterThanEqual: (">", "<"),
    cst.Equal: ("!=",),
    cst.NotEqual: ("==",),
    cst.Is: ("is not",),
    cst.IsNot: ("is",),
    cst.In: ("not in",),
    cst.NotIn: ("in",),
}
_CALCULATED: dict[type[cst.BaseBinaryOp], str] = {
    cst.Add: "-",
    cst.Subtract: "+",
    cst.Multiply: "/",
    cst.Divide: "*",
    cst.FloorDivide: "/",
    cst.Modulo: "//",
    cst.LeftShift: ">>",
    cst.RightShift: "<<",
    cst.BitAnd: "|",
    cst.BitOr: "&",
}
_SUMMED: dict[type[cst.BaseAugOp], str] = {cst.AddAssign: "-=", cst.SubtractAssign: "+=", cst.BitOrAssign: "&="}
_SWAPPED = {"min": "max", "max": "min", "any": "all", "all": "any"}
_ORDERED = {"reversed": "tuple", "sorted": "list"}


def constant(source: Source) -> Iterator[Mutant]:
    """A number is off by one, or by half of it; a truth value is the other."""
    for whole in running(source, cst.Integer):
        value = int(whole.value, 0)
        yield source.mutant("constant", (whole, str(value + 1)))
        if value:
            yield source.mutant("constant", (whole, str(value - 1)))
    for real in running(source, cst.Float):
        number = float(real.value)
        for other in (number / 2, number * 2) if number else (1.0,):
            yield source.mutant("constant", (real, repr(other)))
    for name in running(source, cst.Name):
        if name.value in {"True", "False"}:
            yield source.mutant("constant", (name, str(name.value == "False")))


def comparison(source: Source) -> Iterator[Mutant]:
    """The edge counts otherwise, or the comparison says the opposite."""
    for node in running(source, cst.ComparisonTarget):
        for other in _COMPARED.get(type(node.operator), ()):
            yield source.mutant("comparison", (node.operator, other))


def connective(source: Source) -> Iterator[Mutant]:
    """`and` for `or`, one side of either, and a condition without its `not`."""
    for both in running(source, cst.BooleanOperation):
        other = "or" if isinstance(both.operator, cst.And) else "and"
        yield source.mutant("connective", (both.operator, other))
        yield source.mutant("one-side", (both, source.code(both.left)))
        yield source.mutant("one-side", (both, source.code(both.right)))
    for one in running(source, cst.UnaryOperation):
        rule = {cst.Not: "not", cst.Minus: "sign"}.get(type(one.operator))
        if rule is not None:
            yield source.mutant(rule, (one, f"({source.code(one.expression)})"))


def arithmetic(source: Source) -> Iterator[Mutant]:
    """Another operator between two numbers. Texts are joined as before."""
    for change in running(source, cst.AugAssign):
        if (summed := _SUMMED.get(type(change.operator))) is not None:
            yield source.mutant("arithmetic", (change.operator, summed))
    for node in running(source, cst.BinaryOperation):
        calculated = _CALCULATED.get(type(node.operator))
        joined = any(isinstance(side, cst.BaseString | cst.Tuple | cst.List) for side in (node.left, node.right))
        if calculated is not None and not joined:
            yield source.mutant("arithmetic", (node.operator, calculated))


def alternative(source: Source) -> Iterator[Mutant]:
    """One side of `a if condition else b`, whatever the condition says."""
    for node in running(source, cst.IfExp):
        yield source.mutant("alternative", (node, source.code(node.body)))
        yield source.mutant("alternative", (node, source.code(node.orelse)))


def selection(source: Source) -> Iterator[Mutant]:
    """A comprehension that takes all, `min` for `max`, `any` for `all`, and what is sorted or reversed the other way round."""
    for condition in running(source, cst.CompIf):
        yield source.mutant("filter", (condition.test, "True"))
    for call in running(source, cst.Call):
        name = called(call)
        if name in _SWAPPED:
            yield source.mutant("min-max", (call.func, _SWAPPED[name]))
        elif name in _ORDERED:
            yield source.mutant("order", (call.func, _ORDERED[name]))


def edge(source: Source) -> Iterator[Mutant]:
    """A slice without one of its ends."""
    for node in running(source, cst.Slice):
        for side in (node.lower, node.upper):
            if side is not None and not isinstance(side, cst.Integer):
                other = "" if len(names_in(side)) == 1 and isinstance(side, cst.Name) else f"({source.code(side)}) + 1"
                yield source.mutant("edge", (side, other))


EXPRESSIONS: tuple[Operator, ...] = (constant, comparison, connective, arithmetic, alternative, selection, edge)
