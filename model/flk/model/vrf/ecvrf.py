"""ECVRF-EDWARDS25519-SHA512-TAI of RFC 9381: proofs, who checks them, and what they come to (VRF-1 to VRF-3).

Names in capitals are those of the RFC: Y is the key, H the message's point, Gamma the secret number times H.
"""

from hashlib import sha512
from typing import NamedTuple

from nacl.bindings import (
    crypto_core_ed25519_scalar_add,
    crypto_core_ed25519_scalar_mul,
    crypto_core_ed25519_scalar_reduce,
    crypto_scalarmult_ed25519,
    crypto_scalarmult_ed25519_base,
    crypto_scalarmult_ed25519_base_noclamp,
    crypto_scalarmult_ed25519_noclamp,
)

from flk.model.vrf.edwards25519 import NEUTRAL, ORDER, POINT_BYTES, eightfold, is_point, minus, times, times_base

SEED_BYTES = 32
PROOF_BYTES = 80
OUTPUT_BYTES = 64

_SUITE = b"\x03"
_ENCODE, _CHALLENGE, _OUTPUT, _BACK = b"\x01", b"\x02", b"\x03", b"\x00"
_CHALLENGE_BYTES = 16


class _Proof(NamedTuple):
    Gamma: bytes
    c: bytes
    s: bytes


def public_key(seed: bytes) -> bytes:
    """The 32 bytes by which everybody checks proofs of the seed: those of Ed25519 for the same seed. Raises ValueError."""
    return crypto_scalarmult_ed25519_base(_secret(seed)[0])


def prove(seed: bytes, message: bytes) -> bytes:
    """The proof of 80 bytes for the message, always the same (5.1). Raises ValueError unless the seed has 32 bytes.

    >>> proof = prove(bytes(32), b"shard-001|7")
    >>> verify(public_key(bytes(32)), b"shard-001|7", proof) == output_of(proof)
    True
    """
    x, prefix = _secret(seed)
    Y = crypto_scalarmult_ed25519_base(x)
    H = _point_of(Y, message)
    Gamma = crypto_scalarmult_ed25519(x, H)
    k = crypto_core_ed25519_scalar_reduce(sha512(prefix + H).digest())
    kB, kH = crypto_scalarmult_ed25519_base_noclamp(k), crypto_scalarmult_ed25519_noclamp(k, H)
    c = _challenge(Y, H, Gamma, kB, kH)
    s = crypto_core_ed25519_scalar_add(k, crypto_core_ed25519_scalar_mul(c + bytes(POINT_BYTES - len(c)), x))
    return Gamma + c + s


def verify(key: bytes, message: bytes, proof: bytes) -> bytes | None:
    """The output of 64 bytes that the key has for the message, if the proof shows it, else none (5.3, the key validated)."""
    if not is_valid_key(key) or (decoded := _decoded(proof)) is None:
        return None
    Gamma, c, s = decoded
    H, challenge, response = _point_of(key, message), int.from_bytes(c, "little"), int.from_bytes(s, "little")
    U = minus(times_base(response), times(challenge, key))
    V = minus(times(response, H), times(challenge, Gamma))
    return _output(Gamma) if c == _challenge(key, H, Gamma, U, V) else None


def output_of(proof: bytes) -> bytes:
    """What a proof comes to, valid or not (5.2): for whoever made it, or has verified it. Raises ValueError if it is none."""
    if (decoded := _decoded(proof)) is None:
        raise ValueError("a proof is a point, 16 bytes and a number below the order, 80 bytes in all")
    return _output(decoded.Gamma)


def is_valid_key(key: bytes) -> bool:
    """Whether the bytes stand for a point that is not of small order, under which every message has one output (5.4.5)."""
    return is_point(key) and eightfold(key) != NEUTRAL


def _secret(seed: bytes) -> tuple[bytes, bytes]:
    """The secret number, and what the numbers that are used once are made from (RFC 8032, 5.1.5)."""
    if len(seed) != SEED_BYTES:
        raise ValueError(f"a seed has {SEED_BYTES} bytes, not {len(seed)}")
    digest = bytearray(sha512(seed).digest())
    digest[0] &= 0xF8
    digest[31] = digest[31] & 0x7F | 0x40
    return bytes(digest[:32]), bytes(digest[32:])


def _point_of(key: bytes, message: bytes) -> bytes:
    """The message's point: the first of some hashes that is one, without its part of small order (5.4.1.1, salted by the key)."""
    for counter in range(256):
        candidate = sha512(_SUITE + _ENCODE + key + message + bytes([counter]) + _BACK).digest()[:POINT_BYTES]
        if is_point(candidate) and (H := eightfold(candidate)) != NEUTRAL:
            return H
    raise AssertionError("256 hashes in a row are no points: one chance in 2^256")


def _challenge(Y: bytes, H: bytes, Gamma: bytes, U: bytes, V: bytes) -> bytes:
    """Half of the numbers below the order, by a hash of all five points (5.4.3)."""
    return sha512(_SUITE + _CHALLENGE + Y + H + Gamma + U + V + _BACK).digest()[:_CHALLENGE_BYTES]


def _output(Gamma: bytes) -> bytes:
    return sha512(_SUITE + _OUTPUT + eightfold(Gamma) + _BACK).digest()


def _decoded(proof: bytes) -> _Proof | None:
    """The three parts, if each is one: a point, a number of 16 bytes, and a number below the order (5.4.4)."""
    Gamma, c, s = proof[:POINT_BYTES], proof[POINT_BYTES:-SEED_BYTES], proof[-SEED_BYTES:]
    if len(proof) != PROOF_BYTES or not is_point(Gamma) or int.from_bytes(s, "little") >= ORDER:
        return None
    return _Proof(Gamma, c, s)
