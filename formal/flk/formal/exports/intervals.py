"""Bounds of the values of number expressions, read off the tree."""

from collections.abc import Callable

from flk.formal.language.nodes import Arithmetic, Choice, Constant, Node, Operator, Quantified
from flk.formal.language.sorts import Sort

Values = Callable[[Sort], range]


def interval(node: Node, values: Values) -> tuple[int, int]:
    """The least and the greatest value that the expression could have; generous for // and %."""
    match node:
        case Constant(_, value):
            return value, value
        case Choice(_, _, then, other):
            (a, b), (c, d) = interval(then, values), interval(other, values)
            return min(a, c), max(b, d)
        case Arithmetic(_, operator, left, right):
            return _calculated(operator, interval(left, values), interval(right, values))
        case Quantified(_, _, local, _):
            return 0, len(values(local.sort))
        case _:
            reach = values(node.sort)
            return reach.start, reach.stop - 1


def _calculated(operator: Operator, left: tuple[int, int], right: tuple[int, int]) -> tuple[int, int]:
    match operator:
        case Operator.PLUS:
            return left[0] + right[0], left[1] + right[1]
        case Operator.MINUS:
            return left[0] - right[1], left[1] - right[0]
        case Operator.TIMES:
            corners = [a * b for a in left for b in right]
            return min(corners), max(corners)
        case Operator.DIVIDE:
            reach = max(map(abs, left)) + 1
            return (0, left[1]) if left[0] >= 0 and right[0] >= 0 else (-reach, reach)
        case Operator.REMAINDER:
            return (min(0, right[0])), (max(0, right[1]))
