"""The state graph of a finished search: states by number, and the steps between them as arrays."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from flk.formal.explicit.expression import Expression, Op
from flk.formal.explicit.ground import Ground
from flk.formal.explicit.interpreter import Interpreter
from flk.formal.explicit.schema import State
from flk.formal.explicit.search import Search

Numbers: TypeAlias = NDArray[np.int64]
Truths: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True)
class Graph:
    """States in the order of their layers, ascending within each, and steps from state to state.

    `source`, `target` and `instance` run in parallel, one entry for each step; `instance` is a position in the schema's instances.
    """

    states: Sequence[State]
    source: Numbers
    target: Numbers
    instance: Numbers

    @cached_property
    def codes(self) -> Numbers:
        """The codes of the states: a row for each cell, a column for each state."""
        return np.array(self.states, np.int64).reshape(len(self.states), -1).T


GraphOf: TypeAlias = Callable[[Ground, Search], Graph]
"""What makes the graph of a search that is complete and did not use symmetry."""


def interpreted(ground: Ground, search: Search) -> Graph:
    """The graph as the interpreter sees it."""
    interpreter = Interpreter(ground.schema)
    states = [state for depth in range(len(search.layers)) for state in search.states(depth)]
    number = {state: n for n, state in enumerate(states)}
    position = {instance: n for n, instance in enumerate(ground.schema.instances)}
    steps = [(n, number[after], position[i]) for n, state in enumerate(states) for i, after in interpreter.steps(state)]
    source, target, instance = np.array(steps, np.int64).reshape(-1, 3).T
    return Graph(states, source, target, instance)


def depths(search: Search) -> Numbers:
    """The depth of each state of the search's graph."""
    return np.repeat(np.arange(len(search.layers), dtype=np.int64), np.array(search.layers, np.int64))


def truths(expression: Expression, graph: Graph) -> Truths:
    """In which states a truth holds."""
    values = np.asarray(_values(expression, graph.codes, {}))
    return np.broadcast_to(values, len(graph.states)).astype(np.bool_)


def _values(expression: Expression, codes: Numbers, known: dict[int, Numbers]) -> Numbers:
    """The values of an expression, one for each state; common parts are computed once."""
    if id(expression) not in known:
        known[id(expression)] = _value(expression, codes, [_values(part, codes, known) for part in expression.parts])
    return known[id(expression)]


def _value(expression: Expression, codes: Numbers, parts: Sequence[Numbers]) -> Numbers:
    match expression.op:
        case Op.TRUTH | Op.NUMBER:
            return np.array(expression.value, np.int64)
        case Op.CODE:
            return np.asarray(codes[expression.value])
        case Op.ITE:
            return np.asarray(np.where(parts[0], parts[1], parts[2]))
        case Op.AND:
            return np.asarray(np.logical_and.reduce(np.broadcast_arrays(*parts)), np.int64)
        case Op.OR:
            return np.asarray(np.logical_or.reduce(np.broadcast_arrays(*parts)), np.int64)
        case Op.DIVIDE | Op.REMAINDER:
            return _divided(expression.op, parts[0], parts[1])
        case op:
            return np.asarray(_PLAIN[op](*parts), np.int64)


_PLAIN: dict[Op, Callable[..., object]] = {
    Op.NOT: np.logical_not,
    Op.EQUAL: np.equal,
    Op.LESS: np.less,
    Op.AT_MOST: np.less_equal,
    Op.PLUS: np.add,
    Op.MINUS: np.subtract,
    Op.TIMES: np.multiply,
}


def _divided(op: Op, left: Numbers, right: Numbers) -> Numbers:
    """Rounded down as in Python; 0 for a divisor of 0."""
    safe = np.where(right == 0, 1, right)
    return np.where(right == 0, 0, left // safe if op is Op.DIVIDE else left % safe)
