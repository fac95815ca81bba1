"""Records, from their bytes to the digest of their content and the outcome (REC-*, ID-*, C14N-*, SIG-*, JDG-*, DUP-3)."""

import json
import re
from decimal import ROUND_HALF_EVEN, Context, Decimal
from hashlib import sha256
from itertools import combinations
from math import inf, isfinite, log2
from typing import Any, NamedTuple

from flk.spec.constants import CONSTANTS

LIMITS = CONSTANTS.record
_EXACT = Context(prec=1000, rounding=ROUND_HALF_EVEN)
_UNIT = Decimal(1).scaleb(-CONSTANTS.canonical.digits)
_SIGNED = ("D_hat", "budget", "coh_star", "epoch", "merkle_root", "pcs_id", "r", "shard_id")
_FIELDS = {
    *_SIGNED,
    *("schema", "version", "attempt", "sent_at", "seed", "scales", "N_j", "v_star", "regime", "sig", "ft"),
}
_PROOF = {"vrf_proof"}
_FT = {"outbox_seq", "degraded", "fallbacks", "clock_skew_ms"}
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}

Record = dict[str, Any]


class Invalid(Exception):
    """A body that is no valid record. Its text is the requirement that it breaks."""


class Outcome(NamedTuple):
    """What is concluded from a record (JDG-*)."""

    accepted: bool
    escalated: bool
    reason: str
    recomputed_D_hat: float
    recomputed_budget: float


def read(body: bytes) -> Record:
    """The record that a body holds. Raises Invalid for a body that breaks one of REC-* and ID-*."""
    try:
        text = body.decode("utf-8")
        record: Record = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise Invalid("REC-1") from None
    _require("REC-1", isinstance(record, dict) and _is_unicode(record))
    _require("REC-3", record.keys() - _PROOF == _FIELDS)
    _require("REC-3", record["version"] == LIMITS.drawn_version or not record.keys() & _PROOF)
    _require("REC-8", isinstance(record["ft"], dict))
    _require("REC-3", record["ft"].keys() == _FT)
    _texts(record)
    _numbers(record)
    _require("REC-6", record["regime"] in LIMITS.regimes)
    _counts(record)
    _delivery(record)
    parts = f"{record['merkle_root']}|{record['epoch']}|{record['shard_id']}"
    _require("ID-1", record["pcs_id"] == sha256(parts.encode()).hexdigest())
    return record


def fixed9(number: float) -> str:
    """A real with nine fractional digits: the nearest decimal to its exact value, a tie to the even digit, no signed zero."""
    if not isfinite(number):
        raise Invalid("C14N-4")
    rounded = Decimal(number).quantize(_UNIT, context=_EXACT)
    return f"{abs(rounded) if rounded == 0 else rounded:f}"


def billionths(number: float) -> int:
    """A real, rounded and counted in billionths (JDG-1)."""
    return int(fixed9(number).replace(".", ""))


def round9(number: float) -> float:
    """The binary64 number nearest to the rounded one."""
    return float(fixed9(number))


def canonical(record: Record, profile: str = "fixed9") -> bytes:
    """What is signed: the eight fields in code-point order, without white space (C14N-1, C14N-6), and of profile `judged` also
    what else is judged (C14N-9).
    """
    if profile == "judged":
        return canonical(record) + b"\n" + judged(record)
    real = fixed9 if profile == "fixed9" else lambda number: repr(round9(number))
    written = []
    for name in _SIGNED:
        value = record[name]
        match name:
            case "D_hat" | "budget" | "coh_star" | "r":
                written.append(f'"{name}":{real(float(value))}')
            case "epoch":
                written.append(f'"{name}":{value}')
            case _:
                written.append(f'"{name}":"{"".join(map(_escaped, value))}"')
    try:
        return ("{" + ",".join(written) + "}").encode()
    except UnicodeEncodeError:
        raise Invalid("C14N-5") from None


def digest(record: Record) -> str:
    """SHA-256 of all that is signed or judged (DUP-3)."""
    return sha256(canonical(record) + b"\n" + judged(record)).hexdigest()


def judged(record: Record) -> bytes:
    """What is judged beside the eight signed fields: the counts in the order of the scales, the regime, the scales; of a record
    with a proof also seed and proof.
    """
    scales = record["scales"]
    drawn = f',"seed":{record["seed"]},"vrf_proof":"{record["vrf_proof"]}"' if "vrf_proof" in record else ""
    counts = ",".join(f'"{scale}":{record["N_j"][str(scale)]}' for scale in scales)
    return (
        f'{{"N_j":{{{counts}}},"regime":"{record["regime"]}","scales":[{",".join(map(str, scales))}]{drawn}}}'.encode()
    )


def slope(scales: list[int], counts: list[int]) -> float:
    """The median of the slopes between all pairs of points, not rounded (SIG-1)."""
    points = [(log2(scale), log2(count)) for scale, count in zip(scales, counts, strict=True)]
    pairs = [(a, b) for a, b in combinations(points, 2) if abs(b[0] - a[0]) >= CONSTANTS.signals.min_dx]
    slopes = sorted((b[1] - a[1]) / (b[0] - a[0]) for a, b in pairs)
    below, above = slopes[(len(slopes) - 1) // 2], slopes[len(slopes) // 2]
    return below if len(slopes) % 2 else (below + above) / 2


class Rules(NamedTuple):
    """The numbers that a record is judged by, named as policies name them (POL-8)."""

    tol_D: float = CONSTANTS.judgement.tolerance_D_hat
    tol_budget: float = CONSTANTS.judgement.tolerance_budget
    alpha: float = CONSTANTS.budget.alpha
    beta: float = CONSTANTS.budget.beta
    gamma: float = CONSTANTS.budget.gamma
    base: float = CONSTANTS.budget.base
    D0: float = CONSTANTS.budget.D0
    sticky_D_hat_max: float = CONSTANTS.signals.sticky_D_max
    sticky_coherence_min: float = CONSTANTS.signals.sticky_coh_min
    non_sticky_D_hat_min: float = CONSTANTS.signals.non_sticky_D_min


DEFAULT = Rules()


def regime(D_hat: float, coh_star: float, rules: Rules = DEFAULT) -> str:
    """How the computation moves (SIG-4)."""
    steep, dense = billionths(D_hat), billionths(coh_star)
    if dense >= billionths(rules.sticky_coherence_min) and steep <= billionths(rules.sticky_D_hat_max):
        return "sticky"
    return "non_sticky" if steep >= billionths(rules.non_sticky_D_hat_min) else "mixed"


def budget(D_hat: float, coh_star: float, r: float, rules: Rules = DEFAULT) -> float:
    """The share of effort that a record asks for, not rounded (SIG-6)."""
    D_hat, coh_star, r = round9(D_hat), round9(coh_star), round9(r)
    cost = rules.base + rules.alpha * (1 - r) + rules.beta * max(0.0, D_hat - rules.D0)
    return min(1.0, max(0.0, cost + rules.gamma * coh_star))


def judge(record: Record, rules: Rules = DEFAULT) -> Outcome:
    """What is concluded from a valid record (JDG-1 to JDG-5)."""
    steep = slope(record["scales"], [record["N_j"][str(scale)] for scale in record["scales"]])
    cost = budget(float(record["D_hat"]), float(record["coh_star"]), float(record["r"]), rules)
    recomputed = round9(steep), round9(cost)
    if _apart(record["D_hat"], steep) > billionths(rules.tol_D):
        return Outcome(False, True, "D_hat_out_of_tolerance", *recomputed)  # noqa: FBT003
    if record["regime"] != regime(float(record["D_hat"]), float(record["coh_star"]), rules):
        return Outcome(True, True, "regime_mismatch", *recomputed)  # noqa: FBT003
    if _apart(record["budget"], cost) > billionths(rules.tol_budget):
        return Outcome(True, True, "budget_deviation", *recomputed)  # noqa: FBT003
    return Outcome(True, False, "ok", *recomputed)  # noqa: FBT003


def _apart(claimed: float, recomputed: float) -> int:
    return abs(billionths(float(claimed)) - billionths(recomputed))


def _escaped(character: str) -> str:
    """One character of a text in JSON as RFC 8785 writes it (C14N-5)."""
    if character in _ESCAPES:
        return _ESCAPES[character]
    return f"\\u{ord(character):04x}" if ord(character) < 0x20 else character


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Invalid("REC-2")
    return found


def _no_number(text: str) -> None:
    raise ValueError(text)


def _require(requirement: str, holds: object) -> None:
    if not holds:
        raise Invalid(requirement)


def _whole(value: object, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most


def _real(value: object, least: float, most: float) -> bool:
    if type(value) is int:
        return least <= value <= most and abs(value) < 2**1023
    return type(value) is float and isfinite(value) and least <= value <= most


def _text(value: object, most: int, least: int = 0) -> bool:
    return isinstance(value, str) and least <= len(value) <= most


def _is_unicode(value: object) -> bool:
    """Whether UTF-8 can carry every text in a value."""
    if isinstance(value, str):
        return not any("\ud800" <= character <= "\udfff" for character in value)
    parts = [*value.keys(), *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else ()
    return all(map(_is_unicode, parts))


def _form(value: object, pattern: str) -> bool:
    return isinstance(value, str) and re.fullmatch(pattern.removeprefix("^").removesuffix("$"), value) is not None


def _texts(record: Record) -> None:
    _require("REC-4", record["schema"] == LIMITS.schema and _text(record["version"], LIMITS.max_text, 1))
    _require("ID-2", _form(record["merkle_root"], LIMITS.merkle_root_pattern))
    _require("ID-3", _form(record["shard_id"], LIMITS.shard_id_pattern))
    _require("ID-4", _whole(record["epoch"], 0, LIMITS.max_epoch))
    _require("REC-9", _text(record["sig"], LIMITS.max_text))
    _require("REC-11", "vrf_proof" not in record or _form(record["vrf_proof"], LIMITS.vrf_proof_pattern))


def _numbers(record: Record) -> None:
    _require("REC-5", _real(record["D_hat"], 0, LIMITS.D_hat_max))
    _require("REC-5", _real(record["coh_star"], 0, LIMITS.coh_star_max))
    _require("REC-5", _real(record["r"], 0, 1) and _real(record["budget"], 0, 1))


def _counts(record: Record) -> None:
    scales, counts = record["scales"], record["N_j"]
    _require("REC-7", isinstance(scales, list) and LIMITS.min_scales <= len(scales) <= LIMITS.max_scales)
    _require("REC-7", all(_whole(scale, 1, LIMITS.max_scale) for scale in scales))
    _require("REC-7", len(set(scales)) == len(scales))
    _require("REC-7", isinstance(counts, dict) and counts.keys() == set(map(str, scales)))
    _require("REC-7", all(_whole(count, 1, LIMITS.max_count) for count in counts.values()))


def _delivery(record: Record) -> None:
    _require("REC-8", _whole(record["attempt"], 1, LIMITS.max_attempt))
    _require("REC-8", _form(record["sent_at"], LIMITS.sent_at_pattern))
    _require("REC-8", _whole(record["seed"], -(2**63), 2**63 - 1))
    direction = record["v_star"]
    _require("REC-8", isinstance(direction, list) and 1 <= len(direction) <= LIMITS.max_dimensions)
    _require("REC-8", all(_real(part, -inf, inf) for part in direction))
    fault = record["ft"]
    _require("REC-8", _whole(fault["outbox_seq"], 0, LIMITS.max_epoch) and type(fault["degraded"]) is bool)
    _require("REC-8", isinstance(fault["fallbacks"], list) and len(fault["fallbacks"]) <= LIMITS.max_fallbacks)
    _require("REC-8", all(_text(fallback, LIMITS.max_text) for fallback in fault["fallbacks"]))
    _require("REC-8", _whole(fault["clock_skew_ms"], -(2**63), 2**63 - 1))
