"""Who vouches for a policy: keys that are for policies alone (POL-5)."""

from base64 import b64encode
from collections.abc import Mapping
from typing import TypeAlias

import msgspec
from msgspec import UNSET

from flk.model.policies.document import Policy, VrfMode, canonical_policy
from flk.model.record.signing import Ed25519PrivateKey, Ed25519PublicKey, decode_base64
from flk.model.refusal import Refused


class Unsigned(Refused):
    """No key for policies that is known here vouches for a policy (POL-5)."""

    def __init__(self, policy: Policy, problem: str) -> None:
        super().__init__("POL-5", f"policy {policy.version}: {problem}", field="signature")


PolicyKeys: TypeAlias = Mapping[str, Ed25519PublicKey]
"""The keys that may sign policies, by their ids."""


def signed_policy(policy: Policy, key_id: str, key: Ed25519PrivateKey) -> Policy:
    """The policy, signed with a key of that id.

    >>> from flk.model.policies.document import DEFAULT
    >>> key = Ed25519PrivateKey(bytes(32))
    >>> policy = signed_policy(DEFAULT, "ops", key)
    >>> require_signed(policy, {"ops": Ed25519PublicKey(key.public())})
    """
    signature = b64encode(key.sign(canonical_policy(policy))).decode()
    return msgspec.structs.replace(policy, signed_by=key_id, signature=signature)


def require_signed(policy: Policy, keys: PolicyKeys) -> None:
    """Return if one of the keys signed the policy. Raises Unsigned, which says what is wrong and how to mend it."""
    if not policy.signature:
        raise Unsigned(policy, "nobody signed it; `flk policy sign` does")
    key = keys.get(policy.signed_by)
    if key is None:
        known = ", ".join(sorted(keys)) or "none"
        raise Unsigned(policy, f"the key {policy.signed_by!r} is not known here (known: {known}); add it, or sign anew")
    said = canonical_policy(policy)
    if not _says_no_more(policy, said):
        raise Unsigned(policy, "it has a number with more than nine decimals, which no signature covers; write nine")
    if not key.verifies(said, decode_base64(policy.signature) or b""):
        raise Unsigned(policy, f"the signature is not one of {policy.signed_by!r} over this content; sign it anew")


def _says_no_more(policy: Policy, said: bytes) -> bool:
    """Whether the bytes that are signed say all that is judged by: they round, and a log may hold what no reader of files took."""
    mode = UNSET if policy.vrf is VrfMode.OFF else policy.vrf
    bare = msgspec.structs.replace(policy, vrf_mode=mode, signed_by="", signature="")
    return bare == msgspec.json.decode(said, type=Policy)
