"""Numbers as text, and the bytes that are signed (C14N-*)."""

from flk.conformance.operations.forms import Bits, EightFields, Form, Real
from flk.model.record import canonical as model
from flk.model.record.canonical import Profile


class OneReal(Form, frozen=True):
    """A real."""

    x: Real
    bits: dict[str, Bits]


class CanonicalInput(Form, frozen=True):
    """The signed fields of a record, unchecked, and the form they take."""

    record: EightFields
    profile: Profile
    bits: dict[str, Bits]


def fixed9(given: OneReal) -> str:
    """`x` with nine fractional digits, as profile `fixed9` writes it."""
    return model.fixed9(float(given.x))


def canonical(given: CanonicalInput) -> str:
    """The canonical bytes, which are UTF-8, as a text."""
    return model.canonical_bytes(given.record.signed(), given.profile).decode()
