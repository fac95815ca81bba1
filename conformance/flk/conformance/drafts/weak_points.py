"""Signatures of Ed25519 for which the equation holds and which SIGN-3 refuses all the same, and one that it just accepts.

The points of small order are the eight whose eighth multiple is the neutral one. Under a key A of small order the term [k]A
vanishes whenever k is a multiple of eight, so anybody finds R and S for any message.
"""

from collections.abc import Iterator
from hashlib import sha256, sha512
from itertools import count

from flk.model.record.signing import Ed25519PrivateKey

FIELD = 2**255 - 19
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
"""The order of the base point: adding it to S gives another number that the same equation holds for."""

_SIGN = 1 << 255
_EIGHTH = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER = {
    "order-1": 1,
    "order-2": FIELD - 1,
    "order-4": 0,
    "order-4-negative": _SIGN,
    "order-8": _EIGHTH,
    "order-8-negative": _EIGHTH | _SIGN,
    "order-8-other": FIELD - _EIGHTH,
    "order-8-other-negative": (FIELD - _EIGHTH) | _SIGN,
}
_NOT_CANONICAL = {
    "order-1-signed-zero": 1 | _SIGN,
    "order-1-unreduced": FIELD + 1,
    "order-1-unreduced-signed-zero": (FIELD + 1) | _SIGN,
    "order-2-signed-zero": (FIELD - 1) | _SIGN,
    "order-4-unreduced": FIELD,
    "order-4-unreduced-negative": FIELD | _SIGN,
}
SMALL_ORDER = {slug: number.to_bytes(32, "little") for slug, number in (_SMALL_ORDER | _NOT_CANONICAL).items()}
"""Every encoding of a point of small order; the last six are not the canonical ones."""

MIXED_SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
MIXED = bytes.fromhex("9158312a9a8d6e3b34c891d6d61444f8b8211c5117ebad15bdb0bd68b07e0245")
"""The public key of that seed, test 1 of RFC 8032, section 7.1, plus a point of order eight: of large order, and of no seed."""


def under(key: bytes, message: bytes, secret: int = 0, *, cofactorless: bool = True) -> bytes:
    """R and S for which the equation holds under `key`, the point of `secret` plus one of small order: the equation without the
    cofactor, or only that with it.
    """
    for nonce in (sha256(b"%d" % n).digest() for n in count()):
        R = Ed25519PrivateKey(nonce).public()
        k = challenge(R, key, message)
        if (k % 8 == 0) == cofactorless:
            return R + ((scalar(nonce) + k * secret) % GROUP_ORDER).to_bytes(32, "little")
    raise AssertionError


def without_nonce(seed: bytes, message: bytes) -> Iterator[tuple[str, bytes]]:
    """Signatures by the key of a seed whose R is the neutral point, in each of its encodings."""
    key = Ed25519PrivateKey(seed).public()
    for slug, R in SMALL_ORDER.items():
        if slug.startswith("order-1"):
            yield slug, R + (challenge(R, key, message) * scalar(seed) % GROUP_ORDER).to_bytes(32, "little")


def challenge(R: bytes, key: bytes, message: bytes) -> int:
    """The number k of RFC 8032, section 5.1.7."""
    return int.from_bytes(sha512(R + key + message).digest(), "little") % GROUP_ORDER


def scalar(seed: bytes) -> int:
    """The secret number of a seed (RFC 8032, section 5.1.5)."""
    lower = int.from_bytes(sha512(seed).digest()[:32], "little")
    return lower & (2**254 - 8) | 2**254
