"""Phone numbers: as libphonenumber knows the numbering plans, in the groups in which a country writes them."""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import NamedTuple

from flk.model.personal.find import Kind, Span
from flk.model.personal.folding import Folded
from flk.model.personal.numbers import Group, digits_of, windows
from flk.model.personal.patterns import begins, pattern, said_before
from flk.spec.errors import needs

with needs("pii", "looking for personal data"):
    import phonenumbers
    from phonenumbers import PhoneMetadata, PhoneNumber, PhoneNumberFormat

_LEAST, _MOST = 7, 15  # digits of a number (ITU-T E.164)
_MOST_GROUPS = 7
_BETWEEN, _MOST_BETWEEN = b" .()/-", 3  # what may stand between two groups, and how much of it
_WORDS = pattern(
    r"\b(?:tel|telephone|phone|mobile|cell|fax|call|calling|sms|text|whatsapp|telefon|telefono|t\xe9l|t\xe9l\xe9phone|handy"
    r"|tel\xe9fono|m\xf3vil|celular|portable)\b"
)
_DATES = re.compile(
    rb"(?<![0-9])(?:(?:19|20)[0-9]{2}([-./])[01]?[0-9]\1[0-3]?[0-9](?![0-9])"
    rb"|(?<![0-9][-./ ])[0-3]?[0-9]([-./])[0-3]?[0-9]\2(?:(?:19|20)[0-9]{2}(?![0-9])|[0-9]{2}(?![-./ ]?[0-9])))"
)
_DIGITS = re.compile(r"\d+")


def phones(folded: Folded, groups: list[Group], regions: Sequence[str]) -> Iterator[Span]:
    """The phone numbers of a run: with a country's code after `+` or `00`; and as people in these regions write their own."""
    taken, dates = 0, [match.span() for match in _DATES.finditer(folded.shape, groups[0].start, groups[-1].end)]
    for some in windows(groups, _LEAST, _MOST, _MOST_GROUPS):
        first, end = some[0], some[-1].end
        if first.start < taken:
            continue
        start = _plus(folded.shape, first)
        if start is not None:
            found = _is_number(f"+{digits_of(folded, some)}")
        elif folded.text.startswith("00", first.start) and len(some) > 1:
            start, found = first.start, _is_number(f"+{digits_of(folded, some)[2:]}")
        else:
            start, found = _opening(folded.shape, first), _is_national(folded, some, regions, dates)
        if found:
            yield Span(start, end, Kind.PHONE)
            taken = end


def _plus(shape: bytes, first: Group) -> int | None:
    """Where the `+` stands that belongs to a group, as in `+44` and `+(44)`; None if there is none."""
    before = shape[max(0, first.start - 2) : first.start]
    start = first.start - (2 if before == b"+(" else 1)
    return start if before.endswith((b"+", b"+(")) and begins(shape, start) else None


def _opening(shape: bytes, first: Group) -> int:
    """Where a number begins whose first group may stand in parentheses."""
    opened = first.start and shape[first.start - 1] == ord("(") and shape[first.end : first.end + 1] == b")"
    return first.start - 1 if opened else first.start


def _is_number(number: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return False


def _is_national(folded: Folded, groups: list[Group], regions: Sequence[str], dates: Sequence[tuple[int, int]]) -> bool:
    shape, start, end = folded.shape, groups[0].start, groups[-1].end
    if len(groups) == 1 and not said_before(shape, start, _WORDS):
        return False  # digits alone are more often an amount or an id
    if _goes_on(shape, groups) or any(began < end and start < ended for began, ended in dates):
        return False
    if len(groups) == 2 and shape[groups[0].end : groups[1].start] == b".":
        return False  # a fraction
    digits, sizes = digits_of(folded, groups), [group.size for group in groups]
    return any(_is_number_of(digits, sizes, region) for region in regions)


def _goes_on(shape: bytes, groups: list[Group]) -> bool:
    """Whether digits before or after stand apart as the groups do among each other: then these are a piece of something longer."""
    inner = {shape[a.end : b.start] for a, b in pairwise(groups)}
    before = shape[max(0, groups[0].start - _MOST_BETWEEN - 1) : groups[0].start]
    after = shape[groups[-1].end : groups[-1].end + _MOST_BETWEEN + 1]
    left, right = before.rstrip(_BETWEEN), after.lstrip(_BETWEEN)
    return (left[-1:].isdigit() and before[len(left) :] in inner) or (
        right[:1].isdigit() and after[: len(after) - len(right)] in inner
    )


def _is_number_of(digits: str, sizes: list[int], region: str) -> bool:
    """Whether the digits are a number of the region, with the prefix that it writes, in groups that it could be written in."""
    code, prefix, is_possible = plan(region)
    own = digits.removeprefix(prefix)
    if (prefix == "0" and own == digits) or not is_possible(own):
        return False
    zeros = len(own) - len(own.lstrip("0"))
    number = PhoneNumber(
        country_code=code,
        national_number=int(own),
        italian_leading_zero=zeros > 0 or None,
        number_of_leading_zeros=zeros if zeros > 1 else None,
    )
    if not phonenumbers.is_valid_number_for_region(number, region):
        return False
    usual = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    breaks, written = _breaks([len(group) for group in _DIGITS.findall(usual)]), _breaks(sizes)
    area = {max(breaks, default=len(own))}
    written.discard(len(own))
    return written in (breaks, area, set()) or (prefix == "0" and area <= written)


def _breaks(sizes: list[int]) -> set[int]:
    """Where groups begin, but for the first: counted in digits from the end, so that a prefix makes no difference."""
    return set(accumulate(reversed(sizes[1:])))


class Plan(NamedTuple):
    """A region's code, the prefix of calls within it, and whether a number without it could be one: quicker told than if it is."""

    code: int
    prefix: str
    is_possible: Callable[[str], object]


@lru_cache(maxsize=512)
def plan(region: str) -> Plan:
    """The numbering plan of a region. Raises ValueError for what is none."""
    metadata = PhoneMetadata.metadata_for_region(region)
    known = metadata.general_desc if metadata else None
    if metadata is None or known is None or known.national_number_pattern is None or metadata.country_code is None:
        raise ValueError(f"{region!r} is no region with phone numbers; write two letters of ISO 3166, as in GB")
    form = re.compile(known.national_number_pattern)
    return Plan(metadata.country_code, metadata.national_prefix or "", form.fullmatch)
