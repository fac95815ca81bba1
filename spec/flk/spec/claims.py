"""The earlier system's claims, each with what decides it (`claims.toml` explains the kinds of evidence)."""

import re
import tomllib
from enum import StrEnum
from functools import cache
from importlib.resources import files

import msgspec

from flk.spec.errors import UnusableInput

_NAME = re.compile(r"[a-z][a-z0-9-]*")


class EvidenceKind(StrEnum):
    """How a claim can be decided."""

    PROVE = "prove"
    COQ = "coq"
    EXPLORE = "explore"
    REFUTE = "refute"
    DISPROVE = "disprove"
    MEASURE = "measure"
    TRY = "try"
    MISSING = "missing"


class ClaimStatus(StrEnum):
    """What became of a claim. BOUNDED: every state at the sizes explored, less than a proof. TESTED: every case that was tried.
    MEASURED: a figure of a run.
    """

    PROVED = "proved"
    BOUNDED = "bounded"
    TESTED = "tested"
    MEASURED = "measured"
    REFUTED = "refuted"
    UNDECIDED = "undecided"


class Evidence(msgspec.Struct, frozen=True):
    """One thing that decides a claim, by kind and name."""

    kind: EvidenceKind
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class Claim(msgspec.Struct, frozen=True):
    """What is claimed, where, and what decides it as it was made and here: with each side the status that the evidence has to give.

    `instead` is the sentence that holds here where the claim's own stays false; usually nothing.
    """

    name: str
    says: str
    source: str
    status: ClaimStatus
    made: tuple[Evidence, ...]
    holds: ClaimStatus
    here: tuple[Evidence, ...]
    instead: str = ""


class _Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    says: str
    source: str
    status: ClaimStatus
    made: tuple[str, ...]
    holds: ClaimStatus
    here: tuple[str, ...]
    instead: str = ""


@cache
def claims() -> tuple[Claim, ...]:
    """All claims, in the order of the file."""
    return parse(files("flk.spec").joinpath("claims.toml").read_text("utf-8"))


def parse(text: str) -> tuple[Claim, ...]:
    """The claims that a text states. Raises UnusableInput, which names the claim and the fix."""
    try:
        written = msgspec.convert(tomllib.loads(text).get("claim", []), tuple[_Written, ...])
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise UnusableInput(f"claims.toml: {error}") from None
    names = [each.name for each in written]
    for name in names:
        if not _NAME.fullmatch(name) or names.count(name) > 1:
            raise UnusableInput(
                f"claims.toml: {name!r}: a name is of lowercase letters, digits and hyphens, and used once"
            )
    return tuple(map(_read, written))


def _read(written: _Written) -> Claim:
    if not written.made or not written.here:
        raise UnusableInput(
            f"claims.toml: {written.name}: name what decides it in `made` and in `here`, if only as `missing WHAT`"
        )
    made, here = (tuple(_evidence(written.name, each) for each in side) for side in (written.made, written.here))
    return Claim(written.name, written.says, written.source, written.status, made, written.holds, here, written.instead)


def _evidence(claim: str, text: str) -> Evidence:
    kind, _, name = text.partition(" ")
    if kind not in list(EvidenceKind) or not name:
        known = ", ".join(EvidenceKind)
        raise UnusableInput(f"claims.toml: {claim}: {text!r} is no evidence; write KIND NAME, the kind one of {known}")
    return Evidence(EvidenceKind(kind), name)
