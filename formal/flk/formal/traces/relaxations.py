"""Protocols as they are validated: without the guards that only bound exploration."""

from collections.abc import Mapping
from dataclasses import replace

from flk.formal.language.action import Action
from flk.formal.language.nodes import Node, Read, children
from flk.formal.language.protocol import Protocol
from flk.formal.language.text import text

BOUNDS_OF_TROUBLE: Mapping[str, frozenset[str]] = {
    "ingest": frozenset({"trouble"}),
    "replication": frozenset({"rebuilt", "rotted", "again"}),
}
"""By protocol, the variables that count how much trouble there has been. Guards that read nothing else bound it: real runs have as
much as they have.
"""

BOUNDS_OF_IDLENESS: Mapping[str, Mapping[str, str]] = {
    "replication": {"seal": "exists k: exists s: logged[n, g, k, s]"},
}
"""By protocol and action, the guard that keeps exploration from what makes no difference. Real segments may hold refused frames
alone.
"""

REPETITIONS: Mapping[str, Mapping[str, str]] = {
    "replication": {
        "upload": "not shipped[n, g]",
        "mark_shipped": "not shipped[n, g]",
        "mark_replayed": "not replayed[n, p, g]",
    }
}
"""By protocol and action, the guard without which the step could be repeated and then change nothing. Real nodes repeat it: a
watermark that was set just before a crash may not have reached the disk.
"""

ONLY_FOR_PROPERTIES: Mapping[str, frozenset[str]] = {"shared-store": frozenset({"followed"})}
"""By protocol, variables that only properties read, and that cost more with every step. Nobody can see them."""


def unlimited(protocol: Protocol) -> Protocol:
    """The protocol, or variant of one, without its bounds, and with repetitions that change nothing.

    Nor does it assume anything of how it begins: what protocols of the lab assume only excludes what differs by names.
    """
    origin = origin_of(protocol).name
    bounds, unseen = BOUNDS_OF_TROUBLE.get(origin, frozenset()), ONLY_FOR_PROPERTIES.get(origin, frozenset())
    if not bounds and not unseen:
        return protocol
    needless = [table.get(origin, {}) for table in (BOUNDS_OF_IDLENESS, REPETITIONS)]
    free = protocol.variant(protocol.name, protocol.story, protocol.requirements)
    free.assumptions.clear()
    for name, action in protocol.actions.items():
        kept = tuple(update for update in action.updates if update.variable.name not in unseen)
        trimmed = _without(action, bounds, {table[name] for table in needless if name in table})
        free.actions[name] = replace(trimmed, updates=kept)
    return free


def origin_of(protocol: Protocol) -> Protocol:
    """The protocol that a variant is one of, at last; itself, if it is none."""
    return protocol if protocol.base is None else origin_of(protocol.base)


def _without(action: Action, bounds: frozenset[str], needless: set[str]) -> Action:
    kept = (guard for guard in action.guards if not (_reads(guard) and _reads(guard) <= bounds))
    return replace(action, guards=tuple(guard for guard in kept if text(guard) not in needless))


def _reads(node: Node) -> set[str]:
    own = {node.variable.name} if isinstance(node, Read) else set[str]()
    return own.union(*(_reads(child) for child in children(node)))
