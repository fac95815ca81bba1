"""The operations of `conformance/PROTOCOL.md` by name: the JSON of a case in, the JSON of its value out."""

import base64
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from . import clock, merkle, notes, policies, ring, segments, signals, vouching, vrf
from .canonical import canonical, content_digest
from .coherence import coherence
from .ed25519 import public_key
from .identity import pcs_id
from .judgement import judge
from .node import Node
from .reals import fixed9, nearest
from .record import decode
from .signing import authenticate, sign
from .texts import Broken

Given = Mapping[str, Any]


def unpacked(text: str) -> bytes:
    """Bytes as the protocol writes them."""
    return base64.b64decode(text)


def packed(data: bytes) -> str:
    """The other way."""
    return base64.b64encode(data).decode()


def text_of(written: str | list[int]) -> str:
    """A text, which is an array of UTF-16 code units where UTF-8 cannot carry it."""
    if isinstance(written, str):
        return written
    return b"".join(unit.to_bytes(2, "little") for unit in written).decode("utf-16-le", "surrogatepass")


def record_of(written: Given) -> dict[str, Any]:
    """A record's fields; reals that JSON cannot write are texts."""
    reals = {name: float(written[name]) for name in ("D_hat", "budget", "coh_star", "r")}
    texts = {name: text_of(written[name]) for name in ("merkle_root", "pcs_id", "shard_id")}
    return {**written, **reals, **texts}


def _hashes(written: list[str]) -> list[bytes]:
    return [bytes.fromhex(text) for text in written]


def _leaves(given: Given) -> list[bytes]:
    return [unpacked(leaf) for leaf in given["leaves"]]


def _validate(given: Given) -> bool:
    decode(unpacked(given["body_base64"]) if "body_base64" in given else given.get("body", "").encode())
    return True


def _observe(given: Given) -> object:
    moved, ahead = clock.observe(int(given["last"], 16), int(given["seen"], 16), Fraction(given["now"]))
    return {"clock": f"{moved:016x}", "ahead": ahead}


def _join(given: Given) -> object:
    pairs = [(int(entry["timestamp"], 16), entry["region"], entry["digest"]) for entry in (given["a"], given["b"])]
    return given["a"] if clock.join(pairs[0], pairs[1]) else given["b"]


def _coherence(given: Given) -> object:
    share, direction = coherence(given["points"], given["dimensions"], given["seed"])
    return {"coh_star": share, "v_star": direction}


def _scan(given: Given) -> object:
    salt = unpacked(given["salt"]) if "salt" in given else None
    found = segments.scan(unpacked(given["segment"]), salt)
    return {
        "head": None if found.head is None else vars(found.head),
        "frames": [{"timestamp": f"{f.timestamp:016x}", "payload": packed(f.payload)} for f in found.data],
        "end": found.end,
        "torn": found.torn,
        "damage": [list(place) for place in found.damage],
        "sealed": found.sealed,
        "clock": f"{found.clock:016x}",
    }


def _node(given: Given) -> object:
    node = Node(given["region"], given["keys"], given["profiles"], given.get("vrf_keys", {}), _policies_of(given))
    return [node.submit(Fraction(a["at"]), a["tenant"], a["body"].encode()) for a in given["arrivals"]]


def _policies_of(given: Given) -> Callable[[str], Given]:
    """The policy that judges a tenant's records, by what a node's log states."""
    stated = given.get("policies") or {"in_force": {"vrf_mode": given.get("vrf_mode", "off")}}
    in_force, staged = stated.get("in_force") or {}, stated.get("staged")
    if staged is None:
        return lambda _: in_force
    return lambda tenant: staged if vouching.in_share(staged["version"], tenant, stated.get("share", 0)) else in_force


def _document(given: Given) -> bytes:
    return unpacked(given["document_base64"]) if "document_base64" in given else given.get("document", "").encode()


def _read(given: Given) -> dict[str, Any]:
    try:
        return policies.read(_document(given))
    except policies.Wrong:
        raise Broken("POL-1") from None


def _policy(given: Given) -> object:
    found = _read(given)
    return {"canonical": vouching.canonical(found).decode(), "digest": vouching.digest(found)}


def _policy_mistakes(given: Given) -> object:
    try:
        policies.read(_document(given))
    except policies.Wrong as wrong:
        return [{"line": line, "field": field} for line, field in wrong.places]
    return []


def _authenticate_policy(given: Given) -> bool:
    if not vouching.is_vouched(_read(given), {name: unpacked(key) for name, key in given["keys"].items()}):
        raise Broken("POL-5", "signature")
    return True


def _prove(given: Given) -> object:
    secret, message = unpacked(given["secret"]), unpacked(given["message"])
    proof = vrf.prove(secret, message)
    return {"proof": packed(proof), "output": _packed_or_none(vrf.verify(public_key(secret), message, proof))}


def _packed_or_none(data: bytes | None) -> str | None:
    return None if data is None else packed(data)


OPERATIONS: dict[str, Callable[[Given], object]] = {
    "fixed9": lambda given: fixed9(float(given["x"])),
    "canonical": lambda given: canonical(record_of(given["record"]), given["profile"]).decode(),
    "sign": lambda given: sign(
        record_of(given["record"]), given["key"]["algorithm"], unpacked(given["key"]["secret"]), given["profile"]
    ),
    "authenticate": lambda given: authenticate(
        record_of(given["record"]),
        given["sig"],
        given["tenant"],
        Fraction(given["at"]),
        given["keys"],
        given["profiles"],
    ),
    "pcs_id": lambda given: pcs_id(given["merkle_root"], given["epoch"], given["shard_id"]),
    "validate": _validate,
    "content_digest": lambda given: content_digest(given["record"]),
    "judge": lambda given: judge(record_of(given["record"]), policy=given.get("policy")),
    "d_hat": lambda given: nearest(signals.d_hat(given["scales"], given["counts"])),
    "regime": lambda given: signals.regime(float(given["D_hat"]), float(given["coh_star"])),
    "budget": lambda given: nearest(signals.budget(float(given["D_hat"]), float(given["coh_star"]), float(given["r"]))),
    "coherence": _coherence,
    "compressibility": lambda given: nearest(signals.compressibility(unpacked(given["raw"]))),
    "count_cells": lambda given: signals.count_cells(given["points"], given["scales"]),
    "merkle_root": lambda given: merkle.root(_leaves(given)).hex(),
    "data_root": lambda given: merkle.data_root(unpacked(given["raw"])).hex(),
    "legacy_root": lambda given: merkle.legacy_root(_leaves(given)),
    "inclusion_proof": lambda given: [h.hex() for h in merkle.inclusion_proof(_leaves(given), given["index"])],
    "verify_inclusion": lambda given: merkle.verify_inclusion(
        unpacked(given["leaf"]), given["index"], given["size"], _hashes(given["proof"]), bytes.fromhex(given["root"])
    ),
    "consistency_proof": lambda given: [h.hex() for h in merkle.consistency_proof(_leaves(given), given["first"])],
    "verify_consistency": lambda given: merkle.verify_consistency(
        given["first"],
        given["second"],
        bytes.fromhex(given["first_root"]),
        bytes.fromhex(given["second_root"]),
        _hashes(given["proof"]),
    ),
    "hlc_tick": lambda given: f"{clock.tick(int(given['last'], 16), Fraction(given['now'])):016x}",
    "hlc_observe": _observe,
    "join": _join,
    "frame": lambda given: packed(
        segments.frame(
            given["kind"], int(given["timestamp"], 16), unpacked(given["payload"]), unpacked(given.get("salt", ""))
        )
    ),
    "scan": _scan,
    "verify_segment": lambda given: segments.verify(given["name"], unpacked(given["segment"])),
    "ring_owner": lambda given: ring.owner(given["shards"], given["vnodes"], given["unhealthy"], given["key"]),
    "pause": lambda given: clock.pause(given["attempt"], float(given["chance"]), given["retry_after"]),
    "vrf_prove": _prove,
    "vrf_verify": lambda given: _packed_or_none(
        vrf.verify(unpacked(given["key"]), unpacked(given["message"]), unpacked(given["proof"]))
    ),
    "vrf_seed": lambda given: vrf.seed_shown(
        unpacked(given["key"]), given["vrf_proof"], given["merkle_root"], given["epoch"], given["shard_id"]
    ),
    "note_signature": lambda given: notes.signature(
        given["name"], unpacked(given["secret"]), given["text"], given.get("seconds")
    ),
    "checkpoint": lambda given: notes.checkpoint(
        unpacked(given["note"]), notes.key_of(given["log"]), [notes.key_of(each) for each in given.get("witnesses", ())]
    ),
    "tiles": lambda given: notes.tiles(given["leaves"]),
    "policy": _policy,
    "policy_mistakes": _policy_mistakes,
    "earlier_policy_digest": lambda given: vouching.earlier_digest(_read(given)),
    "sign_policy": lambda given: packed(vouching.sign(_read(given), unpacked(given["secret"]))),
    "authenticate_policy": _authenticate_policy,
    "judging_policy": lambda given: vouching.judging(
        given["stated"], {name: unpacked(key) for name, key in given["keys"].items()}, given["tenant"]
    ),
    "policy_share": lambda given: vouching.in_share(given["version"], given["tenant"], given["share"]),
    "node": _node,
}
"""Every operation. Each raises `Broken` where the protocol answers with an error."""


def answer(operation: str, given: Given) -> dict[str, Any]:
    """The answer to a case: a value, or the requirement that the input breaks and its field."""
    try:
        return {"value": OPERATIONS[operation](given)}
    except Broken as broken:
        return {"error": broken.requirement, "field": broken.field}
