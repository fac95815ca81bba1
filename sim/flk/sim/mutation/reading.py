"""Reading Python source for mutation: the nodes that run, and small questions about them."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import TypeAlias, TypeVar

import libcst as cst

from flk.formal.mutation.mutant import Mutant
from flk.formal.mutation.source import Source

Operator: TypeAlias = Callable[[Source], Iterator[Mutant]]
"""A rule: all mutants that it makes of a source."""

N = TypeVar("N", bound=cst.CSTNode)

_MESSAGES = (cst.Raise, cst.Assert, cst.FormattedString, cst.ConcatenatedString)
_NOT_RUN = (cst.Annotation, cst.Decorator, cst.Import, cst.ImportFrom, cst.AsName)


def running(source: Source, kind: type[N]) -> Iterator[N]:
    """The nodes of a kind that decide what the module does, in the order of the text.

    Left out are annotations and type aliases, decorators, imports, assertions, and what only goes into a message.
    """
    return (node for node in _all_running(source) if isinstance(node, kind))


@lru_cache(maxsize=1)
def _all_running(source: Source) -> tuple[cst.CSTNode, ...]:
    found: list[cst.CSTNode] = []

    def visit(node: cst.CSTNode) -> None:
        found.append(node)
        if not isinstance(node, (*_NOT_RUN, *_MESSAGES)) and not _is_about_types(node):
            for child in _parts(node):
                visit(child)

    visit(source.tree)
    return tuple(found)


def blocks(source: Source) -> Iterator[tuple[cst.BaseStatement, ...]]:
    """The statements of each block, without its docstring."""
    for block in running(source, cst.IndentedBlock):
        yield tuple(each for each in block.body if not is_docstring(each))


def only_statement(line: cst.CSTNode) -> cst.BaseSmallStatement | None:
    """What stands on a line, if it is one statement."""
    return line.body[0] if isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1 else None


def is_docstring(statement: cst.CSTNode) -> bool:
    """Whether a statement is a string that nobody uses."""
    found = only_statement(statement)
    return isinstance(found, cst.Expr) and isinstance(found.value, cst.SimpleString | cst.ConcatenatedString)


def is_effect(node: cst.CSTNode) -> bool:
    """Whether an expression is `yield from …` or `yield …`."""
    return isinstance(node, cst.Yield)


def has_effect(node: cst.CSTNode) -> bool:
    """Whether there is an effect within, those of inner functions aside."""
    if isinstance(node, cst.FunctionDef | cst.Lambda):
        return False
    return is_effect(node) or any(map(has_effect, node.children))


def names_in(node: cst.CSTNode) -> frozenset[str]:
    """All names that are read or written within."""
    found = {node.value} if isinstance(node, cst.Name) else set()
    return frozenset(found).union(*map(names_in, node.children))


def assigned(statement: cst.CSTNode) -> frozenset[str]:
    """The names that a statement assigns."""
    if isinstance(statement, cst.Assign):
        return frozenset().union(*(names_in(target.target) for target in statement.targets))
    if isinstance(statement, cst.AnnAssign | cst.AugAssign):
        return names_in(statement.target)
    return frozenset()


def called(call: cst.Call) -> str:
    """The dotted text of what is called, empty if it is no name."""
    parts: list[str] = []
    node: cst.BaseExpression = call.func
    while isinstance(node, cst.Attribute):
        parts.insert(0, node.attr.value)
        node = node.value
    return ".".join([node.value, *parts]) if isinstance(node, cst.Name) else ".".join(["", *parts])


def _parts(node: cst.CSTNode) -> Sequence[cst.CSTNode]:
    """What a node consists of: of a class its body, since the rest says what kind of class it is; of a `zip` not its `strict`."""
    match node:
        case cst.ClassDef():
            return (node.body,)
        case cst.Call(func=cst.Name(value="zip")):
            return [argument for argument in node.args if argument.keyword is None]
    return node.children


def _is_about_types(node: cst.CSTNode) -> bool:
    match node:
        case cst.AnnAssign(annotation=cst.Annotation(annotation=cst.Name(value="TypeAlias"))):
            return True
        case cst.Assign(value=cst.Call(func=cst.Name(value="TypeVar" | "NewType" | "ParamSpec"))):
            return True
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value="__slots__" | "__all__"))]):
            return True
        case cst.If(test=cst.Name(value="TYPE_CHECKING")):
            return True
    return False
