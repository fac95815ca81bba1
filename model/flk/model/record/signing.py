"""Signatures over the canonical bytes, and the keys that make and check them (SIGN-*).

No pre-hash: HMAC-SHA256 and Ed25519 both take the canonical bytes as they are (SIGN-1).
"""

import binascii
from collections.abc import Iterable, Mapping
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest
from typing import Protocol

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from flk.model.record.canonical import (
    ACCEPTED,
    FIXED,
    JUDGED,
    Profile,
    Signed,
    canonical_bytes,
    judged_bytes,
    says_what_is_judged,
)
from flk.model.refusal import Unauthenticated


class Algorithm(StrEnum):
    """How a key signs (SIGN-2, SIGN-3)."""

    HMAC_SHA256 = "hmac-sha256"
    ED25519 = "ed25519"


class Key(Protocol):
    """Something that can tell whether a signature is its own."""

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Whether `signature` is this key's signature of `message`; never raises for a bad one."""
        ...


class Signer(Protocol):
    """Something that signs."""

    def sign(self, message: bytes) -> bytes:
        """This key's signature of `message`."""
        ...


_BLOCK = 64  # bytes that SHA-256 takes at a time (RFC 2104, section 2)
_INNER, _OUTER = bytes(n ^ 0x36 for n in range(256)), bytes(n ^ 0x5C for n in range(256))


class HmacKey:
    """A shared secret for HMAC-SHA256 (SIGN-2, RFC 2104): it signs, and it verifies.

    The two keyed states are prepared once and copied for each message: twice as fast as `hmac`, which prepares them anew.

    >>> key = HmacKey(b"secret")
    >>> key.verifies(b"message", key.sign(b"message")), key.verifies(b"another", key.sign(b"message"))
    (True, False)
    """

    algorithm = Algorithm.HMAC_SHA256

    def __init__(self, secret: bytes) -> None:
        self.material = secret
        block = (secret if len(secret) <= _BLOCK else sha256(secret).digest()).ljust(_BLOCK, b"\0")
        self._inner, self._outer = sha256(block.translate(_INNER)).copy, sha256(block.translate(_OUTER)).copy

    def sign(self, message: bytes) -> bytes:
        """The 32-byte MAC of `message`."""
        inner, outer = self._inner(), self._outer()
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Compares in constant time (SIGN-5)."""
        return compare_digest(self.sign(message), signature)


class Ed25519PublicKey:
    """32 raw bytes of an Ed25519 public key (SIGN-3, RFC 8032): it verifies. Raises ValueError for another length.

    >>> private = Ed25519PrivateKey(bytes(range(32)))
    >>> Ed25519PublicKey(private.public()).verifies(b"message", private.sign(b"message"))
    True
    """

    algorithm = Algorithm.ED25519

    def __init__(self, raw: bytes) -> None:
        self.material = raw
        self._key = VerifyKey(raw)

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Pure Ed25519, without a pre-hash."""
        try:
            self._key.verify(message, signature)
        except (BadSignatureError, ValueError):
            return False
        return True


class Ed25519PrivateKey:
    """32 raw bytes of an Ed25519 seed (SIGN-3, RFC 8032): it signs. Raises ValueError for another length.

    >>> len(Ed25519PrivateKey(bytes(range(32))).sign(b"message"))
    64
    """

    def __init__(self, seed: bytes) -> None:
        self._key = SigningKey(seed)

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature of `message`."""
        return self._key.sign(message).signature

    def public(self) -> bytes:
        """The 32 raw bytes that verifiers need."""
        return bytes(self._key.verify_key)


class LiveKey:
    """A key and the wall times in seconds since 1970, from inclusive and until exclusive, between which it counts (SIGN-4).

    >>> LiveKey(HmacKey(b"old"), not_after=1767225600.0).bounds
    (0.0, 1767225600.0)
    """

    def __init__(self, key: Key, not_before: float = 0.0, not_after: float = float("inf")) -> None:
        self.key = key
        self.not_before = not_before
        self.not_after = not_after

    @property
    def algorithm(self) -> str:
        """How the key signs; empty if it does not say."""
        return str(getattr(self.key, "algorithm", ""))

    @property
    def material(self) -> bytes:
        """The secret or the public key, for a second implementation to verify with; empty if the key does not show it."""
        return bytes(getattr(self.key, "material", b""))

    @property
    def bounds(self) -> tuple[float, float]:
        """When the key begins and ceases to count."""
        return self.not_before, self.not_after


class Keyring:
    """The keys of each tenant, several of them live while they rotate (SIGN-4), the profiles it accepts (C14N-6, C14N-9), the keys
    for policies, by their ids (POL-5), and those by which tenants draw seeds, which sign no record (VRF-5).

    A key without a window of time counts always.

    >>> keyring = Keyring({"default": [HmacKey(b"new"), LiveKey(HmacKey(b"old"), not_after=1767225600.0)]})
    >>> keyring.key_changes("default")
    (0.0, 1767225600.0, inf)
    """

    def __init__(
        self,
        keys: Mapping[str, Iterable[LiveKey | Key]],
        profiles: Iterable[Profile] = ACCEPTED,
        policy_keys: Mapping[str, Ed25519PublicKey] | None = None,
        vrf_keys: Mapping[str, Iterable[LiveKey | Key]] | None = None,
    ) -> None:
        self._keys = _all_live(keys)
        self._vrf_keys = _all_live(vrf_keys or {})
        self._key_changes = {
            tenant: tuple(sorted({at for key in (*live, *self._vrf_keys.get(tenant, ())) for at in key.bounds}))
            for tenant, live in self._keys.items()
        }
        self.profiles = tuple(profiles)
        self.policy_keys = dict(policy_keys or {})

    @property
    def live_keys(self) -> Mapping[str, tuple[LiveKey, ...]]:
        """The keys of each tenant, with the times between which they count."""
        return self._keys

    def authenticate(self, tenant: str, record: Signed, sig: str, at: float) -> bytes:
        """The record's canonical bytes, if a key of `tenant` that is live at wall time `at` made `sig` over the record.

        Raises Unauthenticated if none did. The time is that of the log entry, so a replay years later comes to the same answer.
        """
        signature = _signature_of(sig)
        canonical = canonical_bytes(record)
        keys = self._keys.get(tenant, ())
        for profile in self.profiles:
            if profile is FIXED:
                message = canonical
            elif profile is not JUDGED:
                message = canonical_bytes(record, profile)
            elif says_what_is_judged(record):
                message = judged_bytes(record, canonical)
            else:
                continue
            for live in keys:
                if live.not_before <= at < live.not_after and live.key.verifies(message, signature):
                    return canonical
        raise unsigned()

    def vrf_keys(self, tenant: str, at: float) -> tuple[bytes, ...]:
        """The public keys by which a tenant draws seeds, of those that are live at wall time `at` (VRF-5)."""
        return tuple(live.material for live in self._vrf_keys.get(tenant, ()) if live.not_before <= at < live.not_after)

    def key_changes(self, tenant: str) -> tuple[float, ...]:
        """The wall times, in order, at which a key of `tenant` begins or ceases to count, of either kind."""
        return self._key_changes.get(tenant, ())


def _all_live(keys: Mapping[str, Iterable[LiveKey | Key]]) -> dict[str, tuple[LiveKey, ...]]:
    """The keys of each tenant with their windows of time."""
    return {
        tenant: tuple(key if isinstance(key, LiveKey) else LiveKey(key) for key in several)
        for tenant, several in keys.items()
    }


def unsigned() -> Unauthenticated:
    """What to raise if no live key of a tenant made a record's signature."""
    return Unauthenticated("SIGN-6", "no live key of this tenant made this signature", field="sig")


def sign(key: Signer, record: Signed, profile: Profile = FIXED) -> str:
    """The value of a record's `sig`: standard base64, padded, of the signature over its canonical bytes, without a pre-hash
    (SIGN-1).

    Raises ValueError for what has no canonical form.

    >>> record = summarise([[0.1, 0.2], [0.4, 0.8]], b"raw data", shard_id="s1", epoch=1, seed=7, sent_at="2026-01-01T00:00:00Z")
    >>> key = HmacKey(b"secret")
    >>> verify(key, record, sign(key, record))
    True
    """
    return _base64(key.sign(canonical_bytes(record, profile)))


def verify(key: Key, record: Signed, sig: str, profiles: Iterable[Profile] = ACCEPTED) -> bool:
    """Whether `sig` is this key's signature of the record under one of these profiles (SIGN-*); another spelling of the base64 is
    not, and eight fields alone are never signed under JUDGED.

    Raises ValueError for what has no canonical form.

    >>> record = summarise([[0.1, 0.2], [0.4, 0.8]], b"raw data", shard_id="s1", epoch=1, seed=7, sent_at="2026-01-01T00:00:00Z")
    >>> key = HmacKey(b"secret")
    >>> verify(key, record, sign(HmacKey(b"another"), record))
    False
    """
    try:
        signature = _signature_of(sig)
    except Unauthenticated:
        return False
    return any(key.verifies(canonical_bytes(record, profile), signature) for profile in _with_form(record, profiles))


def _with_form(record: Signed, profiles: Iterable[Profile]) -> Iterable[Profile]:
    """Those of the profiles by which the record can be signed."""
    return profiles if says_what_is_judged(record) else [profile for profile in profiles if profile is not JUDGED]


def _base64(raw: bytes) -> str:
    return binascii.b2a_base64(raw, newline=False).decode()


def decode_base64(text: str) -> bytes | None:
    """The bytes that a text spells in standard base64 with padding, in the one way that counts; None if it spells none (SIGN-6).

    >>> decode_base64("YQ=="), decode_base64("YR=="), decode_base64("YQ")
    (b'a', None, None)
    """
    try:
        raw = binascii.a2b_base64(text)
    except ValueError:
        return None
    return raw if _base64(raw) == text else None


def _signature_of(sig: str) -> bytes:
    """Raises Unauthenticated unless `sig` is the base64 of some bytes."""
    signature = decode_base64(sig)
    if not signature:
        raise Unauthenticated("SIGN-6", "sig is not the standard base64, with padding, of a signature", field="sig")
    return signature
