"""A Merkle tree with other prefixes than RFC 6962 has, or split elsewhere: its root, its proofs, and what it takes for proofs."""

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import NamedTuple


def largest_power_below(n: int) -> int:
    """Where RFC 6962 splits n leaves."""
    return 1 << (n - 1).bit_length() - 1


class Tree(NamedTuple):
    """The bytes before a leaf and before a node, and where a list of n > 1 leaves is split."""

    leaf: bytes = b"\0"
    node: bytes = b"\1"
    split: Callable[[int], int] = largest_power_below

    def root(self, leaves: Sequence[bytes]) -> bytes:
        """The root of these leaves."""
        if not leaves:
            return sha256().digest()
        if len(leaves) == 1:
            return sha256(self.leaf + leaves[0]).digest()
        at = self.split(len(leaves))
        return self._parent(self.root(leaves[:at]), self.root(leaves[at:]))

    def inclusion_proof(self, leaves: Sequence[bytes], index: int) -> list[bytes]:
        """The siblings of a leaf, from the leaf up."""
        if len(leaves) == 1:
            return []
        at = self.split(len(leaves))
        if index < at:
            return [*self.inclusion_proof(leaves[:at], index), self.root(leaves[at:])]
        return [*self.inclusion_proof(leaves[at:], index - at), self.root(leaves[:at])]

    def verify_inclusion(self, leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
        """Whether the proof leads from the leaf to the root."""
        if not 0 <= index < size:
            return False
        nodes = list(proof)
        found = self._climbed(sha256(self.leaf + leaf).digest(), index, size, nodes)
        return found == root and not nodes

    def _climbed(self, leaf: bytes, index: int, size: int, nodes: list[bytes]) -> bytes | None:
        """The root of a list of so many leaves, of one leaf and its siblings; the last node belongs to the top."""
        if size == 1:
            return leaf
        if not nodes:
            return None
        at, sibling = self.split(size), nodes.pop()
        inner = (
            self._climbed(leaf, index, at, nodes) if index < at else self._climbed(leaf, index - at, size - at, nodes)
        )
        if inner is None:
            return None
        return self._parent(inner, sibling) if index < at else self._parent(sibling, inner)

    def consistency_proof(self, leaves: Sequence[bytes], first: int) -> list[bytes]:
        """The nodes that the roots of the first leaves and of all follow from."""
        return list(self._subproof(leaves, first, is_known=True))

    def _subproof(self, leaves: Sequence[bytes], first: int, *, is_known: bool) -> Iterator[bytes]:
        if first == len(leaves):
            if not is_known:
                yield self.root(leaves)
            return
        at = self.split(len(leaves))
        if first <= at:
            yield from self._subproof(leaves[:at], first, is_known=is_known)
            yield self.root(leaves[at:])
        else:
            yield from self._subproof(leaves[at:], first - at, is_known=False)
            yield self.root(leaves[:at])

    def verify_consistency(self, first: int, second: int, old: bytes, new: bytes, proof: Sequence[bytes]) -> bool:
        """Whether both roots follow from the proof."""
        if not 0 < first <= second:
            return False
        nodes = list(proof)
        return self._both(first, second, old, nodes, is_known=True) == (old, new) and not nodes

    def _both(
        self, first: int, size: int, old: bytes, nodes: list[bytes], *, is_known: bool
    ) -> tuple[bytes, bytes] | None:
        if first == size:
            if is_known:
                return old, old
            return (nodes[-1], nodes.pop()) if nodes else None
        if not nodes:
            return None
        at, other = self.split(size), nodes.pop()
        if first <= at:
            inner = self._both(first, at, old, nodes, is_known=is_known)
            return None if inner is None else (inner[0], self._parent(inner[1], other))
        inner = self._both(first - at, size - at, old, nodes, is_known=False)
        return None if inner is None else (self._parent(other, inner[0]), self._parent(other, inner[1]))

    def _parent(self, left: bytes, right: bytes) -> bytes:
        return sha256(self.node + left + right).digest()
