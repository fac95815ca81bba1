"""A cutover that trusts the copy."""

from flk.formal.language import require
from flk.formal.library.design import Design
from flk.formal.library.protocols import migration
from flk.formal.library.protocols.migration import Phase, phase, working

protocol = migration.protocol.variant(
    "cutover-without-verification",
    """Writes are dual and the copier reported no error, so verification is a formality that always passes. A key the copier has
    not come to, or skipped, was answered long ago; after cutover the new shard judges it as new.""",
)


@protocol.action()
def verify() -> None:
    """The migrator takes the copy as verified."""
    require(working, phase == Phase.dual)
    phase.next = Phase.verified


design = Design(protocol, "no_answer_is_forgotten", ("MIG-3",), "17.1", {"Key": 1})
