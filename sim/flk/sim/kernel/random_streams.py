"""Numbers that depend on (seed, purpose, entity) and on nothing else.

Who draws first never matters, so two variants of a scenario use common random numbers, and removing a fault leaves the rest of a
run as it was. An entity is a text: the third attempt of the tenth submission of an agent. What there are very many of is numbered
instead, the fifth synchronisation of a disk: such numbers are drawn a block at a time, by both tiers.
"""

import math
from array import array
from hashlib import blake2b
from random import Random
from struct import Struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_WORDS = Struct("<3Q")
_FRACTION = 2.0**-53
_FIRST_BLOCK, _LARGEST_BLOCK = 64, 65536
REQUEST, ANSWER, SERVICE, FSYNC = "request", "answer", "service", "fsync"


class Triple(NamedTuple):
    """Three independent numbers, each equally likely anywhere in [0, 1)."""

    first: float
    second: float
    third: float


class RandomStream:
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
        return self.numbers().random(size)

    def numbers(self) -> np.random.Generator:
        """A generator whose `random` yields the numbers of the entities 0, 1, 2 … in order, in as many calls as one likes."""
        key = int.from_bytes(self._prefix.digest()[:16], "little")
        return np.random.Generator(np.random.Philox(key=key))


def numbered(seed: int, purpose: str, stream: str) -> RandomStream:
    """The random numbers of a purpose in one stream of arrivals; everyday traffic is the stream without a name."""
    return RandomStream(seed, f"{purpose}/{stream}")


class Column:
    """The numbers in [0, 1) of the entities 0, 1, 2 … of one purpose, asked for in any order; those of `RandomStream.column`."""

    __slots__ = ("_drawn", "_generator")

    def __init__(self, random_stream: RandomStream) -> None:
        self._generator = random_stream.numbers()
        self._drawn = array("d")

    def at(self, number: int) -> float:
        """The number of an entity."""
        while number >= len(self._drawn):
            more = min(max(len(self._drawn), _FIRST_BLOCK), _LARGEST_BLOCK)
            self._drawn.frombytes(self._generator.random(more).tobytes())
        return self._drawn[number]


class Leg(NamedTuple):
    """The random numbers of the requests, or of the answers, of one stream of arrivals: whether a message is lost, its jitter, and
    whether it comes twice.
    """

    fate: Column
    jitter: Column
    copy: Column


class Draws(NamedTuple):
    """The draws of one submission at its first attempt, by its number in its stream of arrivals."""

    columns: "Columns"
    number: int

    def uniform(self, purpose: str) -> float:
        """A number in [0, 1)."""
        return self.columns[purpose].at(self.number)

    def message(self, leg: str) -> tuple[Leg, int]:
        """The random numbers of a message, and which of them are its own: most messages need no more than their jitter."""
        columns, number = self
        return columns.legs[leg], number


class Columns(dict[str, Column]):
    """The columns of one stream of arrivals by purpose, each made when it is first asked for."""

    def __init__(self, seed: int, stream: str) -> None:
        super().__init__()
        self._seed = seed
        self._stream = stream
        self.legs = {leg: Leg(*(self[f"{leg}.{what}"] for what in Leg._fields)) for leg in (REQUEST, ANSWER)}

    def __missing__(self, purpose: str) -> Column:
        """A column that nobody has asked for yet."""
        self[purpose] = column = Column(numbered(self._seed, purpose, self._stream))
        return column


class RandomStreams:
    """The lots of all arrivals under one seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._streams: dict[str, Columns] = {}

    def draws(self, name: str) -> Draws | None:
        """The draws of an arrival by its name, `17` or `rush.3`; None for one that has no number, such as a scripted one."""
        stream, _, number = name.rpartition(".")
        if not number.isdecimal():
            return None
        if stream not in self._streams:
            self._streams[stream] = Columns(self._seed, stream)
        return Draws(self._streams[stream], int(number))


def exponential(uniform: float) -> float:
    """The exponential number of mean 1 that belongs to a number in [0, 1)."""
    return -math.log1p(-uniform)


def exponentials(uniform: NDArray[np.float64]) -> NDArray[np.float64]:
    """The exponential numbers that belong to these, each as `exponential` makes it: NumPy's logarithm is another in the last bit on
    a processor with AVX512, and a run would be, too.
    """
    return -np.fromiter(map(math.log1p, (-uniform).tolist()), np.float64, uniform.size)
