"""Making and checking signatures (SIGN-*)."""

from flk.conformance.operations.forms import Bits, EightFields, Form, Keys, SecretKey, keyring
from flk.model.record import signing as model
from flk.model.record.canonical import Profile


class SignInput(Form, frozen=True):
    """The signed fields of a record, the key, and the form that is signed."""

    record: EightFields
    key: SecretKey
    profile: Profile
    bits: dict[str, Bits]


class AuthenticateInput(Form, frozen=True):
    """The signed fields of a record, its `sig`, who submits it, when it was logged, all tenants' keys and the forms accepted."""

    record: EightFields
    sig: str
    tenant: str
    at: float
    keys: Keys
    profiles: tuple[Profile, ...]


def sign(given: SignInput) -> str:
    """The value of `sig`."""
    return model.sign(given.key.signer(), given.record.signed(), given.profile)


def authenticate(given: AuthenticateInput) -> bool:
    """True; error SIGN-6 unless a key of the tenant that is live at `at` made `sig`."""
    ring = keyring(given.keys, given.profiles)
    ring.authenticate(given.tenant, given.record.signed(), given.sig, given.at)
    return True
