"""Policies from the texts of POL-1 to POL-5, POL-7 and POL-12: what is one, what names it, who vouches for it, whom it judges."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from hashlib import sha256
from math import isfinite
from typing import Any, NamedTuple

from . import ed25519
from .canonical import quoted
from .json_text import ESCAPE, ESCAPES, TOKEN, WORDS, Number
from .reals import billionths, fixed9, nearest, shortest
from .signals import in_billionths
from .signing import one_spelling
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


def canonical(policy: Mapping[str, Any]) -> bytes:
    """What is named and signed of a policy (POL-3)."""
    stated = {**dict.fromkeys(SAID, ""), "flags": {}} | {
        name: value for name, value in policy.items() if name not in OUTSIDE
    }
    if stated.get("vrf_mode") == "off":
        del stated["vrf_mode"]
    return written(stated).encode()


def written(value: Any) -> str:
    """JSON with sorted keys, no spaces, and nine digits for each number."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{quoted(key)}:{written(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    return fixed9(float(value))


def digest(policy: Mapping[str, Any]) -> str:
    """What names a policy (POL-3)."""
    return sha256(canonical(policy)).hexdigest()


def earlier_digest(policy: Mapping[str, Any]) -> str:
    """What named it in the earlier system (POL-4)."""
    named = {name: as_go_writes(policy[name]) for name in NUMBERS if name != "tol_budget"}
    stated = named | {"version": quoted(policy["version"])}
    return sha256(("{" + ",".join(f'"{name}":{stated[name]}' for name in sorted(stated)) + "}").encode()).hexdigest()


def as_go_writes(x: float) -> str:
    """The shortest text in Go's notation: an exponent below a millionth, and no point where none is needed."""
    if x == 0:
        return "0"
    digits = f"{Decimal(shortest(x)):f}"
    if x < 1e-6:
        exponent = 7 + len(re.match("0*", digits.removeprefix("0.000000"))[0])  # type: ignore[index]
        first, rest = digits.lstrip("0.")[0], digits.lstrip("0.")[1:]
        return f"{first}{'.' if rest else ''}{rest}e-{exponent}"
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def sign(policy: Mapping[str, Any], seed: bytes) -> bytes:
    """The bytes of its signature (POL-5)."""
    return ed25519.sign(seed, canonical(policy))


def is_vouched(policy: Mapping[str, Any], keys: Mapping[str, bytes]) -> bool:
    """Whether the key that it names made its signature (POL-5)."""
    key = keys.get(policy.get("signed_by", ""))
    signature = one_spelling(policy.get("signature", ""))
    return key is not None and signature is not None and ed25519.verify(key, canonical(policy), signature)


def judging(stated: str, keys: Mapping[str, bytes], tenant: str) -> str:
    """The version of the policy that judges a tenant's records in a segment that states this (POL-5, POL-7, POL-9)."""
    try:
        ruling = json.loads(stated)
        known = {each["version"]: each for each in ruling.get("policies", ())}
    except (ValueError, AttributeError):
        raise Broken("POL-9") from None
    in_force, candidate = ruling.get("in_force") or LIMITS["default_version"], ruling.get("candidate", "")
    if not {in_force, candidate or in_force} <= {LIMITS["default_version"], *known}:
        raise Broken("POL-9")
    if not all(is_vouched(each, keys) and says_no_more(each) for each in known.values()):
        raise Broken("POL-5")
    return candidate if candidate and in_share(candidate, tenant, ruling.get("share", 0)) else in_force


def says_no_more(value: Any) -> bool:
    """Whether no number of a policy has more digits than are signed."""
    if isinstance(value, Mapping | list):
        return all(map(says_no_more, value.values() if isinstance(value, Mapping) else value))
    return not isinstance(value, float) or nearest(in_billionths(value)) == value


def in_share(version: str, tenant: str, share: int) -> bool:
    """Whether a policy that is staged for a share judges a tenant's records (POL-7)."""
    drawn = int.from_bytes(sha256(f"{version}\n{tenant}".encode()).digest()[:8], "big")
    parts: int = LIMITS["share_parts"]
    return drawn % parts < share
