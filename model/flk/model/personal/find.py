"""What is found: kinds and places, and how finds that overlap become one (PII-1, PII-2)."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

import msgspec


class Kind(StrEnum):
    """What a find is. Of two that overlap the one that stands first here gives the kind.

    >>> [kind.value for kind in Kind]
    ['secret', 'card', 'iban', 'national_id', 'email', 'phone', 'ip']
    """

    SECRET = "secret"  # noqa: S105
    CARD = "card"
    IBAN = "iban"
    NATIONAL_ID = "national_id"
    EMAIL = "email"
    PHONE = "phone"
    IP = "ip"


_RANK = {kind: rank for rank, kind in enumerate(Kind)}


class Find(msgspec.Struct, frozen=True, order=True):
    """Where something personal stands: from `start` until before `end`, in code points and in bytes of UTF-8."""

    start: int
    end: int
    byte_start: int
    byte_end: int
    kind: Kind


class Span(NamedTuple):
    """A find in a folded text, before it is merged with others and placed in the text as it was given."""

    start: int
    end: int
    kind: Kind


def merged(spans: Iterable[Span]) -> list[Span]:
    """In order of place and disjoint: those that share a character are one, of the kind that stands first in `Kind`.

    >>> merged([Span(4, 9, Kind.PHONE), Span(0, 5, Kind.CARD), Span(9, 12, Kind.IP)])
    [Span(start=0, end=9, kind=<Kind.CARD: 'card'>), Span(start=9, end=12, kind=<Kind.IP: 'ip'>)]
    """
    one: list[Span] = []
    for span in sorted(spans):
        if one and span.start < one[-1].end:
            start, end, kind = one[-1]
            one[-1] = Span(start, max(end, span.end), min(kind, span.kind, key=_RANK.__getitem__))
        else:
            one.append(span)
    return one
