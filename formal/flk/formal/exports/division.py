"""Division for languages that round to zero, as C does. Ours rounds down, as Python does; they agree where nothing is negative."""

from dataclasses import replace

from flk.formal.exports.intervals import Values, interval
from flk.formal.exports.trees import rebuilt
from flk.formal.language.nodes import Arithmetic, Node, Operator


def rounded_to_zero(node: Node, values: Values) -> Node:
    """A tree that means, where // and % round to zero, what the given one means where they round down."""
    changed = rebuilt(node, lambda part: rounded_to_zero(part, values))
    if not isinstance(node, Arithmetic) or not isinstance(changed, Arithmetic):
        return changed
    signless = interval(node.left, values)[0] >= 0 and interval(node.right, values)[0] >= 0
    return changed if signless else _corrected(changed)


def _corrected(node: Arithmetic) -> Node:
    """The remainder gets the sign of the divisor when the divisor is added and taken out again; the quotient follows from it."""
    if node.operator not in {Operator.DIVIDE, Operator.REMAINDER}:
        return node
    remainder = replace(node, operator=Operator.REMAINDER)
    shifted = replace(node, operator=Operator.PLUS, left=remainder)
    floored = replace(node, operator=Operator.REMAINDER, left=shifted)
    if node.operator is Operator.REMAINDER:
        return floored
    return replace(node, left=replace(node, operator=Operator.MINUS, right=floored))
