"""Drafts of `pcs_id`, `validate` and `content_digest` (ID-*, REC-*, DUP-3)."""

import json
from collections.abc import Iterator

import msgspec

from flk.conformance.drafts.draft import MERKLE_ROOT, Draft, fields
from flk.conformance.drafts.drawing import VRF, respelt, with_proof
from flk.conformance.drafts.mutations import Fields, Mutation, body_of, mutations
from flk.conformance.operations.records import Body, Triple, ValidRecord
from flk.model.record.record import Pcs
from flk.spec.constants import CONSTANTS

LIMITS = CONSTANTS.record
_FLAG = {"REC-1": ("json",), "REC-2": ("repeated-key",)}


def pcs_id() -> Iterator[Draft]:
    """Epochs of every length, shards of every character."""
    for epoch in (0, 1, 9, 10, 99, 2**31 - 1, 2**31, 2**32, 2**53 - 2, 2**53 - 1):
        yield _triple(f"epoch/{epoch}", "decimal, without sign or leading zeros", epoch=epoch)
    for slug, root in {"zeros": "0" * 64, "digits": "0123456789abcdef" * 4, "last": "f" * 64}.items():
        yield _triple(f"root/{slug}", "the root as it is written", merkle_root=root)
    shards = {
        "one": "s",
        "space": " ",
        "spaces": " a b ",
        "longest": "s" * LIMITS.max_text,
        "punctuation": "!#$%&'()*+,-./:;<=>?@[]^_`{}~",
        "tilde": "~",
        "digits": "0",
    }
    for slug, shard in shards.items():
        yield _triple(f"shard/{slug}", "the shard as it is written", shard_id=shard)
    yield _triple(
        "parts/epoch-then-digit",
        "the bar keeps 1 and 11 apart from 11 and 1",
        epoch=1,
        shard_id="11",
        requirement="ID-5",
    )
    yield _triple(
        "parts/digit-then-epoch",
        "the bar keeps 1 and 11 apart from 11 and 1",
        epoch=11,
        shard_id="1",
        requirement="ID-5",
    )


def validate() -> Iterator[Draft]:
    """Valid records of every shape, and every mutation."""
    for slug, (comment, requirement, body) in _valid_bodies().items():
        yield Draft(f"valid/{slug}", comment, Body(body=body), (requirement,))
    yield from _with_proofs()
    valid = fields()
    for mutation in mutations():
        comment = f"breaks {mutation.requirement}: {mutation.name.replace('/', ', ').replace('-', ' ')}"
        refusal = (mutation.requirement, mutation.field)
        named = ("REC-10",) if _needs_a_name(mutation) else ()
        yield Draft(
            mutation.name,
            comment,
            _body(mutation.spoil(valid)),
            (mutation.requirement, *named),
            _FLAG.get(mutation.requirement, ()),
            refusal,
        )


def _with_proofs() -> Iterator[Draft]:
    """Records of the version with a proof: with one, without, and with texts that are none."""
    whole = with_proof(fields())
    yield Draft("drawn/valid", "the proof is read, and its form alone counts", _drawn(whole), ("REC-11",), (VRF,))
    zeros = "A" * 107 + "="
    yield Draft("drawn/zeros", "form is all that is asked", _drawn(whole | {"vrf_proof": zeros}), ("REC-11",), (VRF,))
    plain = fields(version=LIMITS.drawn_version)
    yield Draft("drawn/without", "a record of the version need not have one", _drawn(plain), ("REC-3",), (VRF,))
    first = dict(sorted(whole.items(), key=lambda member: member[0] != "vrf_proof"))
    yield Draft("drawn/first", "fields in any order", _drawn(first), ("REC-11",), (VRF,))
    for slug, text in respelt(str(whole["vrf_proof"])).items():
        body = _drawn(whole | {"vrf_proof": text})
        comment = "a proof is the one standard base64 text of 80 bytes"
        yield Draft(f"drawn/{slug}", comment, body, ("REC-11",), (VRF,), ("REC-11", "vrf_proof"))
    no_texts: dict[str, object] = {"null": None, "number": 7, "list": []}
    for slug, value in no_texts.items():
        body = _drawn(whole | {"vrf_proof": value})
        yield Draft(f"drawn/{slug}", "a proof is a text", body, ("REC-11",), (VRF,), ("REC-11", "vrf_proof"))
    for slug, version in {"earlier": LIMITS.version, "spaced": " 0.2", "longer": "0.20"}.items():
        body = _drawn(whole | {"version": version})
        comment = "no other version has the field"
        yield Draft(f"drawn/{slug}", comment, body, ("REC-3", "REC-10"), (VRF,), ("REC-3", "vrf_proof"))
    twice = body_of(whole)[:-1] + b',"vrf_proof":"' + zeros.encode() + b'"}'
    comment = "a repeated key is refused, whichever it is"
    yield Draft(
        "drawn/twice", comment, _body(twice), ("REC-2", "REC-10"), (VRF, "repeated-key"), ("REC-2", "vrf_proof")
    )


def _drawn(record: Fields) -> Body:
    return _body(body_of(record))


def _needs_a_name(mutation: Mutation) -> bool:
    """Whether which field is at fault is for REC-10 to say."""
    return mutation.requirement in {"REC-2", "REC-3"} or mutation.field == "ft"


def _body(body: bytes) -> Body:
    """As text where it is UTF-8 that survives being one; a byte order mark would not survive every reader."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return Body(body_base64=body)
    return Body(body_base64=body) if text.startswith("\ufeff") else Body(body=text)


def _valid_bodies() -> dict[str, tuple[str, str, str]]:
    """Slug to comment, requirement and body."""
    changes: dict[str, tuple[str, str, Fields]] = {
        "ordinary": ("nothing unusual", "REC-3", {}),
        "integral-reals": ("a real may be written as an integer", "REC-5", {"D_hat": 1, "r": 0, "budget": 1}),
        "least-reals": ("bounds are included", "REC-5", {"D_hat": 0.0, "coh_star": 0.0, "r": 0.0, "budget": 0.0}),
        "greatest-reals": (
            "bounds are included",
            "REC-5",
            {"D_hat": LIMITS.D_hat_max, "coh_star": LIMITS.coh_star_max, "r": 1.0, "budget": 1.0},
        ),
        "minus-zero": ("-0 is in range", "REC-5", {"D_hat": -0.0, "r": -0.0}),
        "tiny": ("the least double", "REC-5", {"r": 5e-324}),
        "last-epoch": ("the largest integer that every JSON reader keeps", "ID-4", {"epoch": LIMITS.max_epoch}),
        "first-epoch": ("zero is an epoch", "ID-4", {"epoch": 0}),
        "longest-shard": ("as long as allowed", "ID-3", {"shard_id": "s" * LIMITS.max_text}),
        "punctuated-shard": (
            "every printable character that is allowed",
            "ID-3",
            {"shard_id": " !#$%&'()*+,-./09:;<=>?@AZ[]^_`az{}~"},
        ),
        "empty-signature": ("an empty signature is well formed, if worthless", "REC-9", {"sig": ""}),
        "longest-signature": ("as long as allowed", "REC-9", {"sig": "A" * LIMITS.max_text}),
        "non-ascii-version": ("a version is any short text", "REC-4", {"version": "\u03b2 \U0001f600"}),
        "longest-version": ("characters are counted, not bytes", "REC-4", {"version": "\u00e9" * LIMITS.max_text}),
        "longest-version-beyond-the-bmp": (
            "code points are counted, not UTF-16 units",
            "REC-4",
            {"version": "\U0001f600" * LIMITS.max_text},
        ),
        "two-scales": ("two scales are enough", "REC-7", {"scales": [1, 2], "N_j": {"1": 1, "2": 2}}),
        "most-scales": (
            "as many as allowed",
            "REC-7",
            {"scales": list(range(1, 33)), "N_j": {str(n): n for n in range(1, 33)}},
        ),
        "unordered-scales": ("in any order", "REC-7", {"scales": [16, 2, 8, 4]}),
        "largest-scale": (
            "as large as allowed",
            "REC-7",
            {"scales": [1, 1024], "N_j": {"1": 1, "1024": LIMITS.max_count}},
        ),
        "reordered-counts": ("the counts in any order", "REC-7", {"N_j": {"16": 40, "8": 20, "4": 10, "2": 5}}),
        "seed-bounds": ("the least seed", "REC-8", {"seed": -(2**63)}),
        "largest-seed": ("the largest seed", "REC-8", {"seed": 2**63 - 1}),
        "largest-attempt": ("the largest attempt", "REC-8", {"attempt": LIMITS.max_attempt}),
        "one-dimension": ("one number is a direction", "REC-8", {"v_star": [1]}),
        "most-dimensions": ("as many as allowed", "REC-8", {"v_star": [0.25] * LIMITS.max_dimensions}),
        "large-direction": ("any finite number", "REC-8", {"v_star": [1e308, -1e308]}),
        "nanoseconds": ("nine fractional digits", "REC-8", {"sent_at": "2025-01-19T12:00:00.123456789Z"}),
        "offset": ("an offset instead of Z", "REC-8", {"sent_at": "2025-01-19T12:00:00+05:30"}),
        "unlikely-date": ("the form is checked, not the calendar", "REC-8", {"sent_at": "2025-99-99T99:99:99Z"}),
        "full-ft": (
            "everything in ft",
            "REC-8",
            {
                "ft": {
                    "outbox_seq": LIMITS.max_epoch,
                    "degraded": True,
                    "fallbacks": ["f" * 128] * 16,
                    "clock_skew_ms": -(2**63),
                }
            },
        ),
    }
    bodies = {
        slug: (comment, rule, json.dumps(fields(**change), ensure_ascii=False))
        for slug, (comment, rule, change) in changes.items()
    }
    compact = body_of(fields()).decode()
    reordered = json.dumps(dict(sorted(fields().items())))
    return {
        **bodies,
        "white-space": ("white space around and inside", "REC-1", " \r\n\t" + compact.replace(",", " ,\n") + " \n"),
        "sorted-keys": ("fields in any order", "REC-1", reordered),
        "escaped-text": ("escapes in a text", "REC-1", compact.replace("shard-001", "shard-\\u0030\\u00301")),
        "escaped-key": ("escapes in a key", "REC-1", compact.replace('"epoch"', '"\\u0065poch"')),
        "key-in-text": (
            "what looks like a repeated key, inside a text",
            "REC-2",
            compact.replace('"version":"0.1"', '"version":"\\"epoch\\":1,"'),
        ),
        "exponent": ("a real with an exponent", "REC-5", compact.replace('"r":0.5', '"r":5E-1')),
        "long-fraction": (
            "more digits than a double holds",
            "REC-5",
            compact.replace('"r":0.5', '"r":0.5' + "0" * 400),
        ),
        "minus-zero-epoch": (
            "-0 is an integer, and the id has it as 0",
            "ID-4",
            body_of(fields(epoch=0)).decode().replace('"epoch":0', '"epoch":-0'),
        ),
        "nearest-is-the-bound": (
            "the range is that of the nearest binary64 number",
            "REC-5",
            compact.replace('"r":0.5', '"r":1.' + "0" * 20 + "1"),
        ),
        "underflow-of-a-negative": (
            "what reads as minus zero is in range",
            "REC-5",
            compact.replace('"r":0.5', '"r":-1e-400'),
        ),
        "underflow": ("less than the least double", "REC-5", compact.replace('"r":0.5', '"r":1e-400')),
    }


def content_digest() -> Iterator[Draft]:
    """What delivery changes leaves the digest alone; all else moves it."""
    yield _digest("base", "the digest that the others are compared with")
    same: dict[str, object] = {
        "attempt": 7,
        "sent_at": "2026-01-01T00:00:00Z",
        "sig": "AAAA",
        "seed": 43,
        "v_star": [1.0],
        "version": "0.2",
    }
    for name, value in same.items():
        yield _digest(f"same/{name}", f"{name} is not part of the content", **{name: value})
    yield _digest(
        "same/ft",
        "ft is not part of the content",
        ft={"outbox_seq": 9, "degraded": True, "fallbacks": ["x"], "clock_skew_ms": 1},
    )
    yield _digest("same/within-rounding", "a difference that rounding removes is none", D_hat=1.0 + 1e-10)
    yield _digest(
        "same/reordered-counts", "counts go in the order of the scales", N_j={"16": 40, "8": 20, "4": 10, "2": 5}
    )
    other: dict[str, object] = {
        "epoch": 2,
        "shard_id": "shard-002",
        "merkle_root": "b" * 64,
        "D_hat": 1.000000001,
        "coh_star": 0.76,
        "r": 0.51,
        "budget": 0.41,
        "regime": "mixed",
    }
    for name, value in other.items():
        yield _digest(f"other/{name}", f"{name} is part of the content", **{name: value})
    yield _digest(
        "other/N_j",
        "counts are judged, so they count, although they are not signed",
        N_j={"2": 5, "4": 10, "8": 20, "16": 41},
    )
    yield _digest("other/scale-order", "the order of the scales counts", scales=[4, 2, 8, 16])
    yield _digest("other/two-scales", "which scales there are counts", scales=[2, 4], N_j={"2": 5, "4": 10})
    yield _digest("number/decimal-tie", "reals as the canonical form writes them", r=0.1234567885)
    yield _digest("number/minus-zero", "zero has no sign", r=-0.0)
    yield _digest(
        "number/largest-count",
        "counts are integers of any size",
        N_j={"2": 5, "4": 10, "8": 20, "16": LIMITS.max_count},
    )


def _digest(slug: str, comment: str, **changes: object) -> Draft:
    flags = ("equivocation",) if slug.startswith("other/") else ()
    return Draft(slug, comment, valid_record(**changes), ("DUP-9",), flags)


def valid_record(**changes: object) -> ValidRecord:
    """A valid record, with other values where wanted."""
    return ValidRecord(msgspec.convert(fields(**changes), Pcs))


def _triple(
    slug: str,
    comment: str,
    *,
    merkle_root: str = MERKLE_ROOT,
    epoch: int = 1,
    shard_id: str = "shard-001",
    requirement: str = "ID-1",
) -> Draft:
    return Draft(slug, comment, Triple(merkle_root, epoch, shard_id), (requirement,))
