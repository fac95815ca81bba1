"""Merkle trees (MRK-1 to MRK-5), as the recursive definitions of RFC 6962, section 2.1, read."""

from collections.abc import Sequence
from hashlib import sha256

from .texts import CONSTANTS, Broken

CHUNK: int = CONSTANTS["merkle"]["chunk_bytes"]


def root(leaves: Sequence[bytes]) -> bytes:
    """The root of the leaves (MRK-1)."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    k = split(len(leaves))
    return node_hash(root(leaves[:k]), root(leaves[k:]))


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of a leaf: the byte 0 comes first."""
    return sha256(b"\0" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node: the byte 1 comes first."""
    return sha256(b"\1" + left + right).digest()


def split(n: int) -> int:
    """The largest power of two below `n` > 1."""
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def data_root(raw: bytes) -> bytes:
    """The root over chunks of the raw bytes; no bytes give no leaves (MRK-4)."""
    return root([raw[start : start + CHUNK] for start in range(0, len(raw), CHUNK)])


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """PATH(m, D[n]) of RFC 6962, 2.1.1, from the leaf up; there has to be such a leaf (MRK-2)."""
    if not 0 <= index < len(leaves):
        raise Broken("MRK-2")
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if index < k:
        return [*inclusion_proof(leaves[:k], index), root(leaves[k:])]
    return [*inclusion_proof(leaves[k:], index - k), root(leaves[:k])]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], claimed: bytes) -> bool:
    """Whether the proof makes `leaf` number `index` of `size` leaves under the root (MRK-2)."""
    return 0 <= index < size and _root_above(leaf_hash(leaf), index, size, proof) == claimed


def _root_above(hashed: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes | None:
    """The root that a path leads to, or none if it is too long or too short for the place."""
    if size == 1:
        return None if proof else hashed
    if not proof:
        return None
    k = split(size)
    if index < k:
        below = _root_above(hashed, index, k, proof[:-1])
        return None if below is None else node_hash(below, proof[-1])
    below = _root_above(hashed, index - k, size - k, proof[:-1])
    return None if below is None else node_hash(proof[-1], below)


def consistency_proof(leaves: Sequence[bytes], first: int) -> list[bytes]:
    """PROOF(m, D[n]) of RFC 6962, 2.1.2, of a beginning that is not empty (MRK-3)."""
    if not 0 < first <= len(leaves):
        raise Broken("MRK-3")
    return _subproof(first, leaves, whole=True)


def _subproof(m: int, leaves: Sequence[bytes], *, whole: bool) -> list[bytes]:
    if m == len(leaves):
        return [] if whole else [root(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*_subproof(m, leaves[:k], whole=whole), root(leaves[k:])]
    return [*_subproof(m - k, leaves[k:], whole=False), root(leaves[:k])]


def verify_consistency(first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the proof makes the tree of `second` leaves one that began as that of `first` (MRK-3)."""
    if not 0 < first <= second:
        return False
    return _roots_above(first, second, first_root, proof, whole=True) == (first_root, second_root)


def _roots_above(
    m: int, n: int, first_root: bytes, proof: Sequence[bytes], *, whole: bool
) -> tuple[bytes, bytes] | None:
    """Both roots as a proof that SUBPROOF(m, D[n], whole) could have made gives them; none if it has another length."""
    if m == n:
        if whole:
            return None if proof else (first_root, first_root)
        return (proof[0], proof[0]) if len(proof) == 1 else None
    if not proof:
        return None
    k = split(n)
    if m <= k:
        below = _roots_above(m, k, first_root, proof[:-1], whole=whole)
        return None if below is None else (below[0], node_hash(below[1], proof[-1]))
    below = _roots_above(m - k, n - k, first_root, proof[:-1], whole=False)
    return None if below is None else (node_hash(proof[-1], below[0]), node_hash(proof[-1], below[1]))


def legacy_root(leaves: Sequence[bytes]) -> str:
    """The root of the older tree: no prefixes, hexadecimal texts joined, an odd node paired with itself (MRK-5)."""
    level = [sha256(leaf).hexdigest() for leaf in leaves] or ["0" * 64]
    while len(level) > 1:
        if len(level) % 2:
            level.append(level[-1])
        level = [
            sha256((left + right).encode()).hexdigest() for left, right in zip(level[::2], level[1::2], strict=True)
        ]
    return level[0]
