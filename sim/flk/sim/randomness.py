"""Numbers that depend on (seed, purpose, entity) and on nothing else.

Who draws first never matters, so two variants of a scenario meet the same luck, and removing a fault leaves the rest of a run
as it was. An entity is a text: the third attempt of the tenth submission of an agent, the fifth synchronisation of a disk.
"""

import math
from hashlib import blake2b
from random import Random
from struct import Struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_WORDS = Struct("<3Q")
_FRACTION = 2.0**-53


class Triple(NamedTuple):
    """Three independent numbers, each equally likely anywhere in [0, 1)."""

    first: float
    second: float
    third: float


class Chance:
    """The numbers of one purpose under one seed."""

    def __init__(self, seed: int, purpose: str) -> None:
        self._prefix = blake2b(f"{seed}/{purpose}/".encode(), digest_size=_WORDS.size)

    def triple(self, entity: str) -> Triple:
        """Three numbers of an entity."""
        keyed = self._prefix.copy()
        keyed.update(entity.encode())
        first, second, third = _WORDS.unpack(keyed.digest())
        return Triple((first >> 11) * _FRACTION, (second >> 11) * _FRACTION, (third >> 11) * _FRACTION)

    def uniform(self, entity: str) -> float:
        """A number in [0, 1)."""
        return self.triple(entity).first

    def exponential(self, entity: str) -> float:
        """An exponential number of mean 1."""
        return exponential(self.uniform(entity))

    def generator(self, entity: str) -> Random:
        """A generator of its own for an entity that needs many numbers at once."""
        return Random(int(self.uniform(entity) / _FRACTION))

    def column(self, size: int) -> NDArray[np.float64]:
        """Numbers in [0, 1) of the entities 0 to `size` - 1; a longer column starts with the shorter one."""
        key = int.from_bytes(self._prefix.digest()[:16], "little")
        return np.random.Generator(np.random.Philox(key=key)).random(size)


def exponential(uniform: float) -> float:
    """The exponential number of mean 1 that belongs to a number in [0, 1)."""
    return -math.log1p(-uniform)
