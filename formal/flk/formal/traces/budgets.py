"""Protocols without the budgets that keep their state spaces small: real runs have as many troubles as they have."""

from dataclasses import replace

from flk.formal.language.nodes import Node, Read, children
from flk.formal.language.protocol import Protocol

BUDGETS = {"ingest": frozenset({"trouble"}), "replication": frozenset({"rebuilt"})}
"""By protocol, the variables that only count how much trouble there has been."""


def unlimited(protocol: Protocol) -> Protocol:
    """The protocol without the guards that only read its budgets. Traces are validated against this."""
    budgets = BUDGETS.get(protocol.name, frozenset())
    if not budgets:
        return protocol
    free = protocol.variant(protocol.name, protocol.story, protocol.requirements)
    for name, action in protocol.actions.items():
        kept = tuple(guard for guard in action.guards if not _reads(guard) or not _reads(guard) <= budgets)
        free.actions[name] = replace(action, guards=kept)
    return free


def _reads(node: Node) -> set[str]:
    own = {node.variable.name} if isinstance(node, Read) else set()
    return own.union(*(_reads(child) for child in children(node)))
