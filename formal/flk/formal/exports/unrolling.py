"""Trees without quantifiers, for languages that have none: each value of the bound local is written out."""

from collections.abc import Mapping
from functools import reduce

from flk.formal.exports.intervals import Values
from flk.formal.exports.trees import rebuilt
from flk.formal.language.nodes import (
    Arithmetic,
    Choice,
    Constant,
    Joined,
    Junction,
    Local,
    Node,
    Operator,
    Quantified,
    Quantifier,
)
from flk.formal.language.sorts import BOOL, INTEGER


def unrolled(node: Node, env: Mapping[str, Node], values: Values) -> Node:
    """The same tree with locals replaced as `env` says, and no quantifiers: junctions, and sums for counts."""
    if isinstance(node, Local):
        return env.get(node.name, node)
    if not isinstance(node, Quantified):
        return rebuilt(node, lambda part: unrolled(part, env, values))
    local = node.local
    cases = [
        unrolled(node.body, {**env, local.name: Constant(local.sort, value)}, values) for value in values(local.sort)
    ]
    if node.quantifier is Quantifier.COUNT:
        ones: list[Node] = [Choice(INTEGER, case, Constant(INTEGER, 1), Constant(INTEGER, 0)) for case in cases]
        return reduce(lambda total, one: Arithmetic(INTEGER, Operator.PLUS, total, one), ones)
    junction = Junction.AND if node.quantifier is Quantifier.FORALL else Junction.OR
    return joined(junction, cases)


def joined(junction: Junction, cases: list[Node]) -> Node:
    """The junction of some truths, or the only one of them."""
    return cases[0] if len(cases) == 1 else Joined(BOOL, junction, tuple(cases))
