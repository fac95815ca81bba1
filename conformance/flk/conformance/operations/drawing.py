"""Seeds that are drawn by a verifiable random function (VRF-1 to VRF-5)."""

from flk.conformance.operations.forms import Form
from flk.model.record.drawing import drawn_seed
from flk.model.vrf import ecvrf


class ProveInput(Form, frozen=True):
    """The 32-byte seed of a key, and what is to be proved of."""

    secret: bytes
    message: bytes


class Proven(Form, frozen=True):
    """A proof of 80 bytes, and the output of 64 that it comes to."""

    proof: bytes
    output: bytes


class VerifyInput(Form, frozen=True):
    """A public key, a message, and what may be the proof of one for the other."""

    key: bytes
    message: bytes
    proof: bytes


class DrawInput(Form, frozen=True):
    """A public key, and what of a record says which seed it drew."""

    key: bytes
    vrf_proof: str
    merkle_root: str
    epoch: int
    shard_id: str


def vrf_prove(given: ProveInput) -> Proven:
    """The proof, and its output."""
    proof = ecvrf.prove(given.secret, given.message)
    return Proven(proof, ecvrf.output_of(proof))


def vrf_verify(given: VerifyInput) -> bytes | None:
    """The output, or null for a proof that shows nothing."""
    return ecvrf.verify(given.key, given.message, given.proof)


def vrf_seed(given: DrawInput) -> int | None:
    """The seed that the proof shows, or null."""
    return drawn_seed(given.key, given.vrf_proof, given.merkle_root, given.epoch, given.shard_id)
