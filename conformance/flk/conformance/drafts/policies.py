"""Drafts of policies: documents that are one and those that are none, and what names them (POL-1 to POL-4, POL-12)."""

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import msgspec

from flk.conformance.drafts.draft import Draft
from flk.conformance.drafts.mistaken import MISTAKEN, NO_DOCUMENTS, TOGETHER
from flk.conformance.operations.policies import Document
from flk.model.policies.document import DEFAULT, Policy
from flk.model.policies.reading import DOCUMENT, read
from flk.model.record.signing import Ed25519PrivateKey

READ, RANGES, NAMES, EARLIER, SIGNS = (f"POL-{number}" for number in range(1, 6))
SHARES, STATES, ASKS = "POL-7", "POL-9", "POL-12"
POLICIES = "policies"
"""The flag of whatever needs a policy: who knows none declines it."""
NUMBERS: dict[str, Any] = {
    name: value
    for name, value in msgspec.to_builtins(DEFAULT).items()
    if value not in ("", {}) and name not in {"name", "version"}
}
PLAIN: dict[str, Any] = {"version": "1.1.0", **NUMBERS}
"""A policy of the fields that every one has."""
SECRET = b"kit policies" + bytes(20)
KEY = Ed25519PrivateKey(SECRET)
OTHER = Ed25519PrivateKey(bytes(range(32)))
SIGNATURE = b64encode(bytes(64)).decode()


def text(**changes: object) -> str:
    """The document with changes, a field to a line."""
    return json.dumps(PLAIN | changes, indent=1)


def said(document: str) -> Policy:
    """The policy that a document says."""
    found = read(document.encode()).policy
    assert found is not None
    return found


def policy() -> Iterator[Draft]:
    """Canonical bytes of all that a policy can say, however it is written; and documents that are none."""
    for slug, (comment, document) in _valid().items():
        asks = ASKS if slug.startswith("asks") else NAMES
        yield Draft(f"valid/{slug}", comment, Document(document), (asks,), (POLICIES,))
    for slug, comment, requirement, document in _mistaken():
        flags = ("repeated-key",) if "twice" in slug else ()
        yield Draft(f"none/{slug}", comment, Document(document), (requirement,), (POLICIES, *flags), (READ, None))
    for slug, content in NO_DOCUMENTS.items():
        asked = Document(document_base64=content)
        comment = "one JSON object in UTF-8, and nothing else"
        yield Draft(f"no-document/{slug}", comment, asked, (READ,), (POLICIES, "json"), (READ, None))


def policy_mistakes() -> Iterator[Draft]:
    """Every mistake with its line: of one, of several at once, and of none."""
    yield Draft("none", "a policy has no mistake", Document(text()), (RANGES,), (POLICIES,))
    for slug, comment, requirement, document in _mistaken():
        if "NaN" not in document and "Infinity" not in document:
            yield Draft(f"one/{slug}", comment, Document(document), (requirement,), (POLICIES,))
    for slug, changes in TOGETHER.items():
        comment = "every mistake at once, in the order of the lines"
        yield Draft(f"several/{slug}", comment, Document(text(**changes)), (RANGES,), (POLICIES,))
    for slug, content in NO_DOCUMENTS.items():
        asked = Document(document_base64=content)
        assert {each.field for each in read(content).mistakes} == {DOCUMENT}
        yield Draft(f"no-document/{slug}", "the document as a whole", asked, (READ,), (POLICIES, "json"))


def _valid() -> dict[str, tuple[str, str]]:
    """By their slugs: why, and the document."""
    numbers = "numbers in any form of JSON"
    texts = "texts are escaped as RFC 8785 asks"
    whole: dict[str, Any] = {
        "name": "n",
        "description": "d",
        "created_at": "2026-01-01T00:00:00Z",
        "flags": {"skip_signature": False, "disable_wal": False},
        "scrutiny": {"slope": [0.5, 3], "reject_from": 0.9, "counts": True, "escalate_from": 0.4},
        "vrf_mode": "shadow",
        "signed_by": "ops-2026",
        "signature": SIGNATURE,
    }
    return {
        "plain": ("absent fields are stated as empty", text()),
        "stated-empty": ("absent or empty is one", text(name="", description="", created_at="", flags={})),
        "unsigned": ("who signed is not covered", text(signed_by="", signature="")),
        "signed": ("who signed is not covered", text(signed_by="ops", signature=SIGNATURE)),
        "everything": ("every other field is covered", text(**whole)),
        "backwards": ("the order of fields is nobody's", json.dumps(dict(reversed((PLAIN | whole).items())))),
        "one-line": ("space is nobody's", json.dumps(PLAIN, separators=(",", ":"))),
        "spaced": ("space is nobody's", f" \r\n\t{text()}\n\n"),
        "flag": ("a flag that is not set is stated as it is", text(flags={"disable_wal": False})),
        "vrf-off": ("off is left out", text(vrf_mode="off")),
        "vrf-shadow": ("a mode is covered", text(vrf_mode="shadow")),
        "vrf-enforced": ("a mode is covered", text(vrf_mode="enforced")),
        "version/least": ("any three numbers", text(version="0.0.0")),
        "version/greatest": ("any three numbers", text(version="999999.999999.999999")),
        "number/integers": (numbers, text(tol_D=1, alpha=0, beta=0, gamma=1, base=0, D0=3, sticky_D_hat_max=1)),
        "number/exponents": (numbers, text().replace("0.15", "15E-2").replace("2.2", "0.22e+1")),
        "number/zeros": (numbers, text().replace("0.15", "0.1500000000000")),
        "number/minus-zero": ("zero has no sign", text(alpha=-0.0)),
        "number/nearest": ("binary64 reads it as 0.15", text().replace("0.15", "0.15000000000000000001")),
        "number/underflow": ("binary64 reads it as 0", text().replace("0.15", "1e-400")),
        "number/billionth": ("nine decimals", text(tol_D=1e-9, tol_budget=0.999999999, D0=2.123456789)),
        "number/most": ("a bound is within", text(**MOST)),
        "number/least": ("a bound is within", text(**LEAST)),
        "weights/exactly-one": ("1 in decimals, 1.0000000000000002 in binary64", text(**ONE_AND_A_BIT)),
        "weights/one-billionth-below": ("at most 1", text(alpha=0.3, beta=0.5, gamma=0.199999999)),
        "regimes/beside": ("below by a billionth", text(sticky_D_hat_max=1.499999999, non_sticky_D_hat_min=1.5)),
        "text/latin": (texts, text(name="Größe")),
        "text/raw": (texts, json.dumps(PLAIN | {"name": "Größe \u2028 \N{SNOWMAN}"}, ensure_ascii=False)),
        "text/pair": (texts, text(name="\N{MUSICAL SYMBOL G CLEF}")),
        "text/controls": (texts, text(description='"\\/\b\f\n\r\t\0\x1f\x7f')),
        "text/angle": (texts, text(description="<a href='x'>&amp;</a>")),
        "text/needless-escapes": (texts, text(name="a").replace('"a"', r'"\u0061\/"')),
        "text/longest": ("counted in characters, not in bytes or units", text(name="é" + "x" * 998 + "\U0001d11e")),
        "key/escaped": ("a key may be escaped", text().replace('"tol_D"', r'"tol\u005fD"')),
        "asks/counts": ("what is on is stated", text(scrutiny={"counts": True})),
        "asks/slope": ("what is on is stated", text(scrutiny={"slope": [0, 3.5]})),
        "asks/one-slope": ("the bounds may be one", text(scrutiny={"slope": [1.5, 1.5]})),
        "asks/least-score": ("above 0", text(scrutiny={"escalate_from": 1e-9})),
        "asks/greatest-score": ("at most 1", text(scrutiny={"reject_from": 1})),
        "asks/one-score": ("the first may be the second", text(scrutiny={"escalate_from": 0.5, "reject_from": 0.5})),
    }


MOST = {"tol_D": 1, "tol_budget": 1, "alpha": 1, "beta": 0, "gamma": 0, "base": 1, "D0": 3} | {
    "sticky_coherence_min": 1.05,
    "sticky_D_hat_max": 3.499999999,
    "non_sticky_D_hat_min": 3.5,
}
LEAST = dict.fromkeys(MOST, 0) | {"non_sticky_D_hat_min": 1e-9}
ONE_AND_A_BIT = {"alpha": 0.33, "beta": 0.56, "gamma": 0.11}


def _mistaken() -> Iterator[tuple[str, str, str, str]]:
    """Slug, comment, requirement and document of each that is none."""
    for field, wrong in MISTAKEN.items():
        for slug, (requirement, comment, value) in wrong.items():
            yield f"{field}/{slug}", comment, requirement, text(**{field: value})
    for name in PLAIN:
        left = {field: value for field, value in PLAIN.items() if field != name}
        yield f"missing/{name}", "every number is stated", READ, json.dumps(left, indent=1)
    for slug, (given, changed) in _REPLACED.items():
        yield slug, "JSON, but no policy", READ, text(scrutiny={"counts": True}, flags={}).replace(given, changed)


_REPLACED = {
    "D0/NaN": ("2.2", "NaN"),
    "D0/Infinity": ("2.2", "-Infinity"),
    "D0/beyond-binary64": ("2.2", "1e999"),
    "D0/many-digits": ("2.2", "9" * 400),
    "twice/same-value": ('"D0": 2.2,', '"D0": 2.2,\n "D0": 2.2,'),
    "twice/other-value": ('"D0": 2.2,', '"D0": 1.0,\n "D0": 2.2,'),
    "twice/escaped": ('"D0": 2.2,', '"D0": 2.2,\n "\\u0044\\u0030": 2.2,'),
    "twice/a-flag": ('"flags": {}', '"flags": {"disable_wal": false,\n "disable_wal": false}'),
    "twice/a-check": ('"counts": true', '"counts": true,\n "counts": true'),
    "unknown/active": ('"D0": 2.2,', '"D0": 2.2,\n "active": true,'),
    "unknown/case": ('"D0": 2.2,', '"D0": 2.2,\n "d0": 2.2,'),
    "unknown/empty": ('"D0": 2.2,', '"D0": 2.2,\n "": 2.2,'),
    "unknown/no-ascii": ('"D0": 2.2,', '"D0": 2.2,\n "D\u2080": 2.2,'),
    "unknown/flag": ('"flags": {}', '"flags": {\n "disable_dedup": false}'),
    "unknown/check": ('"counts": true', '"counts": true,\n "regime": true'),
}


def earlier_policy_digest() -> Iterator[Draft]:
    """What it covers, and how it writes numbers."""
    documents = {
        "default": ("the golden one", text(version="1.0.0")),
        "tolerance-of-budget": ("left out", text(version="1.0.0", tol_budget=0.5)),
        "texts": ("left out", text(version="1.0.0", name="n", flags={"disable_wal": False}, vrf_mode="shadow")),
        "asks": ("left out", text(version="1.0.0", scrutiny={"counts": True})),
        "integers": ("no point where none is needed", text(tol_D=1, alpha=0, beta=0, gamma=1, D0=3)),
        "minus-zero": ("zero", text(alpha=-0.0)),
        "small": ("below a millionth an exponent of as few digits as will do", text(tol_D=1.5e-7, alpha=1e-9, base=0)),
        "millionth": ("a millionth has none", text(tol_D=1e-6, alpha=1.5e-6, base=9.99e-7)),
        "nine-decimals": ("the shortest that reads back", text(D0=2.123456789, base=0.1)),
    }
    for slug, (comment, document) in documents.items():
        yield Draft(slug, comment, Document(document), (EARLIER,), (POLICIES,))
