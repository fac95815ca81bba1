"""Signatures over the canonical bytes, and the keys that make and check them (SIGN-*).

No pre-hash: HMAC-SHA256 and Ed25519 both take the canonical bytes as they are (SIGN-1).
"""

import binascii
from collections.abc import Iterable, Mapping
from enum import StrEnum
from hmac import compare_digest
from typing import Protocol

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from flk.model.record.canonical import FIXED, Profile, Signed, canonical_bytes
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


class HmacKey:
    """A shared secret for HMAC-SHA256 (SIGN-2, RFC 2104): it signs, and it verifies.

    The keyed state is prepared once and copied for each message.

    >>> key = HmacKey(b"secret")
    >>> key.verifies(b"message", key.sign(b"message")), key.verifies(b"another", key.sign(b"message"))
    (True, False)
    """

    def __init__(self, secret: bytes) -> None:
        self._keyed = HMAC(secret, SHA256())

    def sign(self, message: bytes) -> bytes:
        """The 32-byte MAC of `message`."""
        mac = self._keyed.copy()
        mac.update(message)
        return mac.finalize()

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Compares in constant time (SIGN-5)."""
        return compare_digest(self.sign(message), signature)


class Ed25519PublicKey:
    """32 raw bytes of an Ed25519 public key (SIGN-3, RFC 8032). Raises ValueError for another length."""

    def __init__(self, raw: bytes) -> None:
        self._key = VerifyKey(raw)

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Pure Ed25519, without a pre-hash."""
        try:
            self._key.verify(message, signature)
        except (BadSignatureError, ValueError):
            return False
        return True


class Ed25519PrivateKey:
    """32 raw bytes of an Ed25519 seed (SIGN-3, RFC 8032). Raises ValueError for another length."""

    def __init__(self, seed: bytes) -> None:
        self._key = SigningKey(seed)

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature of `message`."""
        return self._key.sign(message).signature

    def public(self) -> bytes:
        """The 32 raw bytes that verifiers need."""
        return bytes(self._key.verify_key)


class LiveKey:
    """A key and the wall times in seconds, from inclusive and until exclusive, between which it counts (SIGN-4)."""

    def __init__(self, key: Key, not_before: float = 0.0, not_after: float = float("inf")) -> None:
        self.key = key
        self.not_before = not_before
        self.not_after = not_after

    @property
    def bounds(self) -> tuple[float, float]:
        """When the key begins and ceases to count."""
        return self.not_before, self.not_after

    def is_live(self, at: float) -> bool:
        """Whether the key counts for a record logged at wall time `at`."""
        return self.not_before <= at < self.not_after


class Keyring:
    """The keys of each tenant, several of them live while they rotate (SIGN-4), and the canonical forms it accepts (C14N-6)."""

    def __init__(self, keys: Mapping[str, Iterable[LiveKey]], profiles: Iterable[Profile] = (FIXED,)) -> None:
        self._keys = {tenant: tuple(live) for tenant, live in keys.items()}
        self._key_changes = {
            tenant: tuple(sorted({at for key in live for at in key.bounds})) for tenant, live in self._keys.items()
        }
        self._profiles = tuple(profiles)

    def authenticate(self, tenant: str, record: Signed, sig: str, at: float) -> bytes:
        """The record's canonical bytes, if a key of `tenant` that is live at wall time `at` made `sig` over the record.

        Raises Unauthenticated if none did. The time is that of the log entry, so a replay years later comes to the same answer.
        """
        signature = _decode_base64(sig)
        canonical = canonical_bytes(record)
        for profile in self._profiles:
            message = canonical if profile is FIXED else canonical_bytes(record, profile)
            for live in self._keys.get(tenant, ()):
                if live.is_live(at) and live.key.verifies(message, signature):
                    return canonical
        raise Unauthenticated("SIGN-6", "no live key of this tenant made this signature", field="sig")

    def key_changes(self, tenant: str) -> tuple[float, ...]:
        """The wall times, in order, at which a key of `tenant` begins or ceases to count."""
        return self._key_changes.get(tenant, ())


def sign(key: Signer, record: Signed, profile: Profile = FIXED) -> str:
    """The value of `sig`: standard base64, padded, of the signature over the canonical bytes."""
    return _base64(key.sign(canonical_bytes(record, profile)))


def _base64(raw: bytes) -> str:
    return binascii.b2a_base64(raw, newline=False).decode()


def _decode_base64(sig: str) -> bytes:
    """Raises Unauthenticated unless `sig` is the one canonical, padded base64 text of some bytes."""
    try:
        signature = binascii.a2b_base64(sig)
    except ValueError:
        signature = b""
    if not signature or _base64(signature) != sig:
        raise Unauthenticated("SIGN-6", "sig is not the standard base64, with padding, of a signature", field="sig")
    return signature
