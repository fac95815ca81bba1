"""`flk bench pii`: how much of what is personal is found in generated text, how much of what is found is, and how fast.

The text is Faker's, of several countries, each sample with one thing that is personal or one that only looks so. The baseline are
patterns as they are usually written (those of the earlier system, facts section 9), on the same samples.
"""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from random import Random
from statistics import median
from typing import NamedTuple

import msgspec
import phonenumbers
from faker import Faker

from flk.model.personal.find import Kind
from flk.model.personal.scan import scan

LOCALES = ("en_US", "en_GB", "de_DE", "fr_FR", "es_ES", "it_IT", "pt_BR", "nl_NL", "pl_PL", "sv_SE", "fi_FI", "no_NO")
ROUNDS = 5

Found = tuple[int, int, Kind]
Scanner = Callable[[str], list[Found]]


class Sample(NamedTuple):
    """A text; where in it something personal stands and of what kind (None: nothing does), and what was put there."""

    text: str
    start: int
    end: int
    kind: Kind | None
    made_of: str


class Count(msgspec.Struct, frozen=True):
    """Of one kind: how many things there were, how many of them were covered whole, and how many finds were of nothing so."""

    name: str
    there: int
    found: int
    false: int


class Speed(msgspec.Struct, frozen=True):
    """Of one kind of text: megabytes a second."""

    name: str
    megabytes_per_second: float


class Report(msgspec.Struct, frozen=True):
    """Counts of the scanner and of the baseline on the same samples, what was missed and what taken for something, and speeds."""

    samples: int
    counts: tuple[Count, ...]
    baseline: tuple[Count, ...]
    mistakes: dict[str, int]
    speeds: tuple[Speed, ...]


def measure(count: int, seed: int, on_progress: Callable[[str], None] = lambda _: None) -> Report:
    """So many samples, by a seed."""
    on_progress("writing text")
    some = list(samples(count, seed))
    on_progress(f"scanning {count} texts")
    ours, mistakes = judged(some, scanned)
    theirs, _ = judged(some, by_patterns)
    on_progress("timing")
    return Report(count, ours, theirs, dict(mistakes), tuple(speeds([sample.text for sample in some])))


def judged(some: Sequence[Sample], scanner: Scanner) -> tuple[tuple[Count, ...], Counter[str]]:
    """What a scanner finds, counted by kind; and how often what was missed or taken for something."""
    there: Counter[Kind] = Counter()
    found: Counter[Kind] = Counter()
    false: Counter[Kind] = Counter()
    mistakes: Counter[str] = Counter()
    for sample in some:
        if sample.kind:
            there[sample.kind] += 1
        covered = False
        for start, end, kind in scanner(sample.text):
            if kind is sample.kind and start < sample.end and sample.start < end:
                covered |= start <= sample.start and sample.end <= end
            else:
                false[kind] += 1
                mistakes[f"{sample.made_of} as {kind.value}"] += 1
        if sample.kind and covered:
            found[sample.kind] += 1
        elif sample.kind:
            mistakes[f"{sample.made_of} missed"] += 1
    return tuple(Count(kind.value, there[kind], found[kind], false[kind]) for kind in Kind), mistakes


def samples(count: int, seed: int) -> Iterator[Sample]:
    """Half of them with something personal; every kind, near miss and country as often as any other."""
    random = Random(seed)
    fakers = [Faker(locale) for locale in LOCALES]
    for faker in fakers:
        faker.seed_instance(random.getrandbits(32))
    for number in range(count):
        faker = fakers[random.randrange(len(fakers))]
        table = PERSONAL if number % 2 else NEAR_MISSES
        made_of, (kind, make) = random.choice(list(table.items()))
        made = make(faker, random)
        if made is not None:
            yield _within(made, made_of, kind, faker.sentence(), faker.sentence())


def _within(made: tuple[str, str], made_of: str, kind: Kind | None, before: str, after: str) -> Sample:
    word, thing = made
    lead = f"{before} {word}"
    return Sample(f"{lead}{thing} {after}", len(lead), len(lead) + len(thing), kind, made_of)


Make = Callable[[Faker, Random], tuple[str, str] | None]


def _plain(make: Callable[[Faker], str]) -> Make:
    return lambda faker, _: ("", make(faker))


_NATIONAL = {  # by Faker's country: how it makes one, and the word before those that need one; its GB ones were never given out
    "en_US": ("ssn", ""),
    "es_ES": ("nie", ""),
    "it_IT": ("ssn", ""),
    "pt_BR": ("cpf", ""),
    "nl_NL": ("ssn", "BSN: "),
    "pl_PL": ("pesel", "PESEL "),
    "sv_SE": ("ssn", ""),
    "fi_FI": ("ssn", ""),
    "no_NO": ("ssn", ""),
}


def _national(faker: Faker, _: Random) -> tuple[str, str] | None:
    name = faker.locales[0]
    if name not in _NATIONAL:
        return None
    method, word = _NATIONAL[name]
    return word, str(getattr(faker, method)())


def _phone(faker: Faker, random: Random) -> tuple[str, str]:
    """A number of the country's plan, in one of the forms of the plan: Faker's own are often of no plan."""
    region = faker.locales[0].rpartition("_")[2]
    form = random.choice([phonenumbers.PhoneNumberFormat.INTERNATIONAL, phonenumbers.PhoneNumberFormat.E164])
    if region in {"US", "GB", "DE", "FR", "ES", "IT"} and random.random() < 0.5:
        form = phonenumbers.PhoneNumberFormat.NATIONAL
    example = phonenumbers.example_number(region)
    assert example is not None
    assert example.national_number is not None
    for _ in range(200):
        digits = str(example.national_number)
        keep = random.randrange(2, len(digits))
        digits = digits[:keep] + "".join(random.choices("0123456789", k=len(digits) - keep))
        number = phonenumbers.PhoneNumber(
            country_code=example.country_code,
            national_number=int(digits),
            italian_leading_zero=example.italian_leading_zero,
        )
        if phonenumbers.is_valid_number(number):
            return "", phonenumbers.format_number(number, form)
    return "", phonenumbers.format_number(example, form)


def _card(faker: Faker, random: Random) -> tuple[str, str]:
    number = faker.credit_card_number(random.choice(["visa", "mastercard", "amex", "discover"]))
    in_fours = " ".join(number[at : at + 4] for at in range(0, len(number), 4))
    return "", random.choice([number, in_fours, in_fours.replace(" ", "-")]) if len(number) == 16 else number


def _secret(faker: Faker, random: Random) -> tuple[str, str]:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    token = "".join(random.choices(letters + letters.lower(), k=36))
    return random.choice(
        [
            ("", "AKIA" + "".join(random.choices(letters, k=16))),
            ("", f"ghp_{token}"),
            ("password: ", faker.password(14, special_chars=False)),
            ("api_key=", token),
            ("Authorization: Bearer ", token),
        ]
    )


def _spoilt(number: str, place: int, random: Random) -> str:
    """With another digit at a place."""
    digits = list(number)
    digits[place] = str((int(digits[place]) + random.randrange(1, 10)) % 10)
    return "".join(digits)


PERSONAL: dict[str, tuple[Kind, Make]] = {
    "mail address": (Kind.EMAIL, _plain(lambda faker: f"{faker.user_name()}@{faker.domain_name()}")),
    "phone number of the plan": (Kind.PHONE, _phone),
    "phone number of Faker": (Kind.PHONE, _plain(lambda faker: faker.phone_number())),
    "card": (Kind.CARD, _card),
    "IBAN": (Kind.IBAN, _plain(lambda faker: faker.iban())),
    "national id": (Kind.NATIONAL_ID, _national),
    "IPv4 address": (Kind.IP, _plain(lambda faker: faker.ipv4_public())),
    "IPv6 address": (Kind.IP, _plain(lambda faker: faker.ipv6())),
    "secret": (Kind.SECRET, _secret),
}

_DAYS = datetime(1990, 1, 1), datetime(2025, 1, 1)

NEAR_MISSES: dict[str, tuple[Kind | None, Make]] = {
    "reserved mail address": (None, _plain(lambda faker: f"{faker.user_name()}@example.com")),
    "file name": (None, _plain(lambda faker: f"{faker.word()}@2x.png")),
    "card of a wrong digit": (None, lambda faker, random: ("", _spoilt(faker.credit_card_number("visa"), -1, random))),
    "order number": (None, lambda _, random: ("", f"{random.randrange(10**12):012d}")),
    "IBAN of a wrong digit": (None, lambda faker, random: ("", _spoilt(faker.iban(), 3, random))),
    "number of no person": (
        None,
        lambda _, random: ("", f"666-{random.randrange(1, 100):02d}-{random.randrange(1, 9999):04d}"),
    ),
    "four numbers": (None, lambda _, random: ("", ".".join(str(random.randrange(256, 1000)) for _ in range(4)))),
    "version": (None, lambda _, random: ("version ", ".".join(str(random.randrange(30)) for _ in range(4)))),
    "date and time": (None, _plain(lambda faker: faker.date_time_between(*_DAYS).isoformat(" "))),
    "day": (None, _plain(lambda faker: faker.date_time_between(*_DAYS).strftime("%d.%m.%Y"))),
    "UUID": (None, _plain(lambda faker: faker.uuid4())),
    "hash": (None, _plain(lambda faker: faker.sha256())),
    "ISBN": (None, _plain(lambda faker: faker.isbn13())),
    "amount": (None, lambda _, random: ("", f"{random.randrange(10**9):,}.{random.randrange(100):02d}")),
    "coordinates": (None, _plain(lambda faker: f"{faker.latitude()}, {faker.longitude()}")),
    "placeholder": (None, _plain(lambda _: "password: ${PASSWORD_OF_SERVICE}")),
}


def scanned(text: str) -> list[Found]:
    """What the scanner finds."""
    return [(find.start, find.end, find.kind) for find in scan(text)]


_PATTERNS = {
    Kind.EMAIL: r"\b[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Z|a-z]{2,}\b",
    Kind.PHONE: r"\b(?:\+?1[-. ]?)?(?:\(\d{3}\)|\d{3})[-. ]?\d{3}[-. ]?\d{4}\b",
    Kind.NATIONAL_ID: r"\b\d{3}-\d{2}-\d{4}\b",
    Kind.CARD: r"\b\d{4}[- ]?\d{4}[- ]?\d{4}[- ]?\d{4}\b",
    Kind.IP: r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b",
}
_COMPILED = {kind: re.compile(pattern) for kind, pattern in _PATTERNS.items()}


def by_patterns(text: str) -> list[Found]:
    """What plain patterns find."""
    return [(*match.span(), kind) for kind, pattern in _COMPILED.items() for match in pattern.finditer(text)]


def speeds(texts: Sequence[str], size: int = 100_000) -> Iterator[Speed]:
    """How fast texts of so many characters are scanned: prose, these, and some that are made to be slow."""
    prose = Faker("en_US")
    prose.seed_instance(1)
    for name, text in {
        "prose": prose.text(2000) * 50,
        "the samples": "\n".join(texts),
        "groups of digits": "07 " * (size // 3),
        "plus signs": "+1 2 3 4 5 6 7 8 9 " * (size // 19),
        "at signs": "a@" * (size // 2),
    }.items():
        some = text[:size]
        seconds = median(_seconds(some) for _ in range(ROUNDS))
        yield Speed(name, len(some.encode()) / seconds / 1e6)


def _seconds(text: str) -> float:
    start = time.thread_time()
    scan(text)
    return time.thread_time() - start
