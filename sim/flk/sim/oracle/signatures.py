"""Whether a signature counts (SIGN-*): which keys a tenant has, from when until when, and what they make of a record."""

import hmac
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Mapping, Sequence
from math import inf
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from flk.sim.oracle.records import Record, canonical


class Key(NamedTuple):
    """A key of a tenant: `hmac-sha256` with its secret or `ed25519` with its public key, and the wall times in seconds since 1970
    at which it begins and ceases to count (SIGN-4).
    """

    algorithm: str
    material: bytes
    not_before: float = 0.0
    not_after: float = inf


Keys = Mapping[str, Sequence[Key]]
"""By tenant."""


def is_authentic(
    keys: Keys, tenant: str, record: Record, at: float, profiles: Sequence[str] = ("fixed9", "judged")
) -> bool:
    """Whether a key of the tenant that is live at wall time `at`, that of the log entry, made the record's signature."""
    signature = _decoded(record["sig"])
    if signature is None:
        return False
    live = [key for key in keys.get(tenant, ()) if key.not_before <= at < key.not_after]
    messages = [canonical(record, profile) for profile in profiles]
    return any(made(key, message, signature) for key in live for message in messages)


def made(key: Key, message: bytes, signature: bytes) -> bool:
    """Whether the signature of a message is this key's (SIGN-2, SIGN-3)."""
    if key.algorithm == "hmac-sha256":
        return hmac.new(key.material, message, "sha256").digest() == signature
    if is_weak(key.material) or is_weak(signature[:32]):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key.material).verify(signature, message)
    except InvalidSignature:
        return False
    return True


P = 2**255 - 19
EIGHTH = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
SMALL_ORDER = {0, 1, P - 1, EIGHTH, P - EIGHTH}
"""The second coordinates of the points of order 4, 1, 2 and 8 (SIGN-3)."""


def is_weak(encoded: bytes) -> bool:
    """Whether an encoded point has small order, or a coordinate that another encoding has, too (SIGN-3)."""
    y = int.from_bytes(encoded, "little") % 2**255
    return y >= P or y in SMALL_ORDER


def _decoded(text: str) -> bytes | None:
    """The bytes that a text spells in the one way that counts (SIGN-6)."""
    try:
        signature = b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, Error):
        return None
    return signature if b64encode(signature).decode() == text else None
