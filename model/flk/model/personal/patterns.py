"""Patterns over the shape of a text, by RE2: no text makes a search slower than linear (PII-4)."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol, cast

from flk.model.personal.folding import LETTER, MARKED
from flk.spec.errors import needs

with needs("pii", "looking for personal data"):
    import re2

_WORD = frozenset(b"_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") | {LETTER, MARKED}


class Match(Protocol):
    """What RE2 matched."""

    def start(self, group: int = 0, /) -> int:
        """Where a group begins; -1 if it takes no part."""
        ...

    def end(self, group: int = 0, /) -> int:
        """Where a group ends."""
        ...

    def span(self, group: int = 0, /) -> tuple[int, int]:
        """Both."""
        ...


class _Compiled(Protocol):
    def search(self, text: bytes, pos: int = 0) -> Match | None: ...


class Pattern(NamedTuple):
    """A compiled pattern, and how it was written."""

    compiled: _Compiled
    written: bytes

    def search(self, shape: bytes, at: int) -> Match | None:
        """The first match that does not begin before a place."""
        return self.compiled.search(shape, at)

    def apart(self, shape: bytes) -> Iterator[Match]:
        """The matches, each after the end of the one before."""
        at = 0
        while match := self.search(shape, at):
            yield match
            at = match.end()

    def each(self, shape: bytes) -> Iterator[Match]:
        """The matches, one for each place where one begins. For patterns whose matches are short: each is searched anew."""
        at = 0
        while match := self.search(shape, at):
            yield match
            at = match.start() + 1


def pattern(written: str) -> Pattern:
    """A pattern of RE2 over bytes, in which `é` is any letter beyond ASCII."""
    raw = written.encode("latin-1")
    return Pattern(cast("_Compiled", re2.compile(raw, _options())), raw)


def _options() -> "re2.Options":
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    return options


def together(patterns: Sequence[Pattern]) -> Callable[[bytes], Sequence[int]]:
    """A function that tells, by one pass over a shape, which of the patterns occur in it, by their places in the sequence."""
    several = re2.Set.SearchSet(_options())
    for each in patterns:
        several.Add(each.written)
    several.Compile()
    occurring = cast("Callable[[bytes], Sequence[int] | None]", several.Match)
    return lambda shape: occurring(shape) or ()


def stands_alone(shape: bytes, start: int, end: int) -> bool:
    """Whether no word goes on at either side."""
    return begins(shape, start) and ends(shape, end)


def begins(shape: bytes, start: int) -> bool:
    """Whether no word goes on into this place."""
    return not (start and shape[start - 1] in _WORD)


def ends(shape: bytes, end: int) -> bool:
    """Whether no word goes on from this place."""
    return not (end < len(shape) and shape[end] in _WORD)


def said_before(shape: bytes, start: int, words: Pattern) -> bool:
    """Whether one of the words stands shortly before a place."""
    return words.search(shape[max(0, start - CONTEXT) : start].lower(), 0) is not None


CONTEXT = 32
"""How many characters before a number are looked at for words that say what it is."""
