"""Whether an action can happen, as a condition on the state: its guard with terms for its parameters (`ENABLED` in TLA+)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from flk.formal.language.action import Action
from flk.formal.language.nodes import (
    Arithmetic,
    Choice,
    Compared,
    Constant,
    Defined,
    Joined,
    Junction,
    Local,
    Node,
    Not,
    Quantified,
    Quantifier,
    Read,
)
from flk.formal.language.sorts import BOOL
from flk.formal.language.terms import bind


def enabled(action: Action, arguments: Mapping[str, Node]) -> Node:
    """The guard for these arguments; for some value of each parameter that has none."""
    free = {p: bind(p.sort, p.name) for p in action.parameters if p.name not in arguments}
    meant: dict[Local, Node] = {p: free[p] if p in free else arguments[p.name] for p in action.parameters}
    node: Node = Joined(BOOL, Junction.AND, _all(action.guards, meant)) if action.guards else Constant(BOOL, 1)
    for local in reversed(free.values()):
        node = Quantified(BOOL, Quantifier.EXISTS, local, node)
    return node


def _put(node: Node, meant: Mapping[Local, Node]) -> Node:
    """The tree with other nodes for some locals. What it binds gets new names, so that nothing put in is captured."""
    match node:
        case Constant():
            return node
        case Local():
            return meant.get(node, node)
        case Read(_, indices) | Defined(_, _, indices):
            return replace(node, indices=_all(indices, meant))
        case Not(_, part):
            return replace(node, part=_put(part, meant))
        case Joined(_, _, parts):
            return replace(node, parts=_all(parts, meant))
        case Choice(_, condition, then, other):
            return replace(node, condition=_put(condition, meant), then=_put(then, meant), other=_put(other, meant))
        case Compared(_, _, left, right) | Arithmetic(_, _, left, right):
            return replace(node, left=_put(left, meant), right=_put(right, meant))
        case Quantified(_, _, local, body):
            fresh = bind(local.sort, local.name.partition("'")[0])
            return replace(node, local=fresh, body=_put(body, {**meant, local: fresh}))


def _all(nodes: Sequence[Node], meant: Mapping[Local, Node]) -> tuple[Node, ...]:
    return tuple(_put(node, meant) for node in nodes)
