"""Policies: what is one, what names it, who vouches for it, and whom it judges (POL-1 to POL-5, POL-7, POL-12)."""

from typing import Annotated

from msgspec import Meta

from flk.conformance.operations.forms import Form
from flk.conformance.operations.trees import Hash
from flk.model.log.frames import Stated
from flk.model.log.hlc import ZERO
from flk.model.policies import document as model
from flk.model.policies.document import LIMITS, Policy, canonical_policy, policy_digest
from flk.model.policies.reading import DOCUMENT, read
from flk.model.policies.ruling import part_of
from flk.model.policies.signing import require_signed, signed_policy
from flk.model.policies.trust import Trust, Unvouched
from flk.model.record.signing import Ed25519PrivateKey, Ed25519PublicKey
from flk.model.refusal import Malformed


class Document(Form, frozen=True):
    """The file of a policy: `document` as text, or `document_base64` where it is not UTF-8."""

    document: str = ""
    document_base64: bytes = b""

    def content(self) -> bytes:
        """The bytes."""
        return self.document_base64 or self.document.encode()

    def policy(self) -> Policy:
        """The policy in it. Raises Malformed if there is none."""
        found = read(self.content()).policy
        if found is None:
            raise Malformed("POL-1", "this is no policy")
        return found


class Named(Form, frozen=True):
    """What is signed of a policy, as a text, and what names it."""

    canonical: str
    digest: Hash


class Fault(Form, frozen=True):
    """A field with a mistake, and the line, from 1 on, on which its key stands."""

    line: int
    field: str


class UnsignedPolicy(Document, frozen=True, kw_only=True):
    """A policy, and the 32-byte seed of the key that is to sign it."""

    secret: bytes


class SignedPolicy(Document, frozen=True, kw_only=True):
    """A policy that says who signed it, and the public keys for policies by their ids."""

    keys: dict[str, bytes]


class StagedFor(Form, frozen=True):
    """The version of a staged policy, the parts of the tenants that it is staged for, and one of them."""

    version: str
    share: Annotated[int, Meta(ge=0, le=LIMITS.share_parts)]
    tenant: str


class StatedPolicies(Form, frozen=True):
    """The payload of a segment's policy frame, the public keys for policies by their ids, and a tenant."""

    stated: str
    keys: dict[str, bytes]
    tenant: str


def policy(given: Document) -> Named:
    """The canonical bytes, which are UTF-8, as a text, and the digest; error POL-1 for what is no policy, whatever is wrong."""
    found = given.policy()
    return Named(canonical_policy(found).decode(), policy_digest(found))


def policy_mistakes(given: Document) -> list[Fault]:
    """Every field with a mistake, once, in the order of the lines and of the names on one line; none of a policy."""
    mistakes = {(1 if each.field == DOCUMENT else each.line, each.field) for each in read(given.content()).mistakes}
    return [Fault(line, field) for line, field in sorted(mistakes)]


def earlier_policy_digest(given: Document) -> Hash:
    """The digest by which the earlier system named a policy."""
    return model.earlier_digest(given.policy())


def sign_policy(given: UnsignedPolicy) -> str:
    """The value of `signature`."""
    return signed_policy(given.policy(), "kit", Ed25519PrivateKey(given.secret)).signature


def authenticate_policy(given: SignedPolicy) -> bool:
    """True; error POL-5 unless the key that a policy names made its signature."""
    require_signed(given.policy(), {name: Ed25519PublicKey(key) for name, key in given.keys.items()})
    return True


def judging_policy(given: StatedPolicies) -> str:
    """The version of the policy that judges the tenant's records in a segment that states this; error POL-9 for what states no
    policies, POL-5 where one of them is not signed by a key that is known, else POL-2 where one has a mistake.
    """
    trust = Trust({name: Ed25519PublicKey(key) for name, key in given.keys.items()})
    try:
        return trust.ruling(Stated(ZERO, given.stated.encode())).of(given.tenant).version
    except Unvouched as doubt:
        raise ValueError(str(doubt)) from None  # it names the requirement


def policy_share(given: StagedFor) -> bool:
    """Whether the staged policy judges the tenant's records."""
    return part_of(given.version, given.tenant) < given.share
