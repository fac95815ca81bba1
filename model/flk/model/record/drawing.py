"""Seeds that nobody chooses: drawn by a verifiable random function from what a record is about (VRF-4 to VRF-6)."""

from base64 import b64decode, b64encode
from collections.abc import Iterable
from typing import NamedTuple

from flk.model.record.identity import preimage
from flk.model.record.record import LIMITS, DrawnPcs, Pcs
from flk.model.refusal import Unauthenticated
from flk.model.vrf.ecvrf import output_of, prove, public_key, verify
from flk.spec.constants import CONSTANTS


class Draw(NamedTuple):
    """A seed from 0 to 2^32 - 1, and the value of `vrf_proof` that shows where it comes from."""

    seed: int
    proof: str


class VrfPrivateKey:
    """32 raw bytes of an Ed25519 seed, for drawing alone (VRF-5). Raises ValueError for another length.

    >>> key = VrfPrivateKey(bytes(range(32)))
    >>> key.draw("a" * 64, 1, "shard-001") == key.draw("a" * 64, 1, "shard-001")
    True
    """

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self.public = public_key(seed)

    def draw(self, merkle_root: str, epoch: int, shard_id: str) -> Draw:
        """The one seed that this key has for a record's identity, however often it is asked."""
        proof = prove(self._seed, preimage(merkle_root, epoch, shard_id))
        return Draw(_seed_of(output_of(proof)), b64encode(proof).decode())


def drawn_seed(key: bytes, proof: str, merkle_root: str, epoch: int, shard_id: str) -> int | None:
    """The seed that a proof shows to be the key's for a record's identity; none if it shows nothing (VRF-2, VRF-3, VRF-5).

    Raises ValueError unless `proof` is base64.
    """
    output = verify(key, preimage(merkle_root, epoch, shard_id), b64decode(proof, validate=True))
    return None if output is None else _seed_of(output)


def require_drawn(record: Pcs, keys: Iterable[bytes]) -> None:
    """Return if one of these keys drew the record's seed. Raises Unauthenticated, by what is wrong: that there is no proof (VRF-6),
    that it shows nothing (VRF-2), that the seed is another (VRF-5).
    """
    if not isinstance(record, DrawnPcs):
        detail = f"the policy in force asks for records of version {LIMITS.drawn_version}, with a vrf_proof"
        raise Unauthenticated("VRF-6", detail, field="vrf_proof")
    shown = {drawn_seed(key, record.vrf_proof, record.merkle_root, record.epoch, record.shard_id) for key in keys} - {
        None
    }
    if not shown:
        raise Unauthenticated("VRF-2", "no live VRF key of this tenant made this proof", field="vrf_proof")
    if record.seed not in shown:
        raise Unauthenticated("VRF-5", "seed is not the one that vrf_proof shows", field="seed")


def _seed_of(output: bytes) -> int:
    return int.from_bytes(output[: CONSTANTS.vrf.seed_bytes], "big")
