"""Deadlock in other languages: a tool's own check where the protocol may stop nowhere, an invariant where it says that it may."""

from enum import Enum, auto

from flk.formal.language.action import Action
from flk.formal.language.nodes import Constant, Joined, Junction, Node, Quantified, Quantifier
from flk.formal.language.protocol import Protocol
from flk.formal.language.sorts import BOOL

NAME = "no_deadlock"
"""Of the invariant."""


class Check(Enum):
    """How deadlock is looked for: not at all, by the tool, or by an invariant."""

    NONE = auto()
    TOOL = auto()
    INVARIANT = auto()


def check(protocol: Protocol) -> Check:
    """What the protocol's ends ask for."""
    if any(isinstance(end, Constant) and end.value for end in protocol.ends.values()):
        return Check.NONE
    return Check.INVARIANT if protocol.ends else Check.TOOL


def goes_on(protocol: Protocol) -> Node:
    """That some action can happen, or else that the protocol may stop: what is an end is read only where nothing can happen."""
    return Joined(BOOL, Junction.OR, (*map(_happens, protocol.actions.values()), protocol.end))


def _happens(action: Action) -> Node:
    guards = action.guards
    able: Node = guards[0] if len(guards) == 1 else Joined(BOOL, Junction.AND, guards) if guards else Constant(BOOL, 1)
    for parameter in reversed(action.parameters):
        able = Quantified(BOOL, Quantifier.EXISTS, parameter, able)
    return able
