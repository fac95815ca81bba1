"""Drafts of policies that somebody signed, or did not, and of whom they judge (POL-5, POL-7, POL-9)."""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any

import msgspec

from flk.conformance.drafts.draft import Draft
from flk.conformance.drafts.policies import (
    KEY,
    OTHER,
    POLICIES,
    RANGES,
    READ,
    SECRET,
    SHARES,
    SIGNATURE,
    SIGNS,
    STATES,
    said,
    text,
)
from flk.conformance.drafts.weak_points import GROUP_ORDER, SMALL_ORDER
from flk.conformance.operations.policies import SignedPolicy, StagedFor, StatedPolicies, UnsignedPolicy
from flk.model.policies.document import Policy, canonical_policy, policy_digest
from flk.model.policies.ruling import ALL, part_of


def sign_policy() -> Iterator[Draft]:
    """Signatures are those of RFC 8032 over the canonical bytes."""
    documents = {
        "plain": text(),
        "signed-before": text(signed_by="other", signature=SIGNATURE),
        "asks": text(scrutiny={"slope": [0.5, 3.0], "escalate_from": 0.4}),
        "no-ascii": text(description="Größe \N{SNOWMAN}"),
        "vrf": text(vrf_mode="enforced", flags={"skip_signature": False}),
    }
    for slug, document in documents.items():
        asked = UnsignedPolicy(document, secret=SECRET)
        comment = "the canonical bytes themselves are signed"
        yield Draft(slug, comment, asked, (SIGNS,), (POLICIES, "ed25519"))


def authenticate_policy() -> Iterator[Draft]:
    """Signatures that count, and all kinds of those that do not."""
    keys = {"ops": KEY.public(), "other": OTHER.public()}
    whole = {"name": "n", "scrutiny": {"escalate_from": 0.4}, "vrf_mode": "shadow"}
    documents: dict[str, dict[str, Any]] = {"plain": {}, "everything": whole, "vrf-off": {"vrf_mode": "off"}}
    for slug, changes in documents.items():
        asked = SignedPolicy(_signed(**changes), keys=keys)
        yield Draft(f"signed/{slug}", "the key that is named made it", asked, (SIGNS,), (POLICIES, "ed25519"))
    twin = {"twin": KEY.public(), "ops": OTHER.public()}
    asked = SignedPolicy(_signed(signed_by="twin"), keys=twin)
    comment = "who signed is no part of what is signed"
    yield Draft("signed/under-another-id", comment, asked, (SIGNS,), (POLICIES, "ed25519"))
    for slug, (comment, document, known) in _unvouched(keys).items():
        asked = SignedPolicy(document, keys=known)
        flags = (POLICIES, "ed25519", "forgery")
        yield Draft(f"refused/{slug}", comment, asked, (SIGNS,), flags, (SIGNS, "signature"))
    comment = "a digit that the signature does not cover"
    asked = SignedPolicy(_signed().replace("1.5", "1.4999999996"), keys=keys)
    yield Draft("refused/tenth-decimal", comment, asked, (SIGNS, READ), (POLICIES, "ed25519"), (READ, None))


def _unvouched(keys: dict[str, bytes]) -> dict[str, tuple[str, str, dict[str, bytes]]]:
    """By their slugs: why, the document, and the keys that are known."""
    document = _signed()
    raw = b64decode(json.loads(document)["signature"])
    raised = raw[:32] + (int.from_bytes(raw[32:], "little") + GROUP_ORDER).to_bytes(32, "little")
    flipped = bytes([raw[0] ^ 1, *raw[1:]])
    of_record = KEY.sign(b"another message")
    of_digest = KEY.sign(bytes.fromhex(policy_digest(said(text()))))
    content = "it is of another content"
    found = {
        "unsigned": ("nobody signed it", text(), keys),
        "signer-alone": ("nobody signed it", text(signed_by="ops"), keys),
        "signature-alone": ("no key is named", _signed(signed_by=""), keys),
        "no-keys": ("no key is known", document, {}),
        "unknown-key": ("the key is not known", _signed(signed_by="ops-2"), keys),
        "id-of-another-case": ("ids are compared as they are", _signed(signed_by="Ops"), keys),
        "another-key": ("the named key did not make it", _signed(signed_by="other"), keys),
        "key-of-another-id": ("the named key did not make it", document, {"ops": OTHER.public(), "x": KEY.public()}),
        "another-message": (content, text(**_with(of_record)), keys),
        "digest": ("the bytes are signed, not their digest", text(**_with(of_digest)), keys),
        "file": ("the canonical bytes are signed, not the file's", text(**_with(KEY.sign(text().encode()))), keys),
        "one-bit": ("another signature", text(**_with(flipped)), keys),
        "zeros": ("no signature", text(**_with(bytes(64))), keys),
        "plus-the-order": ("s is below the order", text(**_with(raised)), keys),
    }
    for name, value in _CHANGED.items():
        found[f"changed-{name}"] = (content, json.dumps(json.loads(document) | {name: value}), keys)
    for name, point in list(SMALL_ORDER.items())[:3]:
        forged = text(**_with(SMALL_ORDER["order-1"] + bytes(32)))
        found[f"key-of-small-order-{name}"] = ("a key of small order signs everything", forged, {"ops": point})
    return found


_CHANGED: dict[str, object] = {
    "version": "1.1.1",
    "tol_D": 0.150000001,
    "tol_budget": 0.010000001,
    "name": "n",
    "description": " ",
    "created_at": "2026-01-01T00:00:00Z",
    "flags": {"disable_wal": False},
    "vrf_mode": "shadow",
    "scrutiny": {"counts": True},
}


def _with(signature: bytes) -> dict[str, str]:
    return {"signed_by": "ops", "signature": b64encode(signature).decode()}


def _signed(signed_by: str = "ops", **changes: object) -> str:
    """A document with the key's signature, whoever it says signed it and whatever mistakes it has."""
    made = KEY.sign(canonical_policy(msgspec.json.decode(text(**changes), type=Policy)))
    return text(**changes, signed_by=signed_by, signature=b64encode(made).decode())


def judging_policy() -> Iterator[Draft]:
    """What segments state: policies of which each is signed, or one is not; and what states none."""
    first, second = (json.loads(_signed(version=version)) for version in ("1.1.0", "1.2.0"))
    foreign = json.loads(text(version="1.2.0", **_with(OTHER.sign(canonical_policy(said(text(version="1.2.0")))))))
    part = part_of("1.2.0", "default")
    both: dict[str, Any] = {"policies": [first, second], "in_force": "1.1.0"}
    whole = {
        "known": {"policies": [first]},
        "in-force": {"policies": [first], "in_force": "1.1.0"},
        "known-and-in-force": {"policies": [first, second], "in_force": "1.1.0", "before": ["1.0.0"]},
        "staged-for-nobody": both | {"candidate": "1.2.0"},
        "staged-up-to-it": both | {"candidate": "1.2.0", "share": part},
        "staged-beyond-it": both | {"candidate": "1.2.0", "share": part + 1},
        "staged-for-all": both | {"candidate": "1.2.0", "share": ALL},
        "staged-beside-the-default": {"policies": [second], "candidate": "1.2.0", "share": part + 1},
        "rolled-back": {"policies": [first, second], "in_force": "1.0.0", "number": 4},
        "a-share-of-nothing": both | {"share": ALL},
    }
    for slug, stated in whole.items():
        yield _in_segment(f"signed/{slug}", "what is stated holds in the segment", SHARES, json.dumps(stated))
    tenth = json.dumps(both).replace('"sticky_D_hat_max": 1.5', '"sticky_D_hat_max": 1.4999999996')
    unsigned = {**first, "signature": ""}
    doubted = {
        "unsigned": json.dumps(both | {"policies": [unsigned, second]}),
        "of-another-key": json.dumps(both | {"policies": [first, foreign]}),
        "one-that-is-not-used": json.dumps({"policies": [first, foreign], "in_force": "1.1.0"}),
        "one-that-is-not-used-and-nobody-signed": json.dumps({"policies": [unsigned]}),
        "changed": json.dumps(both).replace('"tol_D": 0.15', '"tol_D": 0.16'),
        "tenth-decimal": tenth,
        "tenth-decimal-where-not-used": json.dumps({"policies": [first]}).replace("0.15", "0.1500000001"),
        "in-another-spelling": json.dumps({"policies": [{**first, "signature": _respelt(first["signature"])}]}),
    }
    for slug, document in doubted.items():
        comment = "nothing of the segment is judged where one of its policies is vouched for by nobody"
        yield _in_segment(f"doubted/{slug}", comment, SIGNS, document, "forgery")
    mistaken: dict[str, dict[str, Any]] = {
        "beyond-a-range": {"tol_D": 4.5},
        "that-do-not-go-together": {"alpha": 0.5, "beta": 0.4, "gamma": 0.2},
        "with-a-flag-that-is-set": {"flags": {"disable_wal": True}},
    }
    for slug, changes in mistaken.items():
        found = json.loads(_signed(version="1.1.0", **changes))
        comment = "a signature does not make a policy of what is none"
        yield _in_segment(f"mistaken/{slug}", comment, RANGES, json.dumps({"policies": [found], "in_force": "1.1.0"}))
    no_rulings = {
        "in-force-without-a-document": json.dumps({"policies": [first], "in_force": "1.2.0"}),
        "staged-without-a-document": json.dumps({"policies": [first], "candidate": "1.2.0", "share": 1}),
        "not-json": '{"policies": [',
        "list": "[]",
    }
    for slug, document in no_rulings.items():
        yield _in_segment(f"no-ruling/{slug}", "a segment states all that is needed to judge it", STATES, document)
    known = StatedPolicies(json.dumps(whole["in-force"]), {}, "default")
    comment = "without the key nothing is judged, by the default neither"
    yield Draft("doubted/unknown-key", comment, known, (SIGNS,), (POLICIES, "ed25519"), (SIGNS, None))


def _in_segment(slug: str, comment: str, requirement: str, document: str, *flags: str) -> Draft:
    asked = StatedPolicies(document, {"ops": KEY.public()}, "default")
    refusal = None if slug.startswith("signed") else (requirement, None)
    return Draft(slug, comment, asked, (requirement,), (POLICIES, "ed25519", *flags), refusal)


def _respelt(signature: str) -> str:
    """Another text of base64 for the same bytes: its last digit has bits that stand for nothing."""
    return f"{signature[:85]}{chr(ord(signature[85]) + 1)}=="


def policy_share() -> Iterator[Draft]:
    """Tenants at the edge of a share, and each share's ends."""
    for version in ("1.1.0", "1.10.0", "0.0.1"):
        for tenant in ("default", "a", "A", "x" * 64, "tenant-7.eu_1"):
            part = part_of(version, tenant)
            for share in sorted({0, part, part + 1, ALL}):
                inside = "inside" if part < share else "outside"
                slug = f"{version}/{tenant[:12]}/{share}"
                comment = f"part {part} of {ALL}, so {inside} of {share}"
                yield Draft(slug, comment, StagedFor(version, share, tenant), (SHARES,), (POLICIES,))
