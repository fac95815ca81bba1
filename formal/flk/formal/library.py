"""The protocols of the lab, by name."""

from flk.formal.language import Protocol
from flk.formal.protocols import audit, ingest, migration, outbox, replication, tiering, two_phase_commit

PROTOCOLS: dict[str, Protocol] = {
    module.protocol.name: module.protocol
    for module in (ingest, replication, outbox, migration, tiering, audit, two_phase_commit)
}
"""Each protocol, in the order in which they are shown."""


def has_property(name: str) -> bool:
    """Whether `PROTOCOL/PROPERTY` names a property of a protocol."""
    protocol, _, property_ = name.partition("/")
    return protocol in PROTOCOLS and property_ in PROTOCOLS[protocol].properties
