"""The mutation operators of protocols: each rule yields edits of one node; what has no meaning in the language is left out later.

Only behaviour is changed: actions, what they use, and initial values. Properties and lemmas say what is wanted, and stay.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import NamedTuple, TypeAlias

import libcst as cst

from flk.formal.mutation.mutant import Mutant
from flk.formal.mutation.protocols.anatomy import Anatomy
from flk.formal.mutation.source import Source


class Edit(NamedTuple):
    """New text for some nodes, by a rule."""

    operator: str
    changes: tuple[tuple[cst.CSTNode, str], ...]


class Scope(NamedTuple):
    """A function whose body is mutated: its source, what else there is in the module, and the names of values that it may use."""

    source: Source
    anatomy: Anatomy
    function: cst.FunctionDef


Rule: TypeAlias = Callable[[Scope, cst.CSTNode], Iterator[Edit]]

SKIP = "pass"
COMPARISONS = {
    cst.Equal: ("!=",),
    cst.NotEqual: ("==",),
    cst.LessThan: ("<=", ">"),
    cst.LessThanEqual: ("<", ">="),
    cst.GreaterThan: (">=", "<"),
    cst.GreaterThanEqual: (">", "<="),
}
ARITHMETIC = {cst.Add: "-", cst.Subtract: "+", cst.Multiply: "+", cst.FloorDivide: "*", cst.Modulo: "//"}
QUANTIFIERS = {"forall": "exists", "exists": "forall"}


def mutants_of(source: Source) -> Iterator[Mutant]:
    """Every mutant of a protocol's source, many of which have no meaning or mean the same. They have no ids yet."""
    anatomy = Anatomy(source)
    for edit in _edits(source, anatomy):
        yield source.mutant(edit.operator, *edit.changes)


def _edits(source: Source, anatomy: Anatomy) -> Iterator[Edit]:
    yield from _initial_values(anatomy)
    for function in (*anatomy.helpers, *anatomy.actions):
        scope = Scope(source, anatomy, function)
        for node in source.nodes(function.body):
            for rule in RULES:
                yield from rule(scope, node)
    for action in anatomy.actions:
        yield from _skipped_actions(action)
        yield from _moved_updates(source, anatomy.actions, action)


def _initial_values(anatomy: Anatomy) -> Iterator[Edit]:
    """`initially` says another value."""
    for call in anatomy.state.values():
        for argument in call.args:
            if argument.keyword is not None and argument.keyword.value == "initially":
                for other in _other_values(anatomy, argument.value):
                    yield Edit("change-initial", ((argument.value, other),))
        said = {argument.keyword.value for argument in call.args if argument.keyword is not None}
        if not said & {"initially", "partial"} and isinstance(call.func, cst.Attribute):
            *_, last = call.args
            yield Edit("change-initial", ((last.value, f"{_code(last.value)}, initially=True"),))


def _skipped_actions(action: cst.FunctionDef) -> Iterator[Edit]:
    """The action may happen, and changes nothing; or it never happens."""
    writes = [line for line in action.body.body if not _is_said(line) and not _requires(line)]
    if len(writes) > 1:
        yield Edit("skip-action", tuple((line, SKIP) for line in writes))
    first = next((line for line in action.body.body if not _is_said(line)), None)
    if isinstance(first, cst.SimpleStatementLine):
        yield Edit("disable-action", ((first.body[0], f"require(False); {_code(first.body[0])}"),))


def _moved_updates(source: Source, actions: Sequence[cst.FunctionDef], action: cst.FunctionDef) -> Iterator[Edit]:
    """An update happens with the next action instead of with its own. Which is the next that has a meaning is found out later."""
    here = actions.index(action)
    for line in action.body.body:
        if not _writes(line):
            continue
        for other in (*actions[here + 1 :], *actions[:here]):
            last = other.body.body[-1]
            if isinstance(last, cst.SimpleStatementLine):
                moved = (last, f"{source.code(last)}; {source.code(line)}")
                yield Edit("move-update", ((line, SKIP), moved))


def _drop_guard(_: Scope, node: cst.CSTNode) -> Iterator[Edit]:
    """One condition of `require` is left out."""
    match node:
        case cst.Call(func=cst.Name(value="require"), args=arguments):
            for argument in arguments:
                yield Edit("drop-guard", ((argument.value, "True"),))


def _drop_line(_: Scope, node: cst.CSTNode) -> Iterator[Edit]:
    """An update, or a call that updates, is left out."""
    if isinstance(node, cst.SimpleStatementLine):
        if _writes(node):
            yield Edit("drop-update", ((node, SKIP),))
        elif not _is_said(node) and not _requires(node) and isinstance(node.body[0], cst.Expr):
            yield Edit("drop-call", ((node, SKIP),))


def _drop_junct(scope: Scope, node: cst.CSTNode) -> Iterator[Edit]:
    """One side of `&`, `|` or `implies` is left out, or the two are exchanged for `|`, `&` or the converse."""
    code = scope.source.code
    match node:
        case cst.BinaryOperation(operator=cst.BitAnd() | cst.BitOr() as operator, left=left, right=right):
            kind = "drop-conjunct" if isinstance(operator, cst.BitAnd) else "drop-disjunct"
            yield Edit(kind, ((node, _whole(scope, right)),))
            yield Edit(kind, ((node, _whole(scope, left)),))
            other = "|" if isinstance(operator, cst.BitAnd) else "&"
            yield Edit("exchange-junction", ((node, f"({_whole(scope, left)} {other} {_whole(scope, right)})"),))
        case cst.Call(func=cst.Name(value="implies"), args=[premise, conclusion]):
            yield Edit("drop-premise", ((node, code(conclusion)),))
            yield Edit("drop-conclusion", ((node, f"~({code(premise)})"),))
            yield Edit("exchange-implication", ((node, f"implies({code(conclusion)}, {code(premise)})"),))


def _negate(scope: Scope, node: cst.CSTNode) -> Iterator[Edit]:
    """A negation is left out; a truth that is read is negated."""
    match node:
        case cst.UnaryOperation(operator=cst.BitInvert(), expression=part):
            yield Edit("drop-negation", ((node, _whole(scope, part)),))
        case cst.Call(func=cst.Attribute(attr=cst.Name(value="defined"))):
            yield Edit("negate-defined", ((node, f"(~{scope.source.code(node)})"),))
        case cst.Subscript() if not _is_written(scope, node):
            yield Edit("negate", ((node, f"(~{scope.source.code(node)})"),))
        case cst.Name(value=name) if name in scope.anatomy.state or name in _bound(scope, node):
            if not _is_written(scope, node) and not _is_label(scope, node):
                yield Edit("negate", ((node, f"(~{name})"),))


def _compare(scope: Scope, node: cst.CSTNode) -> Iterator[Edit]:
    """Another comparison; and none, in place of one."""
    match node:
        case cst.Comparison(left=left, comparisons=[cst.ComparisonTarget(operator=operator, comparator=right)]):
            for other in COMPARISONS.get(type(operator), ()):
                changed = f"({_whole(scope, left)} {other} {_whole(scope, right)})"
                yield Edit("change-comparison", ((node, changed),))


def _calculate(scope: Scope, node: cst.CSTNode) -> Iterator[Edit]:
    """Another operator of arithmetic; an integer that is off by one."""
    match node:
        case cst.BinaryOperation(operator=operator, left=left, right=right) if type(operator) in ARITHMETIC:
            changed = f"({_whole(scope, left)} {ARITHMETIC[type(operator)]} {_whole(scope, right)})"
            yield Edit("change-arithmetic", ((node, changed),))
        case cst.Integer(value=value):
            yield Edit("off-by-one", ((node, f"{int(value, 0) + 1}"),))
            yield Edit("off-by-one", ((node, f"({int(value, 0) - 1})"),))


def _quantify(_: Scope, node: cst.CSTNode) -> Iterator[Edit]:
    """`forall` and `exists` are exchanged."""
    match node:
        case cst.Call(func=cst.Name(value=value) as name) if value in QUANTIFIERS:
            yield Edit("exchange-quantifier", ((name, QUANTIFIERS[value]),))


def _choose(scope: Scope, node: cst.CSTNode) -> Iterator[Edit]:
    """`ite` always takes one of its values, or the other one."""
    match node:
        case cst.Call(func=cst.Name(value="ite"), args=[condition, then, other]):
            then_, other_ = scope.source.code(then), scope.source.code(other)
            yield Edit("drop-choice", ((node, then_),))
            yield Edit("drop-choice", ((node, other_),))
            yield Edit("exchange-choice", ((node, f"ite({scope.source.code(condition)}, {other_}, {then_})"),))


def _say_another(scope: Scope, node: cst.CSTNode) -> Iterator[Edit]:
    """Another member of the enum, the other truth."""
    if isinstance(node, cst.Attribute) or (isinstance(node, cst.Name) and node.value in {"True", "False"}):
        for other in _other_values(scope.anatomy, node):
            yield Edit("change-value", ((node, other),))


def _name_another(scope: Scope, node: cst.CSTNode) -> Iterator[Edit]:
    """Another parameter or bound variable in place of one; `:` narrowed to one of them; two indices exchanged."""
    if isinstance(node, cst.Name) and node.value in _bound(scope, node) and not _is_label(scope, node):
        for other in _bound(scope, node):
            if other != node.value:
                yield Edit("change-variable", ((node, other),))
    elif isinstance(node, cst.Subscript):
        for one, two in combinations(node.slice, 2):
            one_, two_ = scope.source.code(one.slice), scope.source.code(two.slice)
            if one_ != two_:
                yield Edit("swap-indices", ((one.slice, two_), (two.slice, one_)))
    elif isinstance(node, cst.Slice):
        for other in _bound(scope, node):
            yield Edit("narrow-update", ((node, other),))


def _use_another(scope: Scope, node: cst.CSTNode) -> Iterator[Edit]:
    """Another variable of the state is written or read, one that is declared alike."""
    if isinstance(node, cst.Name) and node.value in scope.anatomy.state:
        kind = "write-another" if _is_written(scope, node) else "read-another"
        for other in scope.anatomy.state:
            if other != node.value and _alike(scope, node.value, other):
                yield Edit(kind, ((node, other),))


RULES: tuple[Rule, ...] = (
    _drop_guard,
    _drop_line,
    _drop_junct,
    _negate,
    _compare,
    _calculate,
    _quantify,
    _choose,
    _say_another,
    _name_another,
    _use_another,
)


def _other_values(anatomy: Anatomy, node: cst.CSTNode) -> Iterator[str]:
    match node:
        case cst.Attribute(value=cst.Name(value=enum), attr=cst.Name(value=member)) if enum in anatomy.enums:
            yield from (f"{enum}.{other}" for other in anatomy.enums[enum] if other != member)
        case cst.Name(value="True"):
            yield "False"
        case cst.Name(value="False"):
            yield "True"
        case cst.Integer(value=value):
            yield f"{int(value, 0) + 1}"
            yield f"{int(value, 0) - 1}"


def _bound(scope: Scope, node: cst.CSTNode) -> tuple[str, ...]:
    """The parameters of the function and of the lambdas around a node."""
    names: list[str] = []
    at: cst.CSTNode | None = node
    while at is not None:
        if isinstance(at, cst.Lambda | cst.FunctionDef):
            names = [*(each.name.value for each in at.params.params), *names]
        at = None if at is scope.function else scope.source.parent(at)
    return tuple(dict.fromkeys(names))


def _is_label(scope: Scope, node: cst.CSTNode) -> bool:
    """Whether a name is that of a parameter or of a keyword, not a use."""
    parent = scope.source.parent(node)
    return isinstance(parent, cst.Param) or (isinstance(parent, cst.Arg) and parent.keyword is node)


def _is_written(scope: Scope, node: cst.CSTNode) -> bool:
    """Whether a node is what an update writes: `x` in `x.next = …` and in `x.next[i] = …`, or all of that."""
    parent = scope.source.parent(node)
    match parent:
        case cst.AssignTarget():
            return True
        case cst.Attribute(attr=cst.Name(value="next"), value=value):
            return value is node
    return isinstance(node, cst.Subscript) and isinstance(parent, cst.AssignTarget)


def _alike(scope: Scope, one: str, two: str) -> bool:
    """Whether two variables of the state are declared over the same sorts."""
    return _signature(scope, one) == _signature(scope, two)


def _signature(scope: Scope, name: str) -> tuple[str, ...]:
    call = scope.anatomy.state[name]
    kept = (a for a in call.args[1:] if a.keyword is None or a.keyword.value == "to")
    return (*(scope.source.code(a.value) for a in kept),)


def _whole(scope: Scope, node: cst.CSTNode) -> str:
    """A part as it may stand anywhere: in parentheses, unless it is an atom."""
    code = scope.source.code(node)
    atom = isinstance(node, cst.Name | cst.Attribute | cst.Call | cst.Subscript | cst.Integer)
    return code if atom else f"({code})"


def _is_said(line: cst.CSTNode) -> bool:
    """Whether a line is a docstring."""
    match line:
        case cst.SimpleStatementLine(body=[cst.Expr(value=cst.SimpleString() | cst.ConcatenatedString())]):
            return True
    return False


def _requires(line: cst.CSTNode) -> bool:
    match line:
        case cst.SimpleStatementLine(body=[cst.Expr(value=cst.Call(func=cst.Name(value="require")))]):
            return True
    return False


def _writes(line: cst.CSTNode) -> bool:
    return isinstance(line, cst.SimpleStatementLine) and isinstance(line.body[0], cst.Assign)


def _code(node: cst.CSTNode) -> str:
    return cst.Module([]).code_for_node(node)
