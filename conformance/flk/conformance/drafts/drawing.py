"""Drafts of `vrf_prove`, `vrf_verify` and `vrf_seed`: proofs, forgeries, and the seeds that come of them (VRF-*)."""

from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import NamedTuple

from flk.conformance.drafts.draft import MERKLE_ROOT, Draft
from flk.conformance.drafts.weak_points import FIELD, GROUP_ORDER, MIXED, SMALL_ORDER
from flk.conformance.operations.drawing import DrawInput, ProveInput, VerifyInput
from flk.model.record.drawing import VrfPrivateKey
from flk.model.record.identity import preimage
from flk.model.vrf.ecvrf import prove, public_key
from flk.spec.constants import CONSTANTS

PROOFS, CHECKS, CHECKED, RECORDS, SEEDS = (f"VRF-{number}" for number in range(1, 6))
VRF = "vrf"
SECRET = bytes(range(32))
KEY = public_key(SECRET)
DRAWING = VrfPrivateKey(SECRET)
MESSAGE = preimage(MERKLE_ROOT, 1, "shard-001")
PROOF = prove(SECRET, MESSAGE)
GAMMA, C, S = PROOF[:32], PROOF[32:48], PROOF[48:]


def vrf_prove() -> Iterator[Draft]:
    """Keys and messages of several lengths; some messages are points only at a second try or later."""
    messages = {"empty": b"", "one-byte": b"\x72", "record": MESSAGE, "block": b"m" * 128, "binary": bytes(range(256))}
    for slug, message in messages.items():
        yield Draft(f"message/{slug}", "the same proof at every time", ProveInput(SECRET, message), (PROOFS,), (VRF,))
    for slug, secret in {"zeros": bytes(32), "ones": b"\xff" * 32, "text": b"a secret of thirty-two bytes ..."}.items():
        yield Draft(f"key/{slug}", "a key is that of Ed25519", ProveInput(secret, MESSAGE), (PROOFS,), (VRF,))
    for number in range(6):
        asked = ProveInput(SECRET, number.to_bytes(2, "big"))
        yield Draft(f"tries/{number}", "the first hash that is a point counts", asked, (PROOFS,), (VRF,))


class _Forgery(NamedTuple):
    comment: str
    key: bytes
    proof: bytes
    flags: tuple[str, ...] = ()


def vrf_verify() -> Iterator[Draft]:
    """Proofs that show an output, and all kinds of those that do not."""
    for slug, message in {"record": MESSAGE, "empty": b"", "binary": bytes(range(256))}.items():
        asked = VerifyInput(KEY, message, prove(SECRET, message))
        yield Draft(f"valid/{slug}", "the output is that of proving", asked, (PROOFS,), (VRF,))
    for slug, (comment, key, proof, flags) in _forgeries().items():
        yield Draft(slug, comment, VerifyInput(key, MESSAGE, proof), (CHECKS,), (VRF, *flags))
    for slug, message in {"another": preimage(MERKLE_ROOT, 2, "shard-001"), "longer": MESSAGE + b"0"}.items():
        asked = VerifyInput(KEY, message, PROOF)
        yield Draft(f"message/{slug}", "a proof is of one message", asked, (CHECKED,), (VRF, "forgery"))


def _forgeries() -> dict[str, _Forgery]:
    """By their slugs. Under none of them is there an output."""
    other, length = prove(SECRET, b"another"), "a proof has 80 bytes"
    s = int.from_bytes(S, "little")
    made = {
        "key/another": _Forgery("a proof is of one key", public_key(bytes(32)), PROOF, ("forgery",)),
        "key/mixed-order": _Forgery("of large order, and not the key", MIXED, PROOF, ("forgery",)),
        "key/short": _Forgery("a key has 32 bytes", KEY[:31], PROOF),
        "key/empty": _Forgery("a key has 32 bytes", b"", PROOF),
        "key/no-point": _Forgery("no point has this y", (2).to_bytes(32, "little"), PROOF),
        "key/unreduced": _Forgery("y is below the field's prime", (FIELD + 3).to_bytes(32, "little"), PROOF),
        "s/plus-the-order": _Forgery("s is below the order", KEY, GAMMA + C + _number(s + GROUP_ORDER), ("forgery",)),
        "s/the-order": _Forgery("s is below the order", KEY, GAMMA + C + _number(GROUP_ORDER)),
        "s/another": _Forgery("a part of another proof", KEY, GAMMA + C + other[48:], ("forgery",)),
        "c/another": _Forgery("a part of another proof", KEY, GAMMA + other[32:48] + S, ("forgery",)),
        "c/zero": _Forgery("no challenge", KEY, GAMMA + bytes(16) + S, ("forgery",)),
        "gamma/another": _Forgery("a part of another proof", KEY, other[:32] + C + S, ("forgery",)),
        "gamma/negative": _Forgery("the opposite point", KEY, _signed(GAMMA) + C + S, ("forgery",)),
        "gamma/alone": _Forgery("an output is not to be had from Gamma alone", KEY, GAMMA + bytes(48), ("forgery",)),
        "length/79": _Forgery(length, KEY, PROOF[:79]),
        "length/81": _Forgery(length, KEY, PROOF + b"\0"),
        "length/96": _Forgery("the form of drafts before the RFC", KEY, GAMMA + C + bytes(16) + S),
        "length/0": _Forgery(length, KEY, b""),
    }
    for name, point in SMALL_ORDER.items():
        comment = "a key of small order proves everything"
        made[f"key/{name}"] = _Forgery(comment, point, SMALL_ORDER["order-1"] + bytes(48), ("small-order",))
        made[f"gamma/{name}"] = _Forgery("a point of small order", KEY, point + C + S, ("small-order",))
    return made


def vrf_seed() -> Iterator[Draft]:
    """Seeds of several records, and proofs that show none."""
    places = {"first": (0, "s"), "ordinary": (1, "shard-001"), "last": (CONSTANTS.record.max_epoch, "~" * 128)}
    for slug, (epoch, shard) in places.items():
        proof = DRAWING.draw(MERKLE_ROOT, epoch, shard).proof
        asked = DrawInput(KEY, proof, MERKLE_ROOT, epoch, shard)
        yield Draft(f"drawn/{slug}", "the first four bytes of the output, the greatest first", asked, (SEEDS,), (VRF,))
    proof = b64encode(PROOF).decode()
    changed = {
        "another-epoch": DrawInput(KEY, proof, MERKLE_ROOT, 2, "shard-001"),
        "another-shard": DrawInput(KEY, proof, MERKLE_ROOT, 1, "shard-002"),
        "another-root": DrawInput(KEY, proof, "b" * 64, 1, "shard-001"),
        "parts-moved": DrawInput(KEY, proof, MERKLE_ROOT, 11, "shard-001"),
        "another-key": DrawInput(public_key(bytes(32)), proof, MERKLE_ROOT, 1, "shard-001"),
    }
    for slug, asked in changed.items():
        comment = "a proof is of one record's identity, under one key"
        yield Draft(f"nothing/{slug}", comment, asked, (SEEDS,), (VRF, "forgery"))


def _number(n: int) -> bytes:
    return n.to_bytes(32, "little")


def _signed(point: bytes) -> bytes:
    return bytes([*point[:31], point[31] ^ 0x80])


def with_proof(record: dict[str, object], **changes: object) -> dict[str, object]:
    """The record with the seed that the key draws for it and its proof, or with other values where wanted."""
    draw = DRAWING.draw(str(record["merkle_root"]), int(str(record["epoch"])), str(record["shard_id"]))
    return {
        **record,
        "version": CONSTANTS.record.drawn_version,
        "seed": draw.seed,
        "vrf_proof": draw.proof,
        **changes,
    }


def respelt(proof: str) -> dict[str, str]:
    """Texts that are not the one base64 of a proof, each by what is wrong."""
    raw = b64decode(proof)
    return {
        "empty": "",
        "unpadded": proof.rstrip("="),
        "url-alphabet": "-" + proof[1:],
        "leftover-bits": f"{proof[:106]}{chr(ord('B'))}=",
        "a-byte-short": b64encode(raw[:79]).decode(),
        "a-byte-long": b64encode(raw + b"\0").decode(),
        "hexadecimal": raw.hex(),
        "newline": proof + "\n",
    }
