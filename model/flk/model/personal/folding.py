"""A text as finders see it: without what hides digits and letters from a pattern and not from a reader (PII-1).

Full-width and mathematical forms become plain ones (NFKC), digits of every script those of ASCII, dashes and spaces of every width
one of each; what has no width is left out. Each character is folded by itself, so that its place in the given text is known.
"""

import unicodedata
from array import array
from functools import lru_cache
from itertools import chain, repeat
from typing import NamedTuple

from flk.model.personal.find import Find, Span
from flk.model.personal.marker import MARKERS

LETTER, OTHER, MARKED = 0xE9, 0xA4, 0xFF
"""The bytes of a shape for a letter or digit beyond ASCII, for any other character beyond it, and for what is redacted."""

_DOTS = str.maketrans(dict.fromkeys("。．｡", "."))  # the dots of domain names (RFC 3490, section 3.1)
_INVISIBLE = {"Cf", "Mn", "Me"}
_NO_WIDTH = {"\u115f", "\u1160", "\u3164", "\uffa0"}  # fillers of Hangul, letters that show nothing


class Folded(NamedTuple):
    """A folded text; `shape` has one byte for each of its characters, for patterns; `origin` is the place in the given text that
    each character comes from, None if nothing moved.
    """

    given: str
    text: str
    shape: bytes
    origin: "array[int] | None"

    def find(self, span: Span) -> Find:
        """The span in the text as it was given, with what is left out inside it."""
        start, end = span.start, span.end
        if self.origin is not None:
            start, end = self.origin[start], self.origin[end - 1] + 1
        return Find(start, end, *self._bytes(start, end), span.kind)

    def _bytes(self, start: int, end: int) -> tuple[int, int]:
        if self.given.isascii():
            return start, end
        before = _size(self.given[:start])
        return before, before + _size(self.given[start:end])


def fold(text: str) -> Folded:
    """The text folded. What was redacted before can be no part of a find, nor a word beside one."""
    if text.isascii():
        return Folded(text, text, _without_markers(text.encode()), None)
    pieces = [_fold(character) for character in text]
    folded = "".join(pieces)
    shape = _without_markers("".join(map(_shape, folded)).encode("latin-1"))
    lengths = list(map(len, pieces))
    if lengths.count(1) == len(lengths):
        return Folded(text, folded, shape, None)
    places = chain.from_iterable(repeat(place, length) for place, length in enumerate(lengths))
    return Folded(text, folded, shape, array("q", places))


@lru_cache(maxsize=4096)
def _fold(character: str) -> str:
    category = unicodedata.category(character)
    if category in _INVISIBLE or character in _NO_WIDTH:
        return ""
    if (digit := unicodedata.decimal(character, None)) is not None:
        return str(digit)
    if category == "Pd" or character == "−":
        return "-"
    if category == "Zs":
        return " "
    return unicodedata.normalize("NFKC", character.translate(_DOTS))


@lru_cache(maxsize=4096)
def _shape(character: str) -> str:
    if character.isascii():
        return character
    return chr(LETTER if character.isalnum() else OTHER)


def _without_markers(shape: bytes) -> bytes:
    if b"[redacted" not in shape:
        return shape
    return MARKERS.sub(lambda marker: bytes([MARKED]) * len(marker[0]), shape)


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
