"""Submissions at every bound of a record and just beyond it, all of them signed: only the rule itself can tell them apart."""

import json
from collections.abc import Iterator
from math import nextafter

from flk.impl.bench.examine_cases import BEGAN, ENDED, LATER, NEW, OLD, Case
from flk.model.flow.submission import Submission
from flk.model.log.hlc import at
from flk.model.record.canonical import Signed
from flk.model.record.identity import pcs_id
from flk.model.record.record import LIMITS
from flk.model.record.signing import HmacKey, sign
from flk.spec.constants import CONSTANTS

SIGNALS, JUDGEMENT = CONSTANTS.signals, CONSTANTS.judgement
_NANO = 1e-9
_ROOT = "0123456789abcdef" * 4


def edges() -> Iterator[Case]:
    """All of them, a few thousand."""
    for key in (NEW, OLD, LATER):
        for bound in (ENDED, BEGAN):
            for step in (-0.001, 0.0, 0.001):
                yield Case(Submission("default", _body({}, key)), at(bound + step))
    for changes in _changes():
        yield Case(Submission("default", _body(changes)), at(1.0))
    body = _body({})
    for place in range(len(body)):
        yield Case(Submission("default", body[:place]), at(1.0))
    for name, value in {**_BASE, **_FAULT}.items():  # each key a second time, in the record and in `ft`
        again = f',"{name}":{_text(value)}}}'.encode()
        yield Case(Submission("default", body[:-1] + again), at(1.0))
        yield Case(Submission("default", body[:-2] + again + b"}"), at(1.0))
    for place in range(len(body)):
        if body[place : place + 1] in (b"{", b"}", b"[", b"]", b":", b","):
            for space in (b" ", b"\t", b"\n", b"\r", b"\x0b", b"\x0c", b"\x00"):
                yield Case(
                    Submission("default", body[:place] + space + body[place : place + 1] + space + body[place + 1 :]),
                    at(1.0),
                )
            yield Case(Submission("default", body[:place] + body[place + 1 :]), at(1.0))


def _changes() -> Iterator[dict[str, object]]:
    yield {}
    yield from _signatures()
    yield from _texts()
    yield from _numbers()
    yield from _lists()
    yield from _directions()
    yield from _judgements()
    yield from _open()


def _signatures() -> Iterator[dict[str, object]]:
    """Other spellings of the right signature, and signatures that differ from it in one character."""
    right = _signature({**_BASE, "pcs_id": pcs_id(_ROOT, 1, "shard-0")}, NEW)
    for place in range(len(right)):
        after = chr(ord(right[place]) + 1)  # of the last one only bits that count for nothing
        for character in (after, "A", "/", "+", "-", "_", "=", " ", ""):
            yield {"sig": right[:place] + character + right[place + 1 :]}
    for more in ("=", " ", "A", "AAAA"):
        yield {"sig": right + more}


def _texts() -> Iterator[dict[str, object]]:
    most = LIMITS.max_text
    for length in (0, 1, *range(7, 18), 23, most - 1, most, most + 1):
        yield {"version": "v" * length}
        yield {"ft": {**_FAULT, "fallbacks": ["f" * length]}}
        yield {"shard_id": "s" * length}
        yield {"sig": "A" * length}
    for code in range(256):
        yield {"shard_id": f"a{chr(code)}b"}
        yield {"version": f"a{chr(code)}b"}
    for root in (_ROOT[:-1], _ROOT + "0", *(f"{_ROOT[:-1]}{character}" for character in "/09:@AFG`afg")):
        yield {"merkle_root": root}
    second = "2026-01-01T00:00:00"
    for zone in ("Z", "z", "", "+00:00", "-23:59", "+0000", "+00:0", "+00:000", "*00:00", "ZZ"):
        yield {"sent_at": second + zone}
    for fraction in (".", ".0", ".123456789", ".1234567890", ".12x", ",1"):
        yield {"sent_at": f"{second}{fraction}Z"}
    for place in range(len(second)):
        for character in "/0:9Tx":
            yield {"sent_at": f"{second[:place]}{character}{second[place + 1 :]}Z"}
    for text in ("", LIMITS.schema[:-1], f"{LIMITS.schema}x"):
        yield {"schema": text}
    for text in (*LIMITS.regimes, "", "stick", "stickyy", "non_stickx", "Mixed"):
        yield {"regime": text}
    yield {"pcs_id": "0" * 64}
    yield {"pcs_id": "0" * 63}


def _numbers() -> Iterator[dict[str, object]]:
    bounds = {"epoch": (0, LIMITS.max_epoch), "attempt": (1, LIMITS.max_attempt), "seed": (-(2**63), 2**63 - 1)}
    for name, (least, most) in bounds.items():
        for value in (least - 1, least, least + 1, most - 1, most, most + 1, most * 10, most * 100, True):
            yield {name: value}
    for number in (-1, 0, LIMITS.max_epoch, LIMITS.max_epoch + 1):
        yield {"ft": {**_FAULT, "outbox_seq": number}}
    for number in (-(2**63) - 1, -(2**63), 2**63 - 1, 2**63):
        yield {"ft": {**_FAULT, "clock_skew_ms": number}}
    for flag in (True, False, 0, "true", None):
        yield {"ft": {**_FAULT, "degraded": flag}}
    signals = {"D_hat": LIMITS.D_hat_max, "coh_star": LIMITS.coh_star_max, "r": 1.0, "budget": 1.0}
    for name, limit in signals.items():
        for real in (
            0.0,
            -0.0,
            -5e-324,
            5e-324,
            limit,
            nextafter(limit, 0),
            nextafter(limit, 9),
            limit + _NANO,
            -limit,
            0,
            1,
        ):
            yield {name: real}
        for digits in range(24):
            yield {name: _Written(f"0.{'0' * digits}{'123456789' * 2}1")}
            yield {name: _Written(f"0.{'9' * digits}5")}
            yield {name: _Written(f"0.{'0' * digits}5")}
            yield {name: _Written(f"5e-{digits}")}
            yield {name: _Written(f"{'5' * (digits + 1)}E-{digits + 1:02d}")}
            yield {name: _Written(f"0.{'0' * digits}1e+{digits}")}
        for tie in range(1, 1024, 37):
            yield {name: tie / 1024}
            yield {name: (tie * 7919 + 0.5) * _NANO}


def _lists() -> Iterator[dict[str, object]]:
    for length in (0, 1, 2, LIMITS.max_scales - 1, LIMITS.max_scales, LIMITS.max_scales + 1):
        scales = list(range(1, length + 1))
        yield {"scales": scales, "N_j": {str(scale): scale for scale in scales}}
        yield {"scales": scales, "N_j": {str(scale): scale for scale in reversed(scales)}}
        yield {"scales": scales[::-1], "N_j": {str(scale): 7 for scale in scales}}
        yield {"scales": scales, "N_j": {str(scale): scale for scale in scales[1:]}}
    for scale in (0, 1, LIMITS.max_scale, LIMITS.max_scale + 1):
        yield {"scales": [2, scale], "N_j": {"2": 3, str(scale): 3}}
    for count in (0, 1, LIMITS.max_count, LIMITS.max_count + 1):
        yield {"N_j": {"2": count, "4": count, "8": count, "16": count}}
    for name in ("02", "2.0", " 2", "", "2x", "3", "4"):
        yield {"N_j": {name: 5, "4": 10, "8": 20, "16": 40}}
    yield {"scales": [2, 4, 8, 8]}
    named = {str(scale): scale for scale in range(1, LIMITS.max_scales + 1)}
    yield {"scales": [*range(1, LIMITS.max_scales), 1], "N_j": named}  # a slope that one count hardly moves
    yield {"scales": [2, 4, 4, 8], "N_j": {"2": 1, "4": 2, "8": 3, "16": 4}}
    for length in (0, 1, LIMITS.max_fallbacks, LIMITS.max_fallbacks + 1):
        yield {"ft": {**_FAULT, "fallbacks": ["a"] * length}}
    for name in _FAULT:
        yield {"ft": {key: value for key, value in _FAULT.items() if key != name}}
        yield {"ft": {**_FAULT, f"{name}x": 1}}
    for name in _BASE:
        yield {name: _ABSENT}
        yield {f"{name}x": 1}


def _directions() -> Iterator[dict[str, object]]:
    for length in (0, 1, LIMITS.max_dimensions, LIMITS.max_dimensions + 1):
        yield {"v_star": [0.5] * length}
    for number in ("1e99", "-1e-99", "1e100", "1e308", "1e309", "-0", "00", "-", "1.", ".1", "1e", "1" * 19, "1" * 20):
        yield {"v_star": [_Written(number)]}
    for zeros in (98, 99, 100):
        number = f"0.{'0' * zeros}1"
        yield {"v_star": [_Written(number)]}


def _judgements() -> Iterator[dict[str, object]]:
    for tolerance in (JUDGEMENT.tolerance_D_hat, -JUDGEMENT.tolerance_D_hat):
        for step in (-1, 0, 1):
            yield {"D_hat": 1.0 + tolerance + step * _NANO, "budget": 0.4}
    for tolerance in (JUDGEMENT.tolerance_budget, -JUDGEMENT.tolerance_budget):
        for step in (-1, 0, 1):
            yield {"budget": 0.4 + tolerance + step * _NANO}
    for D_hat in (SIGNALS.sticky_D_max, SIGNALS.non_sticky_D_min, CONSTANTS.budget.D0, 3.5):
        for coh_star in (SIGNALS.sticky_coh_min, 0.2):
            for step in (-1, 0, 1):
                for moves in LIMITS.regimes:
                    grown = {str(scale): round(64 * scale**D_hat) for scale in (2, 4, 8, 16)}
                    yield {"D_hat": D_hat + step * _NANO, "N_j": grown, "coh_star": coh_star, "regime": moves}
                    yield {
                        "D_hat": D_hat,
                        "N_j": grown,
                        "coh_star": coh_star + step * _NANO,
                        "regime": moves,
                        "budget": 1.0,
                    }
    for counts in ((9, 9, 9), (9, 5, 1), (1, 10**9, 2), (1, 2**29, 2**29)):
        yield {"scales": [2, 4, 8], "N_j": dict(zip(("2", "4", "8"), counts, strict=True))}


def _open() -> Iterator[dict[str, object]]:
    """Lists and objects that are never closed, after an item that no rule allows."""
    forbidden = {
        "scales": ("0", '"2"'),
        "v_star": ("true",),
        "N_j": ('"32":0', '"2":5', '"x":5'),
        "ft": ('"outbox_seq":0', '"x":0'),
    }
    for name, items in forbidden.items():
        whole = _text(_BASE[name])
        for item in items:
            yield {name: _Written(f"{whole[:-1]},{item}")}
            yield {name: _Written(f"{whole[0]}{item}")}
    for item in ('"f"', "0"):
        yield {"ft": _Written(_text({**_FAULT, "fallbacks": ["a"]}).replace("]", f",{item}"))}


class _Written(str):
    """A number as it is to be written."""

    __slots__ = ()


_ABSENT = object()
_FAULT = {"outbox_seq": 0, "degraded": False, "fallbacks": [], "clock_skew_ms": 0}
_BASE: dict[str, object] = {
    "D_hat": 1.0,
    "budget": 0.4,
    "coh_star": 0.75,
    "epoch": 1,
    "merkle_root": _ROOT,
    "pcs_id": "",
    "r": 0.5,
    "shard_id": "shard-0",
    "schema": LIMITS.schema,
    "version": LIMITS.version,
    "attempt": 1,
    "sent_at": "2026-01-01T00:00:00Z",
    "seed": 42,
    "scales": [2, 4, 8, 16],
    "N_j": {"2": 5, "4": 10, "8": 20, "16": 40},
    "v_star": [1.0, -0.5, 0.0],
    "regime": "sticky",
    "sig": "",
    "ft": _FAULT,
}


def _body(changes: dict[str, object], key: HmacKey = NEW) -> bytes:
    """The base with changes: with its own id, unless that is changed, and signed, unless that is."""
    fields = {**_BASE, **changes}
    if "pcs_id" not in changes:
        fields["pcs_id"] = pcs_id(str(fields["merkle_root"]), fields["epoch"], str(fields["shard_id"]))  # type: ignore[arg-type]
    if "sig" not in changes:
        fields["sig"] = _signature(fields, key)
    members = (f"{json.dumps(name)}:{_text(value)}" for name, value in fields.items() if value is not _ABSENT)
    return f"{{{','.join(members)}}}".encode()


def _signature(fields: dict[str, object], key: HmacKey) -> str:
    """Over what is there, valid or not."""
    values = {name: fields[name] for name in Signed.__struct_fields__ if fields[name] is not _ABSENT}
    reals = {name: float(value) for name, value in values.items() if name in {"D_hat", "budget", "coh_star", "r"}}  # type: ignore[arg-type]
    base = {name: _BASE[name] for name in Signed.__struct_fields__}
    return sign(key, Signed(**{**base, **values, **reals}))  # type: ignore[arg-type]


def _text(value: object) -> str:
    if isinstance(value, _Written):
        return value
    if isinstance(value, list):
        return f"[{','.join(map(_text, value))}]"
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
