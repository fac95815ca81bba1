"""The scanner: finds in a text, and the text without them (PII-1 to PII-4)."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

import msgspec

from flk.model.personal import credentials, mail, national, network, numbers, phones
from flk.model.personal.find import Find, Kind, Span, merged
from flk.model.personal.folding import Folded, fold
from flk.model.personal.marker import WHOLE, marker
from flk.model.personal.patterns import Pattern, together


class Scan(msgspec.Struct, frozen=True):
    """What to look for, and the regions (ISO 3166) whose people write phone numbers without the country's code.

    Raises ValueError for a region that has no phone numbers.

    >>> Scan(kinds=frozenset({Kind.PHONE}), regions=("JP",)).regions
    ('JP',)
    """

    kinds: frozenset[Kind] = frozenset(Kind)
    regions: tuple[str, ...] = ("US", "GB", "DE", "FR", "ES", "IT")

    def __post_init__(self) -> None:
        for region in self.regions:
            phones.plan(region)


EVERYTHING = Scan()


def scan(text: str, what: Scan = EVERYTHING) -> tuple[Find, ...]:
    """What is found, in order of place and disjoint. A pure function, whose time is linear in the text.

    >>> [(find.kind.value, find.start, find.end) for find in scan("x@real.org 415-555-2671")]
    [('email', 0, 10), ('phone', 11, 23)]
    """
    folded = fold(text)
    return tuple(map(folded.find, merged(_spans(folded, what))))


def redact(text: str, what: Scan = EVERYTHING) -> str:
    """The text with a marker in the place of each find. Nothing is found in it any more, and redacting it again changes nothing.

    >>> redact("x@real.org 415-555-2671")
    '[redacted:email] [redacted:phone]'
    """
    for _ in range(MOST_PASSES):
        finds = scan(text, what)
        if not finds:
            return text
        text = _replaced(text, finds)
    return WHOLE


MOST_PASSES = 4
"""What stands beside a find may count as one when that is gone. Of a text that goes on so, which is made to, nothing is kept."""


def _replaced(text: str, finds: tuple[Find, ...]) -> str:
    pieces, at = [], 0
    for find in finds:
        pieces += [text[at : find.start], marker(find.kind)]
        at = find.end
    return "".join([*pieces, text[at:]])


class Finder(NamedTuple):
    """How some kinds are found, and the pattern without which nothing is."""

    kinds: frozenset[Kind]
    pattern: Pattern
    look: Callable[[Folded, Scan], Iterable[Span]]


def _in_runs(folded: Folded, what: Scan) -> Iterator[Span]:
    for groups in numbers.runs(folded):
        yield from numbers.cards(folded, groups)
        if Kind.PHONE in what.kinds:
            yield from phones.phones(folded, groups, what.regions)


def _finder(kind: Kind, pattern: Pattern, look: Callable[[Folded], Iterable[Span]]) -> Finder:
    return Finder(frozenset({kind}), pattern, lambda folded, _: look(folded))


FINDERS = (
    _finder(Kind.SECRET, credentials.KEY, credentials.keys),
    _finder(Kind.SECRET, credentials.TOKEN, credentials.tokens),
    _finder(Kind.SECRET, credentials.SAID, credentials.said),
    _finder(Kind.SECRET, credentials.BEARER, credentials.bearers),
    _finder(Kind.SECRET, credentials.IN_ADDRESS, credentials.in_addresses),
    _finder(Kind.EMAIL, mail.ADDRESS, mail.addresses),
    Finder(frozenset({Kind.CARD, Kind.PHONE}), numbers.RUN, _in_runs),
    _finder(Kind.IBAN, national.ACCOUNT, national.accounts),
    *(
        _finder(Kind.NATIONAL_ID, scheme.written, partial(national.national_ids, scheme))
        for scheme in national.SCHEMES.values()
    ),
    _finder(Kind.IP, network.V4, network.v4),
    _finder(Kind.IP, network.V6, network.v6),
)
"""All there are."""

_occurring = together([finder.pattern for finder in FINDERS])


def _spans(folded: Folded, what: Scan) -> Iterator[Span]:
    for place in _occurring(folded.shape):
        finder = FINDERS[place]
        if not finder.kinds.isdisjoint(what.kinds):
            yield from (span for span in finder.look(folded, what) if span.kind in what.kinds)
