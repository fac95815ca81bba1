"""Every way to break one rule of a record, and no other (REC-*, ID-*).

The vectors of `validate` and the server checks are made of the same list. A mutation starts from a valid record; where it changes
what the id is made of, the id is computed anew, so that the rule named is the only one that is broken.
"""

import json
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import NamedTuple

from flk.spec.constants import CONSTANTS

LIMITS = CONSTANTS.record
Fields = dict[str, object]
Spoil = Callable[[Fields], bytes]
NUMBERS = {"D_hat": LIMITS.D_hat_max, "coh_star": LIMITS.coh_star_max, "r": 1.0, "budget": 1.0}
INT64 = 2**63
TOO_LONG = "x" * (LIMITS.max_text + 1)


class Mutation(NamedTuple):
    """`spoil` makes the broken body of a valid record's fields; `requirement` and `field` are what a refusal must name."""

    name: str
    requirement: str
    field: str | None
    spoil: Spoil


def mutations() -> Iterator[Mutation]:
    """All of them, from the outermost rule to the innermost."""
    yield from _bodies()
    yield from _repeated_keys()
    yield from _presence()
    for field, values in _bad_values().items():
        for slug, value in values.items():
            yield Mutation(f"{field}/{slug}", LIMITS.requirement[field], field, _set(field, value))
    yield from _wrong_ids()
    yield from _faults()
    yield from _texts()


def body_of(fields: Fields) -> bytes:
    """The fields as JSON."""
    return json.dumps(fields, separators=(",", ":")).encode()


def _bodies() -> Iterator[Mutation]:
    """What is not one JSON object in UTF-8 (REC-1)."""
    constant = {
        "empty": b"",
        "white-space": b" \n",
        "null": b"null",
        "array": b"[]",
        "text": b'"record"',
        "number": b"1",
        "true": b"true",
        "open-brace": b"{",
        "word": b"record",
        "only-bom": b"\xef\xbb\xbf",
    }
    for slug, body in constant.items():
        yield Mutation(f"body/{slug}", "REC-1", None, _always(body))
    changed: dict[str, Callable[[bytes], bytes]] = {
        "truncated": lambda body: body[:-1],
        "trailing-text": lambda body: body + b"x",
        "two-objects": lambda body: body + body,
        "in-an-array": lambda body: b"[" + body + b"]",
        "byte-order-mark": lambda body: b"\xef\xbb\xbf" + body,
        "utf-16": lambda body: body.decode().encode("utf-16"),
        "invalid-utf-8": lambda body: body.replace(b'"version":"', b'"version":"\xff'),
        "overlong-utf-8": lambda body: body.replace(b'"version":"', b'"version":"\xc0\xaf'),
        "utf-8-surrogate": lambda body: body.replace(b'"version":"', b'"version":"\xed\xa0\x80'),
        "lone-surrogate-escape": lambda body: body.replace(b'"version":"', b'"version":"\\ud800'),
        "control-character": lambda body: body.replace(b'"version":"', b'"version":"\n'),
        "form-feed": lambda body: body.replace(b"{", b"{\f", 1),
        "no-break-space": lambda body: body.replace(b"{", b"{\xc2\xa0", 1),
        "comment": lambda body: body.replace(b"{", b"{/**/", 1),
        "trailing-comma": lambda body: body[:-1] + b",}",
        "single-quotes": lambda body: body.replace(b'"', b"'"),
        "unquoted-key": lambda body: body.replace(b'"seed":', b"seed:"),
        "bad-escape": lambda body: body.replace(b'"version":"', b'"version":"\\x41'),
        "null-byte-at-end": lambda body: body + b"\0",
    }
    for slug, change in changed.items():
        yield Mutation(f"body/{slug}", "REC-1", None, _edited(change))


def _repeated_keys() -> Iterator[Mutation]:
    """A key twice in one object, plain or behind an escape (REC-2)."""
    twice: dict[str, tuple[str, str, str]] = {
        "same-value": ("epoch", '"epoch":', '"epoch":1,"epoch":'),
        "escaped": ("epoch", '"epoch":', '"\\u0065poch":1,"epoch":'),
        "in-ft": ("degraded", '"degraded":', '"degraded":false,"degraded":'),
        "in-counts": ("2", '"2":', '"2":5,"2":'),
        "with-white-space": ("seed", '"seed":', '"seed" : 42 , "seed" : '),
        "signature": ("sig", '"sig":', '"sig":"","sig":'),
    }
    for slug, (field, plain, doubled) in twice.items():
        yield Mutation(f"repeated/{slug}", "REC-2", field, _in_text(plain, doubled))


def _presence() -> Iterator[Mutation]:
    """A field that is missing, unknown, or spelt otherwise (REC-3)."""
    for field in (name for name in LIMITS.requirement if name != "vrf_proof"):
        yield Mutation(f"missing/{field}", "REC-3", field, _dropped(field))
    for field in ("outbox_seq", "degraded", "fallbacks", "clock_skew_ms"):
        yield Mutation(f"missing/ft.{field}", "REC-3", field, _dropped_in_ft(field))
    for slug, name in {
        "plain": "extra",
        "hyphen": "x-extra",
        "empty": "",
        "other-case": "D_Hat",
        "quoting": "field `sig`",
    }.items():
        yield Mutation(f"unknown/{slug}", "REC-3", name, _set(name, 1))
    yield Mutation("unknown/verifiable-random-function", "REC-3", "vrf_proof", _set("vrf_proof", ""))
    yield Mutation("unknown/in-ft", "REC-3", "extra", _set_in_ft("extra", 1))
    yield Mutation("unknown/known-name-in-ft", "REC-3", "seed", _set_in_ft("seed", 1))


def _bad_values() -> dict[str, dict[str, object]]:
    """For each field, values that its rule forbids."""
    digest = "a" * 64
    hashes: dict[str, object] = {
        "upper-case": "A" * 64,
        "one-short": digest[1:],
        "one-long": digest + "a",
        "not-hex": "g" * 64,
        "empty": "",
        "final-newline": digest + "\n",
        "number": 1,
        "null": None,
    }
    return {
        "merkle_root": {**hashes, "with-bar": digest[:-2] + "|1", "with-prefix": "0x" + digest[2:]},
        "shard_id": {
            "empty": "",
            "bar": "a|b",
            "quote": 'a"b',
            "backslash": "a\\b",
            "newline": "a\nb",
            "final-newline": "a\n",
            "tab": "\t",
            "delete": "a\x7f",
            "null-character": "a\0",
            "non-ascii": "caf\u00e9",
            "non-bmp": "\U0001f600",
            "full-width": "\uff53",
            "too-long": "s" * (LIMITS.max_text + 1),
            "number": 1,
            "null": None,
        },
        "epoch": {
            "negative": -1,
            "two-to-53": LIMITS.max_epoch + 1,
            "two-to-63": INT64,
            "two-to-64": 2 * INT64,
            "thirty-digits": 10**30,
            "fraction": 1.5,
            "integral-fraction": 1.0,
            "text": "1",
            "true": True,
            "null": None,
            "list": [1],
        },
        "pcs_id": {**hashes, "another": "0" * 64},
        "schema": {
            "other": "other",
            "upper-case": LIMITS.schema.upper(),
            "empty": "",
            "space": LIMITS.schema + " ",
            "null": None,
        },
        "version": {"empty": "", "too-long": TOO_LONG, "number": 0.1, "null": None},
        **{field: _bad_real(most) for field, most in NUMBERS.items()},
        "regime": {
            "unknown": "banana",
            "upper-case": "Sticky",
            "hyphen": "non-sticky",
            "empty": "",
            "space": "mixed ",
            "number": 1,
            "null": None,
        },
        "scales": {
            "empty": [],
            "one": [2],
            "zero": [0, 4, 8, 16],
            "negative": [-2, 4, 8, 16],
            "too-large": [2, 4, 8, LIMITS.max_scale + 1],
            "repeated": [2, 4, 8, 8],
            "fraction": [2.0, 4, 8, 16],
            "text": ["2", 4, 8, 16],
            "too-many": list(range(1, LIMITS.max_scales + 2)),
            "object": {"2": 1},
            "null": None,
        },
        "N_j": {
            "empty": {},
            "missing": {"2": 5, "4": 10, "8": 20},
            "more": {"2": 5, "4": 10, "8": 20, "16": 40, "32": 80},
            "other-scale": {"2": 5, "4": 10, "8": 20, "32": 40},
            "leading-zero": {"02": 5, "4": 10, "8": 20, "16": 40},
            "spaced-key": {" 2": 5, "4": 10, "8": 20, "16": 40},
            "zero": {"2": 0, "4": 10, "8": 20, "16": 40},
            "negative": {"2": -5, "4": 10, "8": 20, "16": 40},
            "too-large": {"2": 5, "4": 10, "8": 20, "16": LIMITS.max_count + 1},
            "fraction": {"2": 5.0, "4": 10, "8": 20, "16": 40},
            "text": {"2": "5", "4": 10, "8": 20, "16": 40},
            "list": [5, 10, 20, 40],
            "null": None,
        },
        "attempt": {
            "zero": 0,
            "negative": -1,
            "too-large": LIMITS.max_attempt + 1,
            "fraction": 1.0,
            "text": "1",
            "null": None,
        },
        "sent_at": {
            "empty": "",
            "date": "2025-01-19",
            "no-offset": "2025-01-19T12:00:00",
            "space": "2025-01-19 12:00:00Z",
            "small-letters": "2025-01-19t12:00:00z",
            "ten-digits": "2025-01-19T12:00:00.1234567890Z",
            "empty-fraction": "2025-01-19T12:00:00.Z",
            "offset-without-colon": "2025-01-19T12:00:00+0100",
            "two-digit-year": "25-01-19T12:00:00Z",
            "final-newline": "2025-01-19T12:00:00Z\n",
            "bar": "2025-01-19T12:00:00Z|",
            "other-digits": "\u0662\u0660\u0662\u0665-01-19T12:00:00Z",
            "seconds": 1737288000,
            "null": None,
        },
        "seed": {"two-to-63": INT64, "below": -INT64 - 1, "fraction": 42.0, "text": "42", "null": None},
        "v_star": {
            "empty": [],
            "too-long": [0.0] * (LIMITS.max_dimensions + 1),
            "text": ["0"],
            "nested": [[0.0]],
            "number": 1.0,
            "null-inside": [None],
            "null": None,
        },
        "ft": {"null": None, "list": [], "text": ""},
        "sig": {"too-long": "A" * (LIMITS.max_text + 1), "number": 0, "null": None},
    }


def _bad_real(most: float) -> dict[str, object]:
    return {
        "negative": -1e-9,
        "tiny-negative": -5e-324,
        "above": most + 1e-9,
        "far-above": 1e300,
        "far-below": -100,
        "text": "0.5",
        "true": True,
        "null": None,
        "list": [0.5],
    }


def _faults() -> Iterator[Mutation]:
    """Values that the rules of `ft` forbid (REC-8)."""
    values: dict[str, dict[str, object]] = {
        "outbox_seq": {"negative": -1, "too-large": LIMITS.max_epoch + 1, "fraction": 0.0, "null": None},
        "degraded": {"number": 0, "text": "false", "null": None},
        "fallbacks": {
            "too-many": ["f"] * (LIMITS.max_fallbacks + 1),
            "too-long": [TOO_LONG],
            "number-inside": [1],
            "text": "",
            "null": None,
        },
        "clock_skew_ms": {"two-to-63": INT64, "below": -INT64 - 1, "fraction": 0.5, "null": None},
    }
    for field, bad in values.items():
        for slug, value in bad.items():
            yield Mutation(f"ft.{field}/{slug}", "REC-8", "ft", _set_in_ft(field, value))


def _texts() -> Iterator[Mutation]:
    """Number texts that some readers let pass: not JSON at all (REC-1), or JSON that no double holds (REC-5)."""
    not_json = ("NaN", "Infinity", "-Infinity", "nan", "01", "1.", ".5", "+1", "0x1", "1e", "1_0", "--1", "1,5")
    for word in not_json:
        yield Mutation(f"number/{word}", "REC-1", None, _number("r", word))
    for word in ("1e309", "-1e309", "1" + "0" * 400):
        yield Mutation(f"number/{word[:8]}-overflow", "REC-5", "r", _number("r", word))
    for word in ("1.0", "1e0", "10e-1", "-1"):
        yield Mutation(f"number/epoch-{word}", "ID-4", "epoch", _number("epoch", word))
    for word in ("1e0", "10e-1"):
        yield Mutation(f"number/attempt-{word}", "REC-8", "attempt", _number("attempt", word))


def _wrong_ids() -> Iterator[Mutation]:
    """Well-formed ids of something else (ID-1)."""
    hashed: dict[str, Callable[[Fields], tuple[object, ...]]] = {
        "of-another-epoch": lambda fields: (fields["merkle_root"], f"{fields['epoch']}0", fields["shard_id"]),
        "of-swapped-parts": lambda fields: (fields["shard_id"], fields["epoch"], fields["merkle_root"]),
        "of-padded-epoch": lambda fields: (fields["merkle_root"], f"0{fields['epoch']}", fields["shard_id"]),
        "without-shard": lambda fields: (fields["merkle_root"], fields["epoch"]),
    }
    for slug, parts in hashed.items():
        yield Mutation(f"pcs_id/{slug}", "ID-1", "pcs_id", _identified(parts))


def _always(body: bytes) -> Spoil:
    return lambda _: body


def _edited(change: Callable[[bytes], bytes]) -> Spoil:
    return lambda fields: change(body_of(fields))


def _dropped(name: str) -> Spoil:
    return lambda fields: body_of(_without(fields, name))


def _dropped_in_ft(name: str) -> Spoil:
    return lambda fields: body_of({**fields, "ft": _without(_ft(fields), name)})


def _set_in_ft(name: str, value: object) -> Spoil:
    return lambda fields: body_of({**fields, "ft": {**_ft(fields), name: value}})


def _identified(parts: Callable[[Fields], tuple[object, ...]]) -> Spoil:
    return lambda fields: body_of({**fields, "pcs_id": _hash(*parts(fields))})


def _set(field: str, value: object) -> Spoil:
    """The record with another value. The id follows a change of its parts, the counts follow one of the scales; so they do for
    whoever takes `1.0` or `true` for 1, and the one rule that is broken is that of the field.
    """

    def spoil(fields: Fields) -> bytes:
        changed = {**fields, field: value}
        if field in _PARTS:
            changed["pcs_id"] = _hash(*(_taken(changed[part]) for part in _PARTS))
        if field == "scales" and isinstance(value, list):
            changed["N_j"] = {str(_taken(scale)): 5 << place for place, scale in enumerate(value)}
        return body_of(changed)

    return spoil


def _taken(value: object) -> object:
    """What a lenient reader takes a value for."""
    return int(value) if isinstance(value, bool) or (isinstance(value, float) and value.is_integer()) else value


_PARTS = ("merkle_root", "epoch", "shard_id")


def _hash(*parts: object) -> str:
    return sha256("|".join(map(str, parts)).encode()).hexdigest()


def _in_text(old: str, new: str) -> Spoil:
    """The record's text with one passage changed."""
    return lambda fields: body_of(fields).replace(old.encode(), new.encode(), 1)


def _number(field: str, word: str) -> Spoil:
    """The record's text with another word where the field's number stands."""

    def spoil(fields: Fields) -> bytes:
        old = json.dumps(fields[field]).encode()
        return body_of(fields).replace(f'"{field}":'.encode() + old, f'"{field}":{word}'.encode(), 1)

    return spoil


def _without(fields: Fields, name: str) -> Fields:
    return {field: value for field, value in fields.items() if field != name}


def _ft(fields: Fields) -> Fields:
    ft = fields["ft"]
    assert isinstance(ft, dict)
    return ft
