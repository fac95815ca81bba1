"""Cases of seeds that are drawn: `vrf_prove`, `vrf_verify`, `vrf_seed`."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy, composite

from flk.conformance.cases.values import epochs, hexes, packed
from flk.conformance.drafts.weak_points import GROUP_ORDER, MIXED, SMALL_ORDER
from flk.model.record.drawing import VrfPrivateKey
from flk.model.vrf.ecvrf import prove, public_key
from flk.spec.constants import CONSTANTS

secrets = st.just(b"k" * 32) | st.binary(min_size=32, max_size=32)
messages = st.binary(max_size=4) | st.binary(max_size=200)
points = st.sampled_from([*SMALL_ORDER.values(), MIXED]) | st.binary(min_size=32, max_size=32)
shards = st.text("abc-1", min_size=1, max_size=6)


@composite
def proofs(draw: DrawFn) -> dict[str, Any]:
    """A proof, with a chance that something about it, its key or its message is not as it should be."""
    secret, message = draw(secrets), draw(messages)
    key, proof = public_key(secret), prove(secret, message)
    match draw(st.integers(0, 8)):
        case 0:
            key = draw(points)
        case 1:
            proof = draw(points) + proof[32:]
        case 2:
            proof = proof[:48] + (int.from_bytes(proof[48:], "little") + GROUP_ORDER).to_bytes(32, "little")
        case 3:
            place = draw(st.integers(0, 8 * len(proof) - 1))
            flipped = bytearray(proof)
            flipped[place // 8] ^= 1 << place % 8
            proof = bytes(flipped)
        case 4:
            proof = draw(st.sampled_from([proof[:-1], proof + b"\0", b"", proof[:48]]))
        case 5:
            message += b"\0"
    return {"key": packed(key), "message": packed(message), "proof": packed(proof)}


@composite
def draws(draw: DrawFn) -> dict[str, Any]:
    """What a key drew for a record, and perhaps another record than that."""
    root, epoch, shard = draw(hexes), draw(epochs), draw(shards)
    key = VrfPrivateKey(draw(secrets))
    proof = key.draw(root, epoch, shard).proof
    if draw(st.integers(0, 3)) == 0:
        epoch = draw(epochs)
    return {
        "key": packed(draw(st.sampled_from([key.public, key.public, public_key(bytes(32))]))),
        "vrf_proof": proof,
        "merkle_root": root,
        "epoch": min(epoch, CONSTANTS.record.max_epoch),
        "shard_id": shard,
    }


CASES: dict[str, SearchStrategy[dict[str, Any]]] = {
    "vrf_prove": st.fixed_dictionaries({"secret": secrets.map(packed), "message": messages.map(packed)}),
    "vrf_verify": proofs(),
    "vrf_seed": draws(),
}
