"""Merkle trees of RFC 6962 (MRK-*): a root that commits to a list of leaves, and proofs of membership and of growth.

Leaves and inner nodes are hashed under different prefixes, so neither passes for the other, and a node without a sibling rises
unchanged, so lists of different lengths have different roots.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import TypeVar

from flk.spec.constants import CONSTANTS

T = TypeVar("T")

EMPTY_ROOT = sha256().digest()
LEGACY_EMPTY_ROOT = "0" * 64


def chunks(raw: bytes, size: int = CONSTANTS.merkle.chunk_bytes) -> list[bytes]:
    """`raw` cut into leaves of `size` bytes; the last may be shorter, and no bytes make no leaf (MRK-4)."""
    return [raw[start : start + size] for start in range(0, len(raw), size)]


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256 of a zero byte and the leaf (RFC 6962 section 2.1)."""
    return sha256(b"\0" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256 of a one byte and the two children (RFC 6962 section 2.1)."""
    return sha256(b"\1" + left + right).digest()


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """The 32-byte root of the tree of RFC 6962 over the leaves; SHA-256 of nothing if there are no leaves (MRK-1).

    A record's `merkle_root` is its hexadecimal form, over chunks of 64 bytes of the raw data (MRK-4).

    >>> merkle_root([b"a", b"b", b"c"]).hex()[:16]
    '36642e73c2540ab1'
    """
    return root_over([leaf_hash(leaf) for leaf in leaves]) if leaves else EMPTY_ROOT


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The hashes of the siblings on the way from leaf `index`, counted from 0, to the root (MRK-2, RFC 9162 section 2.1.3.1).

    Raises IndexError if there is no such leaf.

    >>> leaves = [b"a", b"b", b"c"]
    >>> proof = inclusion_proof(leaves, 1)
    >>> len(proof), verify_inclusion(b"b", 1, 3, proof, merkle_root(leaves))
    (2, True)
    """
    if not 0 <= index < len(leaves):
        raise IndexError(f"MRK-2: no leaf {index} in a tree of {len(leaves)}")
    proof = []
    for level in _levels([leaf_hash(leaf) for leaf in leaves]):
        proof += level[index ^ 1 : (index ^ 1) + 1]  # none at the end of a level of odd size
        index //= 2
    return proof


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `proof` shows that `leaf` is number `index` of the `size` leaves under `root` (MRK-2, RFC 9162 section 2.1.3.2).

    >>> verify_inclusion(b"a", 0, 1, [], merkle_root([b"a"]))
    True
    >>> verify_inclusion(b"b", 0, 1, [], merkle_root([b"a"]))
    False
    """
    return verify_inclusion_of(leaf_hash(leaf), index, size, proof, root)


def verify_inclusion_of(hashed: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """The same of a leaf of which only the hash is known (ERA-1)."""
    if not 0 <= index < size:
        return False
    node, last, computed = index, size - 1, hashed
    for sibling in proof:
        if not last:
            return False
        if _is_right(node, last):
            computed = node_hash(sibling, computed)
            node, last = _skip_promotions(node, last)
        else:
            computed = node_hash(computed, sibling)
        node, last = node >> 1, last >> 1
    return not last and computed == root


def consistency_proof(leaves: Sequence[bytes], first: int) -> list[bytes]:
    """The nodes from which both the root of the first `first` leaves and that of all follow (MRK-3, RFC 9162 section 2.1.4.1).

    Empty if `first` is all of them. Raises ValueError unless 0 < first <= len(leaves).

    >>> leaves = [b"a", b"b", b"c"]
    >>> proof = consistency_proof(leaves, 2)
    >>> verify_consistency(2, 3, merkle_root(leaves[:2]), merkle_root(leaves), proof)
    True
    """
    if not 0 < first <= len(leaves):
        raise ValueError(f"MRK-3: a tree of {len(leaves)} leaves has no earlier state of {first}")
    return _subproof([leaf_hash(leaf) for leaf in leaves], first, is_known=True)


def verify_consistency(first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `proof` shows that the tree of `first` leaves is how that of `second` began (MRK-3, RFC 9162 section 2.1.4.2).

    >>> proof = consistency_proof([b"a", b"b", b"c"], 2)
    >>> verify_consistency(2, 3, merkle_root([b"a", b"b"]), merkle_root([b"a", b"X", b"c"]), proof)
    False
    """
    if not 0 < first <= second:
        return False
    if first == second:
        return not proof and first_root == second_root
    path = [first_root, *proof] if _is_power_of_two(first) else list(proof)
    if not path:
        return False
    node, last = _skip_complete(first - 1, second - 1)
    old = new = path[0]
    for sibling in path[1:]:
        if not last:
            return False
        if _is_right(node, last):
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            node, last = _skip_promotions(node, last)
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    return not last and old == first_root and new == second_root


def legacy_root(leaves: Sequence[bytes]) -> str:
    """The root of the older tree, which exists only for the golden records (MRK-5).

    It hashes hexadecimal text, does not tell leaves from nodes, and pairs an odd node with itself, so that different lists share
    a root: new records never use it.
    """
    level = [sha256(leaf).hexdigest() for leaf in leaves] or [LEGACY_EMPTY_ROOT]
    while len(level) > 1:
        level += level[-1:] if len(level) % 2 else []
        level = [sha256(f"{left}{right}".encode()).hexdigest() for left, right in _pairs(level)]
    return level[0]


def root_over(hashes: list[bytes]) -> bytes:
    """The root of the tree over leaves, or over complete subtrees of one size, of which these are the hashes."""
    *_, top = _levels(hashes)
    return top[0]


def _levels(hashes: list[bytes]) -> Iterator[list[bytes]]:
    """The tree's levels from the leaves to the root."""
    yield hashes
    while len(hashes) > 1:
        promoted = hashes[-1:] if len(hashes) % 2 else []
        hashes = [node_hash(left, right) for left, right in _pairs(hashes)] + promoted
        yield hashes


def _pairs(level: list[T]) -> Iterator[tuple[T, T]]:
    return zip(level[::2], level[1::2], strict=False)


def _subproof(hashes: list[bytes], first: int, *, is_known: bool) -> list[bytes]:
    """SUBPROOF of RFC 9162: `is_known` as long as the verifier has the root of these leaves."""
    if first == len(hashes):
        return [] if is_known else [root_over(hashes)]
    half = 1 << (len(hashes) - 1).bit_length() - 1
    left, right = hashes[:half], hashes[half:]
    if first <= half:
        return [*_subproof(left, first, is_known=is_known), root_over(right)]
    return [*_subproof(right, first - half, is_known=False), root_over(left)]


def _is_right(node: int, last: int) -> bool:
    """Whether the next sibling of a proof stands to the left: the node is a right child, or was promoted and is about to be one."""
    return node % 2 == 1 or node == last


def _skip_promotions(node: int, last: int) -> tuple[int, int]:
    """Up to the level where the node is a right child, if it rose without a sibling."""
    while node and node % 2 == 0:
        node, last = node >> 1, last >> 1
    return node, last


def _skip_complete(node: int, last: int) -> tuple[int, int]:
    """Up from the last node of the older tree to the root of the largest complete subtree it ends."""
    while node % 2:
        node, last = node >> 1, last >> 1
    return node, last


def _is_power_of_two(n: int) -> bool:
    return n & (n - 1) == 0
