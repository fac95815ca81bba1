"""The catalogue: everything the specification demands, one numbered sentence at a time, with its reason and its evidence.

The sentences stand in `requirements/AREA.toml`. An id never changes its meaning; a rule that is dropped leaves its number unused.
"""

import re
import tomllib
from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from importlib.resources import files

import msgspec

from flk.spec.errors import UnusableInput
from flk.spec.template import fill

AREAS = {
    "identity": "ID",
    "record": "REC",
    "canonical": "C14N",
    "signing": "SIGN",
    "signals": "SIG",
    "judgement": "JDG",
    "scrutiny": "SAN",
    "policy": "POL",
    "merkle": "MRK",
    "transparency": "TLOG",
    "sequencing": "SEQ",
    "vrf": "VRF",
    "clock": "HLC",
    "order": "ORD",
    "http": "HTTP",
    "batch": "BAT",
    "tls": "TLS",
    "tenant": "TEN",
    "dedup": "DUP",
    "wal": "WAL",
    "replication": "CRR",
    "feed": "FEED",
    "snapshot": "SNAP",
    "retention": "RET",
    "divergence": "DIV",
    "outbox": "OUT",
    "migration": "MIG",
    "tiering": "TIR",
    "audit": "AUD",
    "ring": "RNG",
    "observability": "OBS",
    "api": "API",
    "personal": "PII",
    "siem": "SIEM",
    "anchoring": "ANC",
    "evidence": "EVD",
    "erasure": "ERA",
}
"""Each area's file and the prefix of its ids, in the order in which a reader meets them."""

KINDS = ("test", "vector", "proof", "coq", "protocol", "scenario", "check")
"""What evidence can be: a test function, a group of vectors, a proof, a theorem in Coq
(`MODULE.THEOREM`), a property of a protocol (`NAME/PROPERTY`), a scenario,
a server check of the conformance kit."""


class Level(StrEnum):
    """How binding a requirement is (RFC 2119, RFC 8174)."""

    MUST = "MUST"
    SHOULD = "SHOULD"


class Requirement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One normative sentence (`text`) with its rationale, its source, and where it is shown to hold.

    `evidence` holds strings of the form `KIND NAME`, KIND one of KINDS.
    """

    id: str
    level: Level
    title: str
    text: str
    rationale: str
    source: str
    evidence: tuple[str, ...]


@cache
def catalogue() -> tuple[Requirement, ...]:
    """All requirements, area by area. Raises UnusableInput, which names file, id and field, for a mistake in a file."""
    folder = files("flk.spec").joinpath("requirements")
    return tuple(
        requirement for area in AREAS for requirement in parse(area, folder.joinpath(f"{area}.toml").read_text("utf-8"))
    )


def parse(area: str, text: str) -> tuple[Requirement, ...]:
    """The requirements that the text of an area's file states. Raises UnusableInput."""
    file = f"{area}.toml"
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UnusableInput(f"{file}: not TOML: {error}") from None
    if tables.keys() != {"requirement"} or not isinstance(tables["requirement"], list):
        raise UnusableInput(f"{file}: only [[requirement]] tables may stand here")
    return tuple(
        _requirement(file, f"{AREAS[area]}-{number}", table)
        for number, table in enumerate(tables["requirement"], start=1)
    )


def _requirement(file: str, due: str, table: object) -> Requirement:
    """The requirement of one table, whose id must be the one that is `due` at its place."""
    try:
        stated = msgspec.convert(table, Requirement)
    except msgspec.ValidationError as error:
        name = table.get("id", due) if isinstance(table, dict) else due
        raise UnusableInput(f"{file}: {name}: {error}") from None
    for field, complaint in _complaints(stated, due):
        raise UnusableInput(f"{file}: {stated.id}: {field}: {complaint}")
    return msgspec.structs.replace(
        stated, text=_prose(stated.text), rationale=_prose(stated.rationale), source=_prose(stated.source)
    )


def _complaints(stated: Requirement, due: str) -> Iterator[tuple[str, str]]:
    """Each field that is wrong, and how."""
    if stated.id != due:
        yield "id", f"ids count up from 1 in their file, so {due} is due here"
    for field in ("title", "text", "rationale", "source"):
        words = getattr(stated, field)
        if not words.strip():
            yield field, "must not be empty"
        try:
            fill(words)
        except LookupError as error:
            yield field, str(error)
    if not re.search(rf"\b{stated.level}\b", stated.text):
        yield "text", f"a {stated.level} says {stated.level}"
    for item in stated.evidence:
        if item.partition(" ")[0] not in KINDS or not item.partition(" ")[2].strip():
            yield "evidence", f"{item!r} is not KIND NAME with KIND one of {', '.join(KINDS)}"
    if len(set(stated.evidence)) != len(stated.evidence):
        yield "evidence", "names the same evidence twice"


def _prose(text: str) -> str:
    """One line, with the constants it quotes."""
    return fill(" ".join(text.split()))
