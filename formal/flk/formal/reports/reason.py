"""Why a condition has the truth it has in a state: the innermost part that settles it, and the values it was settled by."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from flk.formal.explicit.interpreter import Fault, Interpreter
from flk.formal.explicit.schema import State
from flk.formal.language.nodes import Defined, Joined, Local, Node, Not, Quantified, Quantifier, Read, children
from flk.formal.language.text import show, text

MOST = 8
"""Values shown at most."""


class Reason(NamedTuple):
    """Where a condition was settled: the values of its bound locals, the deciding part, its truth, and the cells it read."""

    given: tuple[str, ...]
    part: str
    holds: bool
    cells: tuple[str, ...]

    def __str__(self) -> str:
        given = f"for {', '.join(self.given)}: " if self.given else ""
        values = f", as {', '.join(self.cells)}" if self.cells else ""
        return f"{given}{'true' if self.holds else 'false'} is {self.part}{values}"


def reason(interpreter: Interpreter, condition: Node, state: State) -> Reason:
    """Follow the truth of a condition down to the part that settles it."""
    part, locals_ = condition, dict[str, int]()
    bound: list[Local] = []
    while (below := _settles(interpreter, part, state, locals_)) is not None:
        part, local, value = below
        if local is not None:
            locals_[local.name] = value
            bound.append(local)
    given = tuple(f"{_plain(local)} = {show(local.sort, locals_[local.name])}" for local in bound)
    cells = tuple(dict.fromkeys(_cells(interpreter, part, state, locals_)))
    holds = bool(interpreter.evaluate(part, state, locals_))
    return Reason(given, text(part), holds, cells[:MOST])


def _settles(
    interpreter: Interpreter, node: Node, state: State, locals_: Mapping[str, int]
) -> tuple[Node, Local | None, int] | None:
    """The part of a node that alone settles its truth, with the value of the local that it binds; None if no single one does."""
    holds = bool(interpreter.evaluate(node, state, locals_))
    match node:
        case Joined(_, junction, parts) if holds == (junction == "or"):
            return next((p, None, 0) for p in parts if bool(interpreter.evaluate(p, state, locals_)) == holds)
        case Quantified(_, quantifier, local, body) if quantifier != "count" and holds == (
            quantifier == Quantifier.EXISTS
        ):
            for value in interpreter.schema.values(local.sort):
                if bool(interpreter.evaluate(body, state, {**locals_, local.name: value})) == holds:
                    return body, local, value
        case Not(_, part) if isinstance(part, Joined | Quantified | Not):
            below = _settles(interpreter, part, state, locals_)
            return below and (part, None, 0)
    return None


def _cells(interpreter: Interpreter, node: Node, state: State, locals_: Mapping[str, int]) -> Iterator[str]:
    """The cells that a part reads, quantified parts aside, with their values."""
    if isinstance(node, Quantified):
        return
    for child in children(node):
        yield from _cells(interpreter, child, state, locals_)
    if isinstance(node, Read | Defined):
        schema = interpreter.schema
        try:
            key = tuple(interpreter.evaluate(index, state, locals_) for index in node.indices)
        except Fault:
            return
        position = schema.position(node.variable, key)
        if position is not None:
            cell = schema.cells[position]
            yield f"{cell} = {schema.describe(cell, state[position])}"


def _plain(local: Local) -> str:
    return local.name.split("'")[0]
