"""PromQL over scraped series, for the part of the language that the alerts of the table are written in.

    numbers, ( ), -x, NAME{label="…", label!="…", label=~"…", label!~"…"}, the same with a range [5m] inside rate, increase
    and changes
    histogram_quantile(SHARE, …), vector(NUMBER), sum, max, min, count by (…) or without (…)
    + - * / % ^, == != > < >= <= with or without bool, and, or, unless, on (…), ignoring (…)

Anything else is refused by name. Moments of evaluation and of scrapes must not meet on the edge of a range: there Prometheus 2
takes the older sample and Prometheus 3 does not.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import promql_parser as ast

from flk.sim.alerts.series import Database, Labels, Series
from flk.sim.alerts.vectors import (
    Column,
    Floats,
    Mask,
    Signature,
    Vector,
    aggregate,
    changes,
    disjoint,
    growth,
    latest,
    nameless,
    only,
    paired,
    quantiles,
    restricted,
    union,
    without,
)
from flk.spec.errors import UnusableInput


class View(NamedTuple):
    """What an expression is evaluated on: series, and the moments."""

    database: Database
    moments: Floats


Value: TypeAlias = Vector | float
Evaluate: TypeAlias = Callable[[View], Value]
Fits: TypeAlias = Callable[[dict[str, str]], bool]

_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": np.power,
}
_COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": np.equal,
    "!=": np.not_equal,
    ">": np.greater,
    "<": np.less,
    ">=": np.greater_equal,
    "<=": np.less_equal,
}
_SETS: Mapping[str, Callable[[Vector, Vector, Signature], Vector]] = {
    "or": union,
    "and": lambda left, right, signature: restricted(left, right, signature, to=True),
    "unless": lambda left, right, signature: restricted(left, right, signature, to=False),
}
_REDUCTIONS: Mapping[str, Callable[[Floats, Mask], Floats]] = {
    "sum": lambda values, there: np.where(there, values, 0.0).sum(axis=0),
    "max": lambda values, there: np.fmax.reduce(np.where(there, values, np.nan), axis=0),
    "min": lambda values, there: np.fmin.reduce(np.where(there, values, np.nan), axis=0),
    "count": lambda values, there: there.sum(axis=0).astype(values.dtype),
}
_MATCHES: Mapping[str, Callable[[str, str], bool]] = {
    "MatchOp.Equal": lambda wanted, value: value == wanted,
    "MatchOp.NotEqual": lambda wanted, value: value != wanted,
    "MatchOp.Re": lambda wanted, value: re.fullmatch(wanted, value) is not None,
    "MatchOp.NotRe": lambda wanted, value: re.fullmatch(wanted, value) is None,
}


class Query:
    """An expression that can be evaluated. Raises UnusableInput for one that is no PromQL, or needs what is not known here."""

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            parsed = ast.parse(text)
        except ValueError as error:
            raise UnusableInput(f"{text}: this is not PromQL: {error}") from None
        self._evaluate = _compiled(parsed)

    def evaluate(self, database: Database, moments: Floats) -> Vector:
        """The expression's elements at each moment; a number is an element without labels.

        Raises UnusableInput where several series match what must be one.
        """
        try:
            with np.errstate(all="ignore"):  # a division by zero has its value, as in Prometheus
                value = self._evaluate(View(database, moments))
        except ValueError as error:
            raise UnusableInput(f"{self.text}: {error}; name the labels that distinguish them") from None
        return value if isinstance(value, dict) else _everywhere(value, moments)


def _compiled(node: object) -> Evaluate:
    match node:
        case ast.NumberLiteral():
            number = node.val
            return lambda _: number
        case ast.ParenExpr():
            return _compiled(node.expr)
        case ast.UnaryExpr():
            return _operation("*", _compiled(node.expr), lambda _: -1.0, nameless, filters=False)
        case ast.VectorSelector():
            select = _selector(node)
            return lambda view: {series.labels: latest(series, view.moments) for series in select(view)}
        case ast.Call():
            return _call(node)
        case ast.AggregateExpr():
            return _aggregation(node)
        case ast.BinaryExpr():
            return _binary(node)
        case _:
            raise _refused(type(node).__name__)


def _refused(construct: str) -> UnusableInput:
    return UnusableInput(f"{construct} cannot be evaluated in simulation; write the alert without it")


def _selector(node: ast.VectorSelector) -> Callable[[View], list[Series]]:
    if node.offset is not None or node.at is not None:
        raise _refused("offset" if node.offset is not None else "@")
    if node.name is None or node.matchers.or_matchers:
        raise _refused("a selector without the name of a metric" if node.name is None else "or between matchers")
    name, tests = node.name, [(_MATCHES[str(m.op)], m.name, m.value) for m in node.matchers.matchers]

    def fits(of: dict[str, str]) -> bool:
        return all(test(wanted, of.get(label, "")) for test, label, wanted in tests)

    return lambda view: view.database.select(name, fits)


def _call(node: ast.Call) -> Evaluate:
    match node.func.name, node.args:
        case ("rate" | "increase") as name, [ast.MatrixSelector() as ranged]:
            return _over(ranged, lambda series, moments, span: _paced(series, moments, span, per_second=name == "rate"))
        case "changes", [ast.MatrixSelector() as ranged]:
            return _over(ranged, changes)
        case "histogram_quantile", [ast.NumberLiteral() as share, buckets]:
            inner, wanted = _compiled(buckets), share.val
            return lambda view: quantiles(wanted, _vector(inner(view)))
        case "vector", [ast.NumberLiteral() as number]:
            value = number.val
            return lambda view: _everywhere(value, view.moments)
        case _:
            raise _refused(f"{node.func.name}() of such arguments")


def _over(ranged: ast.MatrixSelector, found_in: Callable[[Series, Floats, float], Column]) -> Evaluate:
    """A function of the samples of each series within a range."""
    select, span = _selector(ranged.vector_selector), ranged.range.total_seconds()

    def evaluate(view: View) -> Vector:
        columns = ((series.labels, found_in(series, view.moments, span)) for series in select(view))
        return {nameless(of): column for of, column in columns if column.present.any()}

    return evaluate


def _paced(series: Series, moments: Floats, span: float, *, per_second: bool) -> Column:
    grown = growth(series, moments, span)
    return Column(grown.values / (span if per_second else 1.0), grown.present)


def _aggregation(node: ast.AggregateExpr) -> Evaluate:
    name = str(node.op)
    if name not in _REDUCTIONS or node.param is not None:
        raise _refused(name)
    inner, reduction, modifier = _compiled(node.expr), _REDUCTIONS[name], node.modifier
    group = only(())
    if modifier is not None:
        group = only(modifier.labels) if modifier.type == ast.AggModifierType.By else without(modifier.labels)
    return lambda view: aggregate(_vector(inner(view)), group, reduction)


def _binary(node: ast.BinaryExpr) -> Evaluate:
    name, modifier = str(node.op), node.modifier
    left, right = _compiled(node.lhs), _compiled(node.rhs)
    signature: Signature = nameless
    if modifier is not None:
        if modifier.group_labels is not None or str(modifier.card) in {_MANY_TO_ONE, _ONE_TO_MANY}:
            raise _refused("group_left and group_right")
        if modifier.matching is not None:
            on = modifier.matching.type == ast.LabelModifierType.Include
            signature = only(modifier.matching.labels) if on else without(modifier.matching.labels)
    if name in _SETS:
        combine = _SETS[name]
        return lambda view: combine(_vector(left(view)), _vector(right(view)), signature)
    if name not in _ARITHMETIC and name not in _COMPARISONS:
        raise _refused(name)
    filters = name in _COMPARISONS and not (modifier is not None and modifier.return_bool)
    return _operation(name, left, right, signature, filters=filters)


_MANY_TO_ONE, _ONE_TO_MANY = "VectorMatchCardinality.ManyToOne", "VectorMatchCardinality.OneToMany"


def _operation(name: str, left: Evaluate, right: Evaluate, signature: Signature, *, filters: bool) -> Evaluate:
    """An operation on two numbers, a vector and a number, or two vectors. One that filters keeps what is on the left."""
    operate = _ARITHMETIC.get(name) or _COMPARISONS[name]

    def evaluate(view: View) -> Value:
        one, other = left(view), right(view)
        if isinstance(one, dict) and isinstance(other, dict):
            return _joined([_result(of, a, a, b) for of, a, b in paired(one, other, signature)])
        if isinstance(one, dict):
            return _joined([_result(of, a, a, _everywhere(other, view.moments)[_NOTHING]) for of, a in one.items()])  # type: ignore[arg-type]  # mypy forgets that the other is none
        if isinstance(other, dict):
            return _joined([_result(of, b, _everywhere(one, view.moments)[_NOTHING], b) for of, b in other.items()])
        return float(operate(one, other))

    def _result(of: Labels, kept: Column, a: Column, b: Column) -> tuple[Labels, Column]:
        values, there = operate(a.values, b.values), a.present & b.present
        if filters:
            return of, Column(kept.values, there & values)
        return nameless(of), Column(values.astype(float), there)

    return evaluate


_NOTHING: Labels = frozenset()


def _everywhere(value: float, moments: Floats) -> Vector:
    return {_NOTHING: Column(np.full(moments.shape, value), np.ones(moments.shape, dtype=bool))}


def _vector(value: Value) -> Vector:
    assert isinstance(value, dict)  # the parser has checked the types
    return value


def _joined(elements: list[tuple[Labels, Column]]) -> Vector:
    """A vector of elements, of which those with the same labels must not be there at one moment."""
    vector: Vector = {}
    for of, column in elements:
        vector[of] = disjoint(vector[of], column, of) if of in vector else column
    return vector
