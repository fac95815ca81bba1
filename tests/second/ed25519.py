"""Pure Ed25519 as RFC 8032, section 5.1, defines it, over integers.

Points are extended coordinates (X, Y, Z, T) with x = X/Z, y = Y/Z, xy = T/Z (section 5.1.4).
"""

from hashlib import sha512
from typing import NamedTuple

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


class Point(NamedTuple):
    """A point of the curve -x² + y² = 1 + d x² y²."""

    X: int
    Y: int
    Z: int
    T: int


NEUTRAL = Point(0, 1, 1, 0)


def sign(seed: bytes, message: bytes) -> bytes:
    """The 64 bytes of a signature (5.1.6)."""
    scalar, prefix = expanded(seed)
    r = number_of(sha512(prefix + message).digest()) % ORDER
    R = encoded_point(times(r, BASE))
    k = number_of(sha512(R + public_key(seed) + message).digest()) % ORDER
    return R + ((r + k * scalar) % ORDER).to_bytes(32, "little")


def public_key(seed: bytes) -> bytes:
    """The 32 bytes of a seed's public key (5.1.5)."""
    return encoded_point(times(expanded(seed)[0], BASE))


def verify(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` is one of `message` by `key` (5.1.7), by the equation without the cofactor and for points of large order
    (SIGN-3).
    """
    if len(key) != 32 or len(signature) != 64:
        return False
    A, R, S = decoded_point(key), decoded_point(signature[:32]), number_of(signature[32:])
    if A is None or R is None or S >= ORDER or is_small(A) or is_small(R):
        return False
    k = number_of(sha512(signature[:32] + key + message).digest()) % ORDER
    return encoded_point(times(S, BASE)) == encoded_point(total(R, times(k, A)))


def is_small(point: Point) -> bool:
    """Whether the point's order divides eight."""
    return encoded_point(times(8, point)) == encoded_point(NEUTRAL)


def expanded(seed: bytes) -> tuple[int, bytes]:
    """The secret number of a seed, and its prefix (5.1.5)."""
    digest = sha512(seed).digest()
    scalar = number_of(digest[:32])
    return scalar & (2**254 - 8) | 2**254, digest[32:]


def number_of(little: bytes) -> int:
    """The number that bytes stand for, the least of them first."""
    return int.from_bytes(little, "little")


def total(p: Point, q: Point) -> Point:
    """The sum of two points (5.1.4)."""
    a, b = (p.Y - p.X) * (q.Y - q.X) % P, (p.Y + p.X) * (q.Y + q.X) % P
    c, d = 2 * p.T * q.T * D % P, 2 * p.Z * q.Z % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return Point(e * f % P, g * h % P, f * g % P, e * h % P)


def times(scalar: int, point: Point) -> Point:
    """A multiple of a point, by doubling and adding."""
    product = NEUTRAL
    while scalar:
        if scalar & 1:
            product = total(product, point)
        point = total(point, point)
        scalar >>= 1
    return product


def encoded_point(point: Point) -> bytes:
    """The 32 bytes that stand for a point (5.1.2)."""
    inverse = pow(point.Z, -1, P)
    x, y = point.X * inverse % P, point.Y * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def decoded_point(encoded: bytes) -> Point | None:
    """The point that the bytes stand for, or none: y has to be below P, and zero has no sign (5.1.3)."""
    number = number_of(encoded)
    sign_of_x, y = number >> 255, number & (2**255 - 1)
    x = _abscissa(y, sign_of_x) if y < P else None
    return None if x is None else Point(x, y, 1, x * y % P)


def _abscissa(y: int, sign_of_x: int) -> int | None:
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * ROOT_OF_MINUS_ONE % P
    if x * x % P != square or (x == 0 and sign_of_x):
        return None
    return P - x if x & 1 != sign_of_x else x


def _base() -> Point:
    y = 4 * pow(5, -1, P) % P
    x = _abscissa(y, 0)
    assert x is not None
    return Point(x, y, 1, x * y % P)


BASE = _base()
