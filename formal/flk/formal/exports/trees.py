"""Rewriting of expression trees."""

from collections.abc import Callable
from dataclasses import replace

from flk.formal.language.nodes import (
    Arithmetic,
    Choice,
    Compared,
    Constant,
    Defined,
    Joined,
    Local,
    Node,
    Not,
    Quantified,
    Read,
)


def rebuilt(node: Node, change: Callable[[Node], Node]) -> Node:
    """The node with each child changed."""
    match node:
        case Constant() | Local():
            return node
        case Read(_, indices) | Defined(_, _, indices):
            return replace(node, indices=tuple(map(change, indices)))
        case Not(_, part):
            return replace(node, part=change(part))
        case Joined(_, _, parts):
            return replace(node, parts=tuple(map(change, parts)))
        case Choice(_, condition, then, other):
            return replace(node, condition=change(condition), then=change(then), other=change(other))
        case Compared(_, _, left, right) | Arithmetic(_, _, left, right):
            return replace(node, left=change(left), right=change(right))
        case Quantified(_, _, _, body):
            return replace(node, body=change(body))
