"""Operators on statements: effects, branches, loops, handlers, results."""

from collections.abc import Iterator
from itertools import pairwise

import libcst as cst

from flk.formal.mutation.mutant import Mutant
from flk.formal.mutation.source import Source
from flk.sim.mutation.reading import (
    Operator,
    assigned,
    blocks,
    called,
    has_effect,
    is_effect,
    names_in,
    only_statement,
    running,
)

_NOTHING: dict[str, tuple[str, ...]] = {
    "str": ('""',),
    "bytes": ('b""',),
    "int": ("0",),
    "float": ("0.0",),
    "bool": ("True", "False"),
    "None": ("None",),
}
"""What stands for the result of an effect that is left out, by its type."""
TOLD = ("trace", "observer")
"""What a node tells these is for those who judge it: whether it is told is no question of what the node does."""


def dropped(source: Source) -> Iterator[Mutant]:
    """An effect, a call for what it does, or a change of a state does not happen."""
    for statements in blocks(source):
        for line in statements:
            statement = only_statement(line)
            if isinstance(statement, cst.Expr) and is_effect(statement.value):
                yield source.mutant("drop-effect", (statement, _no_effect(source, line)))
            elif isinstance(statement, cst.Expr) and isinstance(statement.value, cst.Call):
                if not _is_told(statement.value):
                    yield source.mutant("drop-call", (statement, "pass"))
            elif isinstance(statement, cst.Raise):
                yield source.mutant("drop-raise", (statement, "pass"))
            elif statement is not None and _changes_state(statement):
                yield source.mutant("drop-change", (statement, "pass"))


def swapped(source: Source) -> Iterator[Mutant]:
    """Two effects, or two calls for what they do, happen in the other order, where neither needs what the other gives."""
    for statements in blocks(source):
        for first, second in pairwise(statements):
            if not (_acts(first) and _acts(second)) or _needs(second, first) or _needs(first, second):
                continue
            if _only_assigns(first) and _only_assigns(second):
                continue
            after = source.code(second), source.code(first)
            yield source.mutant("swap", (first, after[0]), (second, after[1]))


def unperformed(source: Source) -> Iterator[Mutant]:
    """An effect is made and not yielded, where its result is used."""
    for node in running(source, cst.Yield):
        if isinstance(node.value, cst.From) and not isinstance(source.parent(node), cst.Expr):
            yield source.mutant("drop-yield", (node, f"({source.code(node.value.item)})"))


def branch(source: Source) -> Iterator[Mutant]:
    """A condition that always holds, or never: one branch is gone, and an early return or refusal with it.

    What is for the type checker alone never runs, and stays.
    """
    conditions = [node.test for node in running(source, cst.If) if source.code(node.test) != "TYPE_CHECKING"]
    loops = [node.test for node in running(source, cst.While) if source.code(node.test) != "True"]
    for test in (*conditions, *loops):
        if has_effect(test):
            yield source.mutant("not", (test, f"not ({source.code(test)})"))
            continue
        yield source.mutant("never", (test, "False"))
        if test in conditions:
            yield source.mutant("always", (test, "True"))


def loop(source: Source) -> Iterator[Mutant]:
    """A loop that stops after its first round, one that goes on where it should end, one that ends where it should go on."""
    bodies = [node.body for node in (*running(source, cst.For), *running(source, cst.While))]
    for body in bodies:
        if isinstance(body, cst.IndentedBlock):
            last = body.body[-1]
            if not isinstance(only_statement(last), cst.Return | cst.Raise | cst.Break):
                indent = " " * (_column(source, last))
                yield source.mutant("once", (last, f"{source.code(last)}\n{indent}break"))
    for end in running(source, cst.Break):
        yield source.mutant("jump", (end, "continue"))
    for skip in running(source, cst.Continue):
        yield source.mutant("jump", (skip, "break"))


def caught(source: Source) -> Iterator[Mutant]:
    """A handler that catches everything, and one that catches nothing."""
    for handler in running(source, cst.ExceptHandler):
        if handler.type is not None and source.code(handler.type) != "Exception":
            yield source.mutant("catch-all", (handler.type, "Exception"))
            yield source.mutant("catch-none", (handler.type, "()"))


def returned(source: Source) -> Iterator[Mutant]:
    """The input is given back as the result, where both are of one type; a truth value, the other one; a text, nothing."""
    for node in running(source, cst.Return):
        function = _function(source, node)
        if node.value is None or function is None or function.returns is None:
            continue
        result = _result(source.code(function.returns.annotation))
        said = source.code(node.value)
        for parameter in function.params.params:
            annotation = parameter.annotation
            name = parameter.name.value
            if annotation is not None and source.code(annotation.annotation) == result and name != said:
                yield source.mutant("return-input", (node.value, name))
        if result == "bool" and said not in {"True", "False"}:
            yield source.mutant("return-not", (node.value, f"not ({said})"))
        elif result.endswith("| None") and said != "None":
            yield source.mutant("return-nothing", (node.value, "None"))


STATEMENTS: tuple[Operator, ...] = (dropped, swapped, unperformed, branch, loop, caught, returned)


def valued(source: Source, results: dict[str, str]) -> Iterator[Mutant]:
    """An effect does not happen, and its result is the empty one of its type: `done = yield from Marked(…)` gives no mark.

    `results` are the types of the results, by the names of effects and programs.
    """
    for node in running(source, cst.Yield):
        if not isinstance(node.value, cst.From) or not isinstance(node.value.item, cst.Call):
            continue
        if isinstance(source.parent(node), cst.Expr):
            continue
        for nothing in _empty(results.get(called(node.value.item), "")):
            yield source.mutant("drop-effect", (node, nothing))


def _empty(kind: str) -> tuple[str, ...]:
    if kind.startswith("tuple["):
        return ("()",)
    return ("None",) if kind.endswith("| None") else _NOTHING.get(kind, ())


def _no_effect(source: Source, line: cst.CSTNode) -> str:
    """What to write for an effect: nothing, but a function without any effect would be no program."""
    function = _function(source, line)
    others = 0 if function is None else sum(1 for node in _walk(function) if is_effect(node))
    return "pass" if others > 1 else "yield from ()"


def _walk(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    yield node
    for child in node.children:
        yield from _walk(child)


def _is_told(call: cst.Call) -> bool:
    name = called(call).split(".")
    return any(part in TOLD for part in name) or name[-1] == "__init__"


def _changes_state(statement: cst.BaseSmallStatement) -> bool:
    """Whether a statement changes an object, or adds to a number."""
    match statement:
        case cst.AugAssign():
            return True
        case cst.Assign(targets=targets):
            return all(isinstance(each.target, cst.Attribute | cst.Subscript) for each in targets)
        case cst.Del(target=cst.Subscript()):
            return True
    return False


def _acts(line: cst.CSTNode) -> bool:
    statement = only_statement(line)
    if statement is None or isinstance(statement, cst.Return | cst.Raise):
        return False
    if has_effect(statement):
        return True
    if isinstance(statement, cst.Expr):
        return isinstance(statement.value, cst.Call) and not _is_told(statement.value)
    return _changes_state(statement)


def _only_assigns(line: cst.CSTNode) -> bool:
    return isinstance(only_statement(line), cst.Assign) and not has_effect(line)


def _needs(one: cst.CSTNode, other: cst.CSTNode) -> bool:
    """Whether one statement reads a name that the other gives."""
    statement = only_statement(other)
    if statement is None or _changes_state(statement):
        return False
    return bool(assigned(statement) & names_in(one))


def _function(source: Source, node: cst.CSTNode) -> cst.FunctionDef | None:
    at = source.parent(node)
    while at is not None and not isinstance(at, cst.FunctionDef):
        at = source.parent(at)
    return at


def _result(annotation: str) -> str:
    """What a function with this annotation returns, a program's result included."""
    return annotation[len("Program[") : -1] if annotation.startswith("Program[") else annotation


def _column(source: Source, node: cst.CSTNode) -> int:
    depth = 0
    at = source.parent(node)
    while at is not None:
        depth += isinstance(at, cst.IndentedBlock)
        at = source.parent(at)
    return 4 * depth
