"""The generator MT19937 of Matsumoto and Nishimura, 1998, and standard normals from its stream.

SIG-2 names both, and of each pair the second first.
"""

from collections.abc import Iterator
from decimal import Decimal

N, M = 624, 397
WORD = 0xFFFFFFFF


def words(seed: int) -> Iterator[int]:
    """The 32-bit words of the stream (`init_genrand`, `genrand_int32`)."""
    state = [seed & WORD]
    for i in range(1, N):
        state.append((1812433253 * (state[-1] ^ state[-1] >> 30) + i) & WORD)
    while True:
        for i in range(N):
            y = state[i] & 0x80000000 | state[(i + 1) % N] & 0x7FFFFFFF
            state[i] = state[(i + M) % N] ^ y >> 1 ^ (0x9908B0DF if y & 1 else 0)
        for word in state:
            yield _tempered(word)


def _tempered(y: int) -> int:
    y ^= y >> 11
    y ^= y << 7 & 0x9D2C5680
    y ^= y << 15 & 0xEFC60000
    return y ^ y >> 18


def uniforms(seed: int) -> Iterator[Decimal]:
    """Multiples of 2^-53 in [0, 1), each of two words (`genrand_res53`)."""
    stream = words(seed)
    for word in stream:
        yield Decimal((word >> 5) * 2**26 + (next(stream) >> 6)) / 2**53


def normals(seed: int) -> Iterator[Decimal]:
    """Standard normals by the polar method: of each pair of uniform numbers in the circle two, the second's first."""
    stream = uniforms(seed)
    for uniform in stream:
        x, y = 2 * uniform - 1, 2 * next(stream) - 1
        square = x * x + y * y
        if 0 < square < 1:
            factor = (-2 * square.ln() / square).sqrt()
            yield factor * y
            yield factor * x
