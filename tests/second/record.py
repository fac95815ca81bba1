"""What a body must be before anything else is asked of it (REC-1 to REC-9, ID-1 to ID-4)."""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from .identity import pcs_id
from .json_text import Number, Object, Value, parse
from .texts import CONSTANTS, Broken

LIMITS = CONSTANTS["record"]
REQUIREMENT: dict[str, str] = LIMITS["requirement"]
NINETEEN = tuple(name for name in REQUIREMENT if name != "vrf_proof")
FT = ("outbox_seq", "degraded", "fallbacks", "clock_skew_ms")
INT64 = (-(2**63), 2**63 - 1)
INTEGER = re.compile(r"-?[0-9]+")


class Unfit(Exception):
    """A value is not what its field's requirement says."""


def decode(body: bytes) -> dict[str, Any]:
    """The record that a body holds; else the one rule it breaks and the field at fault."""
    record, breaches = examine(body)
    if breaches:
        raise breaches[0]
    return record


def examine(body: bytes) -> tuple[dict[str, Any], list[Broken]]:
    """What can be read of a body, and all rules that it breaks."""
    try:
        top = parse(body)
    except Broken as broken:
        return {}, [broken]
    fields = dict(top.members)
    proven = "vrf_proof" in fields and fields.get("version") == LIMITS["drawn_version"]
    breaches = [*_keys_twice(top), *_not_exactly(fields, (*NINETEEN, "vrf_proof") if proven else NINETEEN)]
    record: dict[str, Any] = {}
    for name in (*NINETEEN, "vrf_proof") if proven else NINETEEN:
        if name in fields:
            try:
                record[name] = _field(name, fields[name])
            except Broken as broken:
                breaches.append(broken)
    if {"N_j", "scales"} <= record.keys() and set(record["N_j"]) != {str(scale) for scale in record["scales"]}:
        breaches.append(Broken("REC-7", "N_j"))
    if {"pcs_id", "merkle_root", "epoch", "shard_id"} <= record.keys() and record["pcs_id"] != pcs_id(
        record["merkle_root"], record["epoch"], record["shard_id"]
    ):
        breaches.append(Broken("ID-1", "pcs_id"))
    return record, breaches


def _keys_twice(value: Value) -> Iterator[Broken]:
    """REC-2 for each key that an object holds more than once; the key is the field at fault."""
    open_values = [value]
    while open_values:
        inner = open_values.pop()
        if isinstance(inner, Object):
            yield from (
                Broken("REC-2", key) for key, times in Counter(k for k, _ in inner.members).items() if times > 1
            )
            open_values.extend(member for _, member in inner.members)
        elif isinstance(inner, list):
            open_values.extend(inner)


def _not_exactly(members: dict[str, Value], names: tuple[str, ...]) -> Iterator[Broken]:
    """REC-3 for each name that is missing, and for each that is not one of these; it is the field at fault."""
    yield from (Broken("REC-3", name) for name in names if name not in members)
    yield from (Broken("REC-3", name) for name in members if name not in names)


def _field(name: str, value: Value) -> Any:
    """A field's value, if it is what its requirement says."""
    try:
        return READ[name](value)
    except Unfit:
        raise Broken(REQUIREMENT[name], name) from None


def _text(value: Value, shortest: int = 0) -> str:
    if not isinstance(value, str) or not shortest <= len(value) <= LIMITS["max_text"]:
        raise Unfit
    return value


def _matching(value: Value, pattern: str) -> str:
    if not isinstance(value, str) or re.fullmatch(LIMITS[pattern].removeprefix("^").removesuffix("$"), value) is None:
        raise Unfit
    return value


def _one_of(value: Value, texts: Sequence[str]) -> str:
    if not isinstance(value, str) or value not in texts:
        raise Unfit
    return value


def _integer(value: Value, least: int, most: int) -> int:
    """A JSON integer without fraction or exponent, as ID-4 says of `epoch`."""
    if not isinstance(value, Number) or INTEGER.fullmatch(value.text) is None or len(value.text) > 20:
        raise Unfit
    if not least <= int(value.text) <= most:
        raise Unfit
    return int(value.text)


def _real(value: Value, least: float, most: float) -> float:
    """A finite number in the range, as binary64 reads it."""
    if not isinstance(value, Number) or not math.isfinite(x := float(value.text)) or not least <= x <= most:
        raise Unfit
    return x


def _list(value: Value, least: int, most: int) -> list[Value]:
    if not isinstance(value, list) or not least <= len(value) <= most:
        raise Unfit
    return value


def _scales(value: Value) -> list[int]:
    scales = [_integer(x, 1, LIMITS["max_scale"]) for x in _list(value, LIMITS["min_scales"], LIMITS["max_scales"])]
    if len(set(scales)) < len(scales):
        raise Unfit
    return scales


def _counts(value: Value) -> dict[str, int]:
    if not isinstance(value, Object):
        raise Unfit
    return {key: _integer(count, 1, LIMITS["max_count"]) for key, count in value.members}


def _fault(value: Value) -> dict[str, Any]:
    if not isinstance(value, Object):
        raise Unfit
    members = dict(value.members)
    for broken in _not_exactly(members, FT):
        raise broken
    if not isinstance(members["degraded"], bool):
        raise Unfit
    return {
        "outbox_seq": _integer(members["outbox_seq"], 0, LIMITS["max_epoch"]),
        "degraded": members["degraded"],
        "fallbacks": [_text(text) for text in _list(members["fallbacks"], 0, LIMITS["max_fallbacks"])],
        "clock_skew_ms": _integer(members["clock_skew_ms"], *INT64),
    }


READ: dict[str, Callable[[Value], Any]] = {
    "pcs_id": partial(_matching, pattern="pcs_id_pattern"),
    "merkle_root": partial(_matching, pattern="merkle_root_pattern"),
    "shard_id": partial(_matching, pattern="shard_id_pattern"),
    "sent_at": partial(_matching, pattern="sent_at_pattern"),
    "epoch": partial(_integer, least=0, most=LIMITS["max_epoch"]),
    "schema": partial(_one_of, texts=[LIMITS["schema"]]),
    "version": partial(_text, shortest=1),
    "D_hat": partial(_real, least=0, most=float(LIMITS["D_hat_max"])),
    "coh_star": partial(_real, least=0, most=float(LIMITS["coh_star_max"])),
    "r": partial(_real, least=0, most=1),
    "budget": partial(_real, least=0, most=1),
    "regime": partial(_one_of, texts=LIMITS["regimes"]),
    "scales": _scales,
    "N_j": _counts,
    "attempt": partial(_integer, least=1, most=LIMITS["max_attempt"]),
    "seed": partial(_integer, least=INT64[0], most=INT64[1]),
    "v_star": lambda value: [_real(x, -math.inf, math.inf) for x in _list(value, 1, LIMITS["max_dimensions"])],
    "ft": _fault,
    "sig": _text,
    "vrf_proof": partial(_matching, pattern="vrf_proof_pattern"),
}
"""What each field is read by (REC-4 to REC-9, REC-11, ID-1 to ID-4)."""
