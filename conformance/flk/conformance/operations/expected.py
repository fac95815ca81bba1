"""What the model expects of a question."""

from msgspec import UNSET, Raw

from flk.conformance.operations import OPERATIONS, Broken, perform
from flk.spec.vectors import Expect


def expected(operation: str, question: Raw) -> Expect:
    """The value, or the requirement that the question breaks and its field, if it has one.

    Raises whatever a mistake of ours raises.
    """
    try:
        return Expect(value=perform(OPERATIONS[operation], question))
    except Broken as broken:
        return Expect(error=broken.requirement, field=UNSET if broken.field is None else broken.field)
