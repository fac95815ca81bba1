"""ECVRF-EDWARDS25519-SHA512-TAI from the text of RFC 9381, over integers."""

from hashlib import sha512

from tests.second.ed25519 import (
    BASE,
    ORDER,
    P,
    Point,
    decoded_point,
    encoded_point,
    expanded,
    is_small,
    number_of,
    public_key,
    times,
    total,
)


def prove(seed: bytes, message: bytes) -> bytes:
    """pi_string (5.1)."""
    x, prefix = expanded(seed)
    Y = public_key(seed)
    H = encode_to_curve(Y, message)
    Gamma = times(x, H)
    k = number_of(sha512(prefix + encoded_point(H)).digest()) % ORDER
    c = challenge(Y, H, Gamma, times(k, BASE), times(k, H))
    return encoded_point(Gamma) + c.to_bytes(16, "little") + ((k + c * x) % ORDER).to_bytes(32, "little")


def verify(key: bytes, message: bytes, proof: bytes) -> bytes | None:
    """beta_string, or none for INVALID (5.3, with validate_key)."""
    Y = decoded_point(key) if len(key) == 32 else None
    Gamma = decoded_point(proof[:32]) if len(proof) == 80 else None
    c, s = number_of(proof[32:48]), number_of(proof[48:])
    if Y is None or is_small(Y) or Gamma is None or s >= ORDER:
        return None
    H = encode_to_curve(key, message)
    U = total(times(s, BASE), opposite(times(c, Y)))
    V = total(times(s, H), opposite(times(c, Gamma)))
    return proof_to_hash(Gamma) if c == challenge(key, H, Gamma, U, V) else None


def proof_to_hash(Gamma: Point) -> bytes:
    """beta_string of a decoded proof (5.2)."""
    return sha512(b"\x03\x03" + encoded_point(times(8, Gamma)) + b"\x00").digest()


def encode_to_curve(salt: bytes, message: bytes) -> Point:
    """H, by try and increment (5.4.1.1)."""
    counter = 0
    while True:
        H = decoded_point(sha512(b"\x03\x01" + salt + message + bytes([counter]) + b"\x00").digest()[:32])
        if H is not None and not is_small(H):
            return times(8, H)
        counter += 1


def challenge(Y: bytes, H: Point, Gamma: Point, U: Point, V: Point) -> int:
    """The number c (5.4.3)."""
    points = b"".join(encoded_point(point) for point in (H, Gamma, U, V))
    return number_of(sha512(b"\x03\x02" + Y + points + b"\x00").digest()[:16])


def opposite(point: Point) -> Point:
    """The point which adds up with this one to the neutral one."""
    return Point(-point.X % P, point.Y, point.Z, -point.T % P)


def moved(encoded: bytes, by: bytes) -> bytes:
    """The sum of two encoded points: for proofs and keys that have a part of small order."""
    a, b = decoded_point(encoded), decoded_point(by)
    assert a is not None
    assert b is not None
    return encoded_point(total(a, b))
