"""What is a policy, and what is wrong with what is none, from the texts of POL-1, POL-2 and POL-12."""

import re
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from math import isfinite
from typing import Any, NamedTuple

from .json_text import ESCAPE, ESCAPES, TOKEN, WORDS, Number
from .reals import billionths, nearest
from .signals import in_billionths
from .texts import CONSTANTS, Broken

LIMITS, RECORD = CONSTANTS["policy"], CONSTANTS["record"]
MOST = {
    "tol_D": LIMITS["tol_D_max"],
    "tol_budget": LIMITS["tol_budget_max"],
    "alpha": 1,
    "beta": 1,
    "gamma": 1,
    "base": 1,
    "D0": LIMITS["D0_max"],
    "sticky_coherence_min": RECORD["coh_star_max"],
    "sticky_D_hat_max": RECORD["D_hat_max"],
    "non_sticky_D_hat_min": RECORD["D_hat_max"],
}
"""The greatest value of each number that may be chosen; the least is 0."""
NUMBERS = (*MOST, "tol_coh")
SAID = ("name", "description", "created_at")
REQUIRED = ("version", *NUMBERS)
OUTSIDE = ("signed_by", "signature")
KNOWN = (*REQUIRED, *SAID, "flags", "vrf_mode", "scrutiny", *OUTSIDE)
SIGNATURE = r"[A-Za-z0-9+/]{85}[AQgw]=="


class Member(NamedTuple):
    """A member of an object, and the line on which its key stands."""

    key: str
    value: Any
    line: int


class Wrong(Exception):
    """The fields at fault, each behind its line."""

    def __init__(self, places: list[tuple[int, str]]) -> None:
        super().__init__(places)
        self.places = places


Members = list[Member]


def read(document: bytes) -> dict[str, Any]:
    """The fields of a policy, numbers as binary64. Raises Wrong with line and field of every mistake."""
    try:
        members = parsed(document)
    except (Broken, UnicodeError):
        raise Wrong([(1, "document")]) from None
    found = set(faults({each.key: each.value for each in members})) | set(repeated(members))
    if found:
        lines = {each.key: each.line for each in everywhere(members)}
        raise Wrong(sorted((lines.get(name, 1), name) for name in found))
    return {each.key: plain(each.value) for each in members}


def parsed(document: bytes) -> Members:
    """The members of the one object that a document is."""
    if len(document) > LIMITS["max_bytes"]:
        raise Broken("POL-1")
    reader = Reader(document.decode())
    value = reader.value(*reader.token())
    if not is_object(value) or reader.token()[0] != "end":
        raise Broken("POL-1")
    members: Members = value
    return members


class Reader:
    """JSON by recursive descent; keys remember their lines."""

    def __init__(self, text: str) -> None:
        self.text, self.place, self.began = text, 0, 0

    def token(self) -> tuple[str, str]:
        """The next token, with its kind."""
        match = TOKEN.match(self.text, self.place)
        if match is None or match.lastgroup is None:
            raise Broken("POL-1")
        self.place, self.began = match.end(), match.start(match.lastgroup)
        return match.lastgroup, match[match.lastgroup]

    def value(self, kind: str, token: str) -> Any:
        """The value that begins with a token."""
        match kind, token:
            case "mark", "[":
                return tuple(self.listed("]", self.value))
            case "mark", "{":
                return list(self.listed("}", self.member))
            case "text", _:
                return text_of(token)
            case "number", _:
                return Number(token)
            case "word", _:
                return WORDS[token]
        raise Broken("POL-1")

    def listed(self, end: str, one: Callable[[str, str], Any]) -> Iterator[Any]:
        """What stands between brackets, with commas between."""
        kind, token = self.token()
        if (kind, token) == ("mark", end):
            return
        while True:
            yield one(kind, token)
            if (following := self.token()) == ("mark", end):
                return
            if following != ("mark", ","):
                raise Broken("POL-1")
            kind, token = self.token()

    def member(self, kind: str, token: str) -> Member:
        """A key, a colon and a value."""
        line = self.text.count("\n", 0, self.began) + 1
        if kind != "text" or self.token() != ("mark", ":"):
            raise Broken("POL-1")
        return Member(text_of(token), self.value(*self.token()), line)


def text_of(token: str) -> str:
    """The text that a JSON string stands for, lone surrogates included."""
    units = ESCAPE.sub(lambda match: chr(int(match[1], 16)) if match[1] else ESCAPES.get(match[2], match[2]), token)
    return units.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def is_object(value: object) -> bool:
    """Objects are lists of members; arrays are tuples."""
    return isinstance(value, list)


def everywhere(members: Members) -> Iterator[Member]:
    """Members of an object and of those in it, in the order of the document."""
    for each in members:
        yield each
        if is_object(each.value):
            yield from everywhere(each.value)


def repeated(members: Members) -> Iterator[str]:
    """Keys that an object has more than once."""
    keys = [each.key for each in members]
    yield from (key for key in keys if keys.count(key) > 1)
    for each in members:
        if is_object(each.value):
            yield from repeated(each.value)


def faults(fields: Mapping[str, Any]) -> Iterator[str]:
    """Fields with a mistake of their own, and those that do not go with others."""
    yield from (name for name in fields if name not in KNOWN)
    yield from (name for name in REQUIRED if name not in fields)
    yield from (name for name, most in MOST.items() if name in fields and within(fields[name], 0, most) is None)
    if within(fields.get("tol_coh", Number("0.05")), 0.05, 0.05) is None:
        yield "tol_coh"
    weights = finite(fields, "alpha", "beta", "gamma")
    if len(weights) == 3 and sum(weights) > 1:
        yield "gamma"
    slopes = finite(fields, "sticky_D_hat_max", "non_sticky_D_hat_min")
    if len(slopes) == 2 and slopes[0] >= slopes[1]:
        yield "sticky_D_hat_max"
    yield from misspelt(fields)
    if "flags" in fields:
        yield from flags(fields["flags"])
    if "scrutiny" in fields:
        yield from scrutiny(fields["scrutiny"])


def misspelt(fields: Mapping[str, Any]) -> Iterator[str]:
    """Texts at fault."""
    patterns = {
        "version": LIMITS["version_pattern"],
        "created_at": f"({LIMITS['created_at_pattern'][1:-1]})?",
        "signed_by": f"({LIMITS['signer_pattern'][1:-1]})?",
        "signature": f"({SIGNATURE})?",
    }
    for name, pattern in patterns.items():
        if name in fields and not matches(pattern, fields[name]):
            yield name
    for name in ("name", "description"):
        if name in fields and not is_sentence(fields[name]):
            yield name
    if "vrf_mode" in fields and fields["vrf_mode"] not in LIMITS["vrf_modes"]:
        yield "vrf_mode"


def finite(fields: Mapping[str, Any], *names: str) -> list[Fraction]:
    """Those of the named numbers that are finite, in billionths, whatever else is wrong with them."""
    found = [float(fields[name].text) for name in names if isinstance(fields.get(name), Number)]
    return [in_billionths(x) for x in found if isfinite(x)]


def within(value: object, least: float, most: Any) -> int | None:
    """The billionths of a number that has at most nine decimals and lies between two bounds."""
    if not isinstance(value, Number):
        return None
    x = float(value.text)
    if not isfinite(x) or nearest(in_billionths(x)) != x:
        return None
    return billionths(x) if in_billionths(least) <= in_billionths(x) <= most else None


def matches(pattern: str, value: object) -> bool:
    """Whether a text is all of a pattern."""
    return isinstance(value, str) and re.fullmatch(pattern.removeprefix("^").removesuffix("$"), value) is not None


def is_sentence(value: object) -> bool:
    """A text that UTF-8 carries and that is not too long."""
    if not isinstance(value, str) or len(value) > LIMITS["max_text"]:
        return False
    return not any("\ud800" <= character <= "\udfff" for character in value)


def flags(value: object) -> Iterator[str]:
    """Flags at fault: unknown ones and those that are set."""
    if not isinstance(value, list):
        yield "flags"
        return
    yield from (key for key, state, _ in value if key not in LIMITS["flags"] or state is not False)


def scrutiny(value: object) -> Iterator[str]:
    """Checks at fault (POL-12)."""
    if not isinstance(value, list) or not value:
        yield "scrutiny"
        return
    asked = {each.key: each.value for each in value}
    yield from (key for key in asked if key not in {"counts", "slope", "escalate_from", "reject_from"})
    if "counts" in asked and asked["counts"] is not True:
        yield "counts"
    if "slope" in asked:
        bounds = asked["slope"] if isinstance(asked["slope"], tuple) else ()
        counted = [within(bound, 0, RECORD["D_hat_max"]) for bound in bounds]
        low, high = counted if len(counted) == 2 else (None, None)
        if low is None or high is None or low > high:
            yield "slope"
    names = ("escalate_from", "reject_from")
    yield from (name for name in names if name in asked and within(asked[name], 1e-9, 1) is None)
    scores = finite(asked, *names)
    if len(scores) == 2 and scores[0] > scores[1]:
        yield "escalate_from"


def plain(value: Any) -> Any:
    """A value as Python has it: numbers as binary64, objects as dictionaries."""
    if isinstance(value, Number):
        return float(value.text)
    if isinstance(value, list):
        return {each.key: plain(each.value) for each in value}
    return [plain(each) for each in value] if isinstance(value, tuple) else value
