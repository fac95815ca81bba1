"""Points of edwards25519 as the 32 bytes that stand for them, whatever their order (RFC 8032, section 5.1).

libsodium multiplies only points of the large prime order, and RFC 9381 has proofs and keys decided by its equations alone, of any
point. Eight times a point is of that order, or neutral: n times P is n // 8 times that and n % 8 times P, which libsodium adds.
"""

from nacl.bindings import (
    crypto_core_ed25519_add,
    crypto_core_ed25519_sub,
    crypto_scalarmult_ed25519_base_noclamp,
    crypto_scalarmult_ed25519_noclamp,
)

POINT_BYTES = 32
ORDER = 2**252 + 27742317777372353535851937790883648493
"""Of the base point, a prime. The curve has eight times as many points."""
NEUTRAL = (1).to_bytes(POINT_BYTES, "little")

_FIELD = 2**255 - 19
_SIGN = 1 << 255
_ZERO_WITH_A_SIGN = frozenset((_SIGN | y).to_bytes(POINT_BYTES, "little") for y in (1, _FIELD - 1))


def is_point(encoded: bytes) -> bool:
    """Whether the bytes are those that stand for a point: 32, y below the field's prime, no sign where x is zero (5.1.3).

    >>> is_point(NEUTRAL), is_point(NEUTRAL[::-1])
    (True, False)
    """
    if len(encoded) != POINT_BYTES or encoded in _ZERO_WITH_A_SIGN:
        return False
    if int.from_bytes(encoded, "little") & ~_SIGN >= _FIELD:
        return False
    try:
        crypto_core_ed25519_add(encoded, NEUTRAL)
    except RuntimeError:  # which is all that libsodium says of bytes that are on no curve
        return False
    return True


def minus(a: bytes, b: bytes) -> bytes:
    """The difference of two points."""
    return crypto_core_ed25519_sub(a, b)


def eightfold(a: bytes) -> bytes:
    """Eight times a point: what is left of it without its part of small order."""
    for _ in range(3):
        a = crypto_core_ed25519_add(a, a)
    return a


def times(n: int, a: bytes) -> bytes:
    """A multiple of a point, for n from 0. Not in constant time: for what everybody knows."""
    eights, rest = divmod(n, 8)
    product = _times_of_prime_order(eights % ORDER, eightfold(a))
    for _ in range(rest):
        product = crypto_core_ed25519_add(product, a)
    return product


def times_base(n: int) -> bytes:
    """A multiple of the base point, for n from 0. Not in constant time either."""
    return crypto_scalarmult_ed25519_base_noclamp(_scalar(n % ORDER)) if n % ORDER else NEUTRAL


def _times_of_prime_order(n: int, a: bytes) -> bytes:
    """As libsodium does it, which refuses the neutral point, given or found."""
    return NEUTRAL if n == 0 or a == NEUTRAL else crypto_scalarmult_ed25519_noclamp(_scalar(n), a)


def _scalar(n: int) -> bytes:
    return n.to_bytes(POINT_BYTES, "little")
