"""Runs of digits as they are written, in groups, and the payment cards among them (ISO/IEC 7812)."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from flk.model.personal.find import Kind, Span
from flk.model.personal.folding import Folded
from flk.model.personal.patterns import begins, ends, pattern
from flk.spec.errors import needs

with needs("pii", "looking for personal data"):
    from stdnum import luhn

RUN = pattern(r"[0-9](?:[ .()/-]{0,3}[0-9])*")
_DIGITS = re.compile(rb"[0-9]+")
MIN_DIGITS = 7


class Group(NamedTuple):
    """Digits without a space or sign between them."""

    start: int
    end: int

    @property
    def size(self) -> int:
        """How many digits."""
        return self.end - self.start


def runs(folded: Folded) -> Iterator[list[Group]]:
    """The runs of at least MIN_DIGITS digits, in groups. A group at either end that goes on as a word is not a number's."""
    shape = folded.shape
    for match in RUN.apart(shape):
        start, end = match.span()
        if end - start < MIN_DIGITS:
            continue
        groups = [Group(*digits.span()) for digits in _DIGITS.finditer(shape, start, end)]
        if not begins(shape, start):
            groups = groups[1:]
        if not ends(shape, end):
            groups = groups[:-1]
        if sum(group.size for group in groups) >= MIN_DIGITS:
            yield groups


def windows(groups: list[Group], least: int, most: int, most_groups: int) -> Iterator[list[Group]]:
    """The neighbouring groups that have at least and at most so many digits together: of each first group the most first."""
    for first in range(len(groups)):
        total, lasts = 0, []
        for last in range(first, min(first + most_groups, len(groups))):
            total += groups[last].size
            if total > most:
                break
            if total >= least:
                lasts.append(last + 1)
        for end in reversed(lasts):
            yield groups[first:end]


def digits_of(folded: Folded, groups: list[Group]) -> str:
    """The digits of groups, without what stands between them."""
    return "".join(folded.text[group.start : group.end] for group in groups)


def cards(folded: Folded, groups: list[Group]) -> Iterator[Span]:
    """Numbers of payment cards: of an issuer's range and length, in the groups that cards have, with the check digit of Luhn."""
    for some in windows(groups, 13, 19, 5):
        if not _written_as_card(folded.shape, some):
            continue
        number = digits_of(folded, some)
        if _ISSUERS.fullmatch(number) and luhn.is_valid(number):
            yield Span(some[0].start, some[-1].end, Kind.CARD)


def _written_as_card(shape: bytes, groups: list[Group]) -> bool:
    between = {shape[a.end : b.start] for a, b in pairwise(groups)}
    if not between <= {b" ", b"-"} or len(between) > 1:
        return False
    sizes = [group.size for group in groups]
    in_fours = all(size == 4 for size in sizes[:-1]) and sizes[-1] <= 4
    return len(sizes) == 1 or in_fours or sizes in ([4, 6, 5], [4, 6, 4])


_ISSUERS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"  # Visa
    r"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|(?:6011|64[4-9]\d|65\d\d)\d{12,15}"  # Discover
    r"|3(?:0[0-5]|095|[689]\d)\d{11,16}"  # Diners
    r"|35(?:2[89]|[3-8]\d)\d{12,15}"  # JCB
    r"|62\d{14,17}"  # UnionPay
    r"|(?:5018|5020|5038|5893|6304|6759|676[1-3])\d{9,15}"  # Maestro
)
