"""How a state is packed: cells one after another in words, none across two, the first cell in the highest bits.

Packed states compare as the tuples of codes do, so every engine means the same by the least of several states.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from flk.formal.explicit.schema import Schema, State

WORD = 63
"""Bits used of each 64-bit word; the highest is left to the engines as a mark."""

_MASK = (1 << 64) - 1


class Field(NamedTuple):
    """Where a cell lies."""

    word: int
    shift: int
    bits: int

    @property
    def mask(self) -> int:
        """The field's bits, in place."""
        return ((1 << self.bits) - 1) << self.shift


@dataclass(frozen=True)
class Layout:
    """The fields of a schema's cells, in the cells' order."""

    schema: Schema

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """One for each cell."""
        fields: list[Field] = []
        word, free = 0, WORD
        for cell in self.schema.cells:
            if cell.bits > free:
                word, free = word + 1, WORD
            free -= cell.bits
            fields.append(Field(word, free, cell.bits))
        return tuple(fields)

    @cached_property
    def words(self) -> int:
        """How many words a state takes."""
        return self.fields[-1].word + 1 if self.fields else 1

    def pack(self, state: State) -> tuple[int, ...]:
        """The words of a state."""
        words = [0] * self.words
        for field, code in zip(self.fields, state, strict=True):
            words[field.word] |= code << field.shift
        return tuple(words)

    def unpack(self, words: Sequence[int]) -> State:
        """The state of some words."""
        return tuple((int(words[f.word]) >> f.shift) & ((1 << f.bits) - 1) for f in self.fields)


def fingerprint(words: Sequence[int]) -> int:
    """A 64-bit hash of a packed state; the sum over a layer, modulo 2^64, identifies the layer whatever the order.

    Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014 (the mixer of SplitMix64).
    """
    mixed = 0
    for word in words:
        mixed = _mix((mixed ^ word) + 0x9E3779B97F4A7C15 & _MASK)
    return mixed


def _mix(z: int) -> int:
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & _MASK
    return z ^ z >> 31
