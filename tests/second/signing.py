"""Signatures and keys (SIGN-1 to SIGN-4, SIGN-6, SIGN-7)."""

import base64
from collections.abc import Mapping, Sequence
from fractions import Fraction
from hashlib import sha256
from typing import Any

from . import ed25519
from .canonical import canonical
from .texts import Broken


def sign(record: Mapping[str, Any], algorithm: str, secret: bytes, profile: str) -> str:
    """The value of `sig`: the canonical bytes themselves are signed (SIGN-1)."""
    message = canonical(record, profile)
    signature = hmac_sha256(secret, message) if algorithm == "hmac-sha256" else ed25519.sign(secret, message)
    return base64.b64encode(signature).decode()


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """RFC 2104 with SHA-256, whose blocks have 64 bytes (SIGN-2)."""
    key = (sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
    inner = sha256(bytes(byte ^ 0x36 for byte in key) + message).digest()
    return sha256(bytes(byte ^ 0x5C for byte in key) + inner).digest()


def authenticate(
    record: Mapping[str, Any],
    sig: str,
    tenant: str,
    at: Fraction,
    keys: Mapping[str, Sequence[Mapping[str, Any]]],
    profiles: Sequence[str],
) -> bool:
    """True if a key of the tenant's own (SIGN-7), live at `at` (SIGN-4), made `sig` under an accepted profile; else SIGN-6."""
    signature = one_spelling(sig)
    live = [key for key in keys.get(tenant, ()) if is_live(key, at)]
    for profile in profiles:
        message = canonical(record, profile)
        if signature is not None and any(_made(key, message, signature) for key in live):
            return True
    raise Broken("SIGN-6", "sig")


def one_spelling(sig: str) -> bytes | None:
    """The bytes that a text of standard base64 stands for, if it is the one that RFC 4648 writes for them (SIGN-6)."""
    try:
        signature = base64.b64decode(sig, validate=True)
    except ValueError:
        return None
    return signature if base64.b64encode(signature).decode() == sig else None


def is_live(key: Mapping[str, Any], at: Fraction) -> bool:
    """Whether the key counts at that time (SIGN-4)."""
    not_after = key.get("not_after")
    return Fraction(key.get("not_before", 0)) <= at and (not_after is None or at < Fraction(not_after))


def _made(key: Mapping[str, Any], message: bytes, signature: bytes) -> bool:
    secret = base64.b64decode(key["key"])
    if key["algorithm"] == "hmac-sha256":
        return hmac_sha256(secret, message) == signature
    return ed25519.verify(secret, message, signature)
