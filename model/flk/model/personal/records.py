"""Personal data in a record: looked for before it is signed, since a signature ends all changes (PII-5)."""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

import msgspec

from flk.model.personal.find import Find
from flk.model.personal.marker import WHOLE
from flk.model.personal.scan import EVERYTHING, Scan, redact, scan
from flk.model.record.record import LIMITS, Fault, Pcs
from flk.spec.errors import UnusableInput


class Mode(StrEnum):
    """What becomes of a record that holds a find: it is told and signed, not signed, or signed without it.

    >>> Mode("redact") is Mode.REDACT
    True
    """

    DETECT = "detect"
    BLOCK = "block"
    REDACT = "redact"


class Located(msgspec.Struct, frozen=True):
    """A find, and the field of the record that holds it."""

    field: str
    find: Find

    def __str__(self) -> str:
        """What a person is told; the words that were found are not in it (PII-6)."""
        return f"{self.field} holds what looks like {self.find.kind}, characters {self.find.start} to {self.find.end}"


class PersonalData(UnusableInput):
    """A record is not signed for what it holds (PII-5). The message names fields, kinds and places."""

    def __init__(self, found: tuple[Located, ...], fix: str) -> None:
        super().__init__(f"PII-5: {'; '.join(map(str, found))}; {fix}")
        self.found = found


class Screening(msgspec.Struct, frozen=True):
    """What a signer does about personal data in a record's free texts (PII-5), and what it looks for.

    >>> Screening(Mode.BLOCK, Scan(kinds=frozenset({Kind.EMAIL}))).mode.value
    'block'
    """

    mode: Mode
    what: Scan = EVERYTHING

    def screened(self, record: Pcs) -> "Screened":
        """The record as it may be signed, by `screen`."""
        return screen(record, self.mode, self.what)


class Screened(NamedTuple):
    """A record as it may be signed, and what was found in it as it was given."""

    record: Pcs
    found: tuple[Located, ...]


def free_texts(record: Pcs) -> Iterator[tuple[str, str]]:
    """The fields in which an agent may write what it likes, and what it wrote."""
    yield "version", record.version
    yield _NAME, record.shard_id
    for place, fallback in enumerate(record.ft.fallbacks):
        yield f"ft.fallbacks[{place}]", fallback


def finds_in(record: Pcs, what: Scan = EVERYTHING) -> tuple[Located, ...]:
    """What the free texts of a record hold."""
    return tuple(Located(field, find) for field, text in free_texts(record) for find in scan(text, what))


def screen(record: Pcs, mode: Mode, what: Scan = EVERYTHING) -> Screened:
    """The record as it may be signed in this mode.

    Raises PersonalData in mode BLOCK, and in mode REDACT for `shard_id`: the record's id is made of it, and two shards whose names
    become one marker would be one shard.

    >>> record = summarise([[0.1, 0.2], [0.4, 0.8]], b"raw data", shard_id="s1", epoch=1, seed=7, sent_at="2026-01-01T00:00:00Z")
    >>> screen(msgspec.structs.replace(record, version="by ann@firma.de"), Mode.REDACT).record.version
    'by [redacted:email]'
    """
    found = finds_in(record, what)
    if mode is Mode.BLOCK and found:
        raise PersonalData(found, "leave it out of the record, or redact it before it is signed")
    if mode is not Mode.REDACT or not found:
        return Screened(record, found)
    if named := tuple(each for each in found if each.field == _NAME):
        raise PersonalData(named, "give the shard another name: the record's id is made of it, so it is never redacted")
    ft = record.ft
    kept: Fault = msgspec.structs.replace(ft, fallbacks=tuple(_redacted(each, what) for each in ft.fallbacks))
    return Screened(msgspec.structs.replace(record, version=_redacted(record.version, what), ft=kept), found)


_NAME = "shard_id"


def _redacted(text: str, what: Scan) -> str:
    """The text redacted, whole if markers make it longer than a record's text may be."""
    redacted = redact(text, what)
    return redacted if len(redacted) <= LIMITS.max_text else WHOLE
