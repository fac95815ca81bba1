"""The equation of Ed25519 without the rules of SIGN-3 on what may stand in it: what a library that checks nothing else accepts."""

from flk.conformance.drafts.weak_points import FIELD, challenge

Point = tuple[int, int, int, int]
"""Extended coordinates X, Y, Z and T: x = X / Z, y = Y / Z, x y = T / Z (RFC 8032, section 5.1.4)."""

_D = -121665 * pow(121666, -1, FIELD) % FIELD
_ROOT_OF_MINUS_ONE = pow(2, (FIELD - 1) // 4, FIELD)
_NEUTRAL: Point = (0, 1, 1, 0)


def holds(key: bytes, message: bytes, R: bytes, S: int) -> bool:
    """Whether [S]B - [k]A has the encoding R, whatever the orders of A and R, the encoding of A, and the size of S."""
    A = _point(key)
    if A is None:
        return False
    X, Y, Z, T = A
    minus = (-X % FIELD, Y, Z, -T % FIELD)
    return _encoding(_sum(_multiple(S, _BASE), _multiple(challenge(R, key, message), minus))) == R


def _point(encoding: bytes) -> Point | None:
    """The point of an encoding, canonical or not; None where no x fits."""
    number = int.from_bytes(encoding, "little")
    y = (number & ((1 << 255) - 1)) % FIELD
    square = (y * y - 1) * pow(_D * y * y + 1, -1, FIELD) % FIELD
    x = pow(square, (FIELD + 3) // 8, FIELD)
    if x * x % FIELD != square:
        x = x * _ROOT_OF_MINUS_ONE % FIELD
    if x * x % FIELD != square:
        return None
    if x & 1 != number >> 255:
        x = -x % FIELD
    return x, y, 1, x * y % FIELD


def _sum(one: Point, other: Point) -> Point:
    (X1, Y1, Z1, T1), (X2, Y2, Z2, T2) = one, other
    A, B, C, D = (Y1 - X1) * (Y2 - X2), (Y1 + X1) * (Y2 + X2), 2 * _D * T1 * T2, 2 * Z1 * Z2
    E, F, G, H = B - A, D - C, D + C, B + A
    return E * F % FIELD, G * H % FIELD, F * G % FIELD, E * H % FIELD


def _multiple(times: int, point: Point) -> Point:
    total = _NEUTRAL
    while times:
        if times & 1:
            total = _sum(total, point)
        point, times = _sum(point, point), times >> 1
    return total


def _encoding(point: Point) -> bytes:
    X, Y, Z, _ = point
    inverse = pow(Z, -1, FIELD)
    x, y = X * inverse % FIELD, Y * inverse % FIELD
    return (y | (x & 1) << 255).to_bytes(32, "little")


_base = _point((4 * pow(5, -1, FIELD) % FIELD).to_bytes(32, "little"))
assert _base is not None
_BASE = _base
