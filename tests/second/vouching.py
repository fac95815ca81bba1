"""What names policies, who vouches for them, and whom they judge, from the texts of POL-2 to POL-5, POL-7 and POL-9."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from hashlib import sha256
from typing import Any

from . import ed25519
from .canonical import quoted
from .policies import LIMITS, NUMBERS, OUTSIDE, SAID, Wrong, read
from .reals import fixed9, nearest, shortest
from .signals import in_billionths
from .signing import one_spelling
from .texts import Broken


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
    in_force: str = ruling.get("in_force") or LIMITS["default_version"]
    candidate: str = ruling.get("candidate", "")
    if not {in_force, candidate or in_force} <= {LIMITS["default_version"], *known}:
        raise Broken("POL-9")
    if not all(is_vouched(each, keys) and says_no_more(each) for each in known.values()):
        raise Broken("POL-5")
    try:
        for each in known.values():
            read(json.dumps(each).encode())
    except Wrong:
        raise Broken("POL-2") from None
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
