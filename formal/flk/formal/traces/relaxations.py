"""Protocols as they are validated: without the guards that only bound exploration."""

from collections.abc import Mapping
from dataclasses import replace

from flk.formal.language.action import Action
from flk.formal.language.nodes import Node, Read, children
from flk.formal.language.protocol import Protocol
from flk.formal.language.text import text

BOUNDS_OF_TROUBLE: Mapping[str, frozenset[str]] = {
    "ingest": frozenset({"trouble"}),
    "replication": frozenset({"rebuilt"}),
}
"""By protocol, the variables that only count how much trouble there has been. Real runs have as much as they have."""

REPETITIONS: Mapping[str, Mapping[str, str]] = {
    "replication": {
        "upload": "not shipped[r, g]",
        "mark_shipped": "not shipped[r, g]",
        "mark_replayed": "not replayed[r, p, g]",
    }
}
"""By protocol and action, the guard without which the step could be repeated and then change nothing. Real nodes repeat it: a
watermark that was set just before a crash may not have reached the disk.
"""


def unlimited(protocol: Protocol) -> Protocol:
    """The protocol, or variant of one, without its bounds, and with repetitions that change nothing."""
    origin = origin_of(protocol).name
    bounds, repetitions = BOUNDS_OF_TROUBLE.get(origin, frozenset()), REPETITIONS.get(origin, {})
    if not bounds:
        return protocol
    free = protocol.variant(protocol.name, protocol.story, protocol.requirements)
    for name, action in protocol.actions.items():
        free.actions[name] = _without(action, bounds, repetitions.get(name, ""))
    return free


def origin_of(protocol: Protocol) -> Protocol:
    """The protocol that a variant is one of, at last; itself, if it is none."""
    return protocol if protocol.base is None else origin_of(protocol.base)


def _without(action: Action, bounds: frozenset[str], repetition: str) -> Action:
    kept = (guard for guard in action.guards if not (_reads(guard) and _reads(guard) <= bounds))
    return replace(action, guards=tuple(guard for guard in kept if text(guard) != repetition))


def _reads(node: Node) -> set[str]:
    own = {node.variable.name} if isinstance(node, Read) else set[str]()
    return own.union(*(_reads(child) for child in children(node)))
