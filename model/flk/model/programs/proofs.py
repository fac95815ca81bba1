"""Proofs of a transparency log, from its tiles, and whether these are what its checkpoint says (TLOG-4, TLOG-5).

Whoever reads the tiles need not trust who stores them: a proof that follows from them is checked against the root that the log has
signed before anything is said.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from flk.model.effects import GetObject, Program
from flk.model.record.merkle import (
    EMPTY_ROOT,
    node_hash,
    root_over,
    verify_consistency,
    verify_inclusion_of,
)
from flk.model.transparency.checkpoints import BadLog, Checkpoint
from flk.model.transparency.edge import Edge, grown, hashes_of
from flk.model.transparency.erased import Erased, hash_of
from flk.model.transparency.tiles import HASH_BYTES, WIDTH, Tile, bundle_of, bundles_of, place_of, unpacked

See: TypeAlias = Callable[[int, bytes], None]


class Proven(NamedTuple):
    """A leaf, and the hashes that show that it is where it is."""

    leaf: bytes
    proof: tuple[bytes, ...]


class Audited(NamedTuple):
    """How many leaves and objects were read, and held against the checkpoint; how many leaves are erased, and how many are still
    there though the log says that they are (ERA-2).
    """

    leaves: int
    objects: int
    erased: int = 0
    to_erase: int = 0


def prove_inclusion(prefix: str, index: int, checkpoint: Checkpoint) -> Program[Proven]:
    """The index-th leaf, and a proof that it is under the root of the checkpoint. Raises BadLog; IndexError if there is none."""
    if not 0 <= index < checkpoint.size:
        raise IndexError(f"TLOG-4: there is no leaf {index} in a log of {checkpoint.size}")
    tree = _Tree(prefix, checkpoint.size)
    leaves = yield from tree.leaves(bundle_of(index, checkpoint.size))
    leaf = leaves[index % WIDTH]
    proof = tuple((yield from tree.path(index, 0, checkpoint.size)))
    if not verify_inclusion_of(hash_of(leaf), index, checkpoint.size, proof, checkpoint.root):
        raise _not_under_root(prefix, index)
    return Proven(leaf, proof)


def proven_leaves(prefix: str, first: int, count: int, checkpoint: Checkpoint) -> Program[list[bytes]]:
    """So many leaves, the first of them at that index, each shown to be under the root of the checkpoint. Raises BadLog."""
    tree = _Tree(prefix, checkpoint.size)
    indices = range(first, first + count)
    found: dict[Tile, list[bytes]] = {}
    for bundle in dict.fromkeys(bundle_of(index, checkpoint.size) for index in indices):
        found[bundle] = yield from tree.leaves(bundle)
    leaves = []
    for index in indices:
        leaf = found[bundle_of(index, checkpoint.size)][index % WIDTH]
        proof = yield from tree.path(index, 0, checkpoint.size)
        if not verify_inclusion_of(hash_of(leaf), index, checkpoint.size, tuple(proof), checkpoint.root):
            raise _not_under_root(prefix, index)
        leaves.append(leaf)
    return leaves


def _not_under_root(prefix: str, index: int) -> BadLog:
    return BadLog(f"TLOG-4: what {prefix}tile/ has of leaf {index} does not come to the root that the log has signed")


def prove_consistency(prefix: str, earlier: Checkpoint, checkpoint: Checkpoint) -> Program[tuple[bytes, ...]]:
    """A proof that the log of an earlier checkpoint is how this one began. Raises BadLog if it is not: the log was forked."""
    if earlier.size > checkpoint.size:
        raise BadLog(f"TLOG-5: the log had {earlier.size} leaves, and now says that it has {checkpoint.size}")
    proof: tuple[bytes, ...] = ()
    if 0 < earlier.size < checkpoint.size:
        tree = _Tree(prefix, checkpoint.size)
        proof = tuple((yield from tree.subproof(earlier.size, 0, checkpoint.size, is_known=True)))
    same = earlier.size == checkpoint.size and earlier.root == checkpoint.root
    grown = verify_consistency(earlier.size, checkpoint.size, earlier.root, checkpoint.root, proof)
    if not (same or grown or not earlier.size):
        raise BadLog(
            f"TLOG-5: the log of {earlier.size} leaves that was signed before is not how that of {checkpoint.size} leaves begins"
        )
    return proof


def audit(prefix: str, checkpoint: Checkpoint, see: See = lambda _number, _leaf: None) -> Program[Audited]:
    """Read the whole log, and hold every object of it against the others and the checkpoint. `see` is told each leaf and its
    number; what it was told counts when this returns.

    Raises BadLog, also for a leaf that is erased and that no later leaf names as erased (ERA-2).
    """
    tree, edge, erased = _Tree(prefix, checkpoint.size), Edge(), Erased()
    for bundle in bundles_of(checkpoint.size):
        leaves = yield from tree.leaves(bundle)
        for number, leaf in enumerate(leaves, start=edge.size):
            erased.see(number, leaf)
            see(number, leaf)
        edge, full = grown(edge, leaves)
        yield from tree.require(full)
    yield from tree.require(edge.tiles())
    if edge.root != checkpoint.root:
        raise BadLog(f"TLOG-3: the leaves in {prefix}tile/entries do not come to the root that the log has signed")
    for number in erased.unnamed():
        raise BadLog(f"ERA-2: leaf {number} in {prefix}tile/entries is erased, and no leaf of the log says so")
    pending = sum(number not in erased.gone for number in erased.named)
    return Audited(checkpoint.size, tree.read, len(erased.gone), pending)


def root_of(prefix: str, size: int) -> Program[bytes]:
    """The root of the first `size` leaves, as the tiles have it. Raises BadLog."""
    return (yield from _Tree(prefix, size).root())


class _Tree:
    """The tree of a log of `size` leaves, as its tiles have it. `read` counts the objects that were read."""

    def __init__(self, prefix: str, size: int) -> None:
        self._prefix = prefix
        self._size = size
        self._tiles: dict[Tile, list[bytes]] = {}
        self.read = 0

    def leaves(self, bundle: Tile) -> Program[list[bytes]]:
        """The leaves of a tile of leaves."""
        content = yield from self._content(bundle)
        found = unpacked(content)
        if found is None or len(found) < bundle.width:
            raise BadLog(f"TLOG-3: {self._prefix}{bundle.name} does not have {bundle.width} leaves")
        return found[: bundle.width]

    def hashes(self, tile: Tile) -> Program[list[bytes]]:
        """The hashes of a tile, which is kept."""
        if tile not in self._tiles:
            self._tiles[tile] = yield from self.read_hashes(tile)
        return self._tiles[tile]

    def read_hashes(self, tile: Tile) -> Program[list[bytes]]:
        """The hashes of a tile."""
        content = yield from self._content(tile)
        size = tile.width * HASH_BYTES
        if len(content) < size or len(content) % HASH_BYTES:
            raise BadLog(f"TLOG-3: {self._prefix}{tile.name} does not have {tile.width} hashes")
        return list(hashes_of(content[:size]))

    def require(self, tiles: list[tuple[Tile, bytes]]) -> Program[None]:
        """Return if the tiles of hashes among these are so. Raises BadLog."""
        for tile, content in tiles:
            if tile.level >= 0 and b"".join((yield from self.read_hashes(tile))) != content:
                raise BadLog(f"TLOG-3: {self._prefix}{tile.name} is not what the leaves of the log come to")

    def path(self, index: int, begin: int, end: int) -> Program[list[bytes]]:
        """PATH of RFC 6962, of leaves from `begin` to `end`."""
        if end - begin == 1:
            return []
        half = begin + _half(end - begin)
        if index < half:
            return [*(yield from self.path(index, begin, half)), (yield from self._top(half, end))]
        return [*(yield from self.path(index, half, end)), (yield from self._top(begin, half))]

    def subproof(self, first: int, begin: int, end: int, *, is_known: bool) -> Program[list[bytes]]:
        """SUBPROOF of RFC 6962, of leaves from `begin` to `end`."""
        if first == end:
            return [] if is_known else [(yield from self._top(begin, end))]
        half = begin + _half(end - begin)
        if first <= half:
            below = yield from self.subproof(first, begin, half, is_known=is_known)
            return [*below, (yield from self._top(half, end))]
        below = yield from self.subproof(first, half, end, is_known=False)
        return [*below, (yield from self._top(begin, half))]

    def root(self) -> Program[bytes]:
        """The root of all leaves."""
        return (yield from self._top(0, self._size)) if self._size else EMPTY_ROOT

    def _top(self, begin: int, end: int) -> Program[bytes]:
        """The root of the leaves from `begin` to `end`."""
        count = end - begin
        if count & (count - 1):
            half = begin + _half(count)
            left = yield from self._top(begin, half)
            return node_hash(left, (yield from self._top(half, end)))
        level = count.bit_length() - 1
        place = place_of(level, begin >> level, self._size)
        hashes = yield from self.hashes(place.tile)
        return root_over(hashes[place.begin : place.end])

    def _content(self, tile: Tile) -> Program[bytes]:
        """The object of a tile; of one that has grown since, the one that it has become."""
        for name in dict.fromkeys((tile.name, tile.whole.name)):
            content = yield from GetObject(self._prefix + name)
            if content is not None:
                self.read += 1
                return content
        raise BadLog(f"TLOG-3: {self._prefix}{tile.name} is gone")


def _half(count: int) -> int:
    """The largest power of two below a number."""
    return 1 << (count - 1).bit_length() - 1
