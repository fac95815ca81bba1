"""Merkle trees (MRK-*). Leaves are bytes, hashes are 64 lowercase hexadecimal digits."""

from typing import Annotated

from msgspec import Meta

from flk.conformance.operations.forms import Form
from flk.conformance.operations.signals import RawBytes
from flk.model.record import merkle as model

Hash = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Leaves(Form, frozen=True):
    """The leaves of a tree."""

    leaves: tuple[bytes, ...]


class Position(Leaves, frozen=True):
    """A tree and the number of one of its leaves."""

    index: int


class Prefix(Leaves, frozen=True):
    """A tree and how many of its leaves it once had."""

    first: int


class Inclusion(Form, frozen=True):
    """A claim: `leaf` is number `index` of `size` leaves under `root`."""

    leaf: bytes
    index: int
    size: int
    proof: tuple[Hash, ...]
    root: Hash


class Consistency(Form, frozen=True):
    """A claim: the tree of `second` leaves began as that of `first`."""

    first: int
    second: int
    first_root: Hash
    second_root: Hash
    proof: tuple[Hash, ...]


def merkle_root(given: Leaves) -> str:
    """The root."""
    return model.merkle_root(given.leaves).hex()


def data_root(given: RawBytes) -> str:
    """The root over a data set's chunks."""
    return model.merkle_root(model.chunks(given.raw)).hex()


def legacy_root(given: Leaves) -> str:
    """The root of the older tree."""
    return model.legacy_root(given.leaves)


def inclusion_proof(given: Position) -> list[str]:
    """The siblings from the leaf up; error MRK-2 if there is no such leaf."""
    return [node.hex() for node in model.inclusion_proof(given.leaves, given.index)]


def verify_inclusion(given: Inclusion) -> bool:
    """Whether the proof shows it."""
    proof = [bytes.fromhex(node) for node in given.proof]
    return model.verify_inclusion(given.leaf, given.index, given.size, proof, bytes.fromhex(given.root))


def consistency_proof(given: Prefix) -> list[str]:
    """The proof; error MRK-3 unless 0 < `first` <= the number of leaves."""
    return [node.hex() for node in model.consistency_proof(given.leaves, given.first)]


def verify_consistency(given: Consistency) -> bool:
    """Whether the proof shows it."""
    roots = bytes.fromhex(given.first_root), bytes.fromhex(given.second_root)
    return model.verify_consistency(given.first, given.second, *roots, [bytes.fromhex(node) for node in given.proof])
