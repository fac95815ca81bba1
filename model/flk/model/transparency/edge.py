"""The right edge of a log's tree, and how it grows: which tiles leaves come to (TLOG-3). Pure functions."""

from collections.abc import Iterable
from itertools import count, islice
from typing import NamedTuple

from flk.model.record.merkle import EMPTY_ROOT, root_over
from flk.model.transparency.erased import hash_of
from flk.model.transparency.tiles import HASH_BYTES, WIDTH, Tile, packed


class Edge(NamedTuple):
    """What of a tree of `size` leaves has to be known to go on with it: of each level the hashes that are in no full tile yet, and
    likewise the last leaves.

    >>> edge, _ = grown(Edge(), [b"a", b"b", b"c"])
    >>> edge.size, edge.root.hex()[:16], [tile.name for tile, _ in edge.tiles()]
    (3, '36642e73c2540ab1', ['tile/0/000.p/3', 'tile/entries/000.p/3'])
    """

    size: int = 0
    levels: tuple[tuple[bytes, ...], ...] = ()
    leaves: tuple[bytes, ...] = ()

    @property
    def root(self) -> bytes:
        """The root of the tree: on each level, what comes of the levels below stands behind the complete subtrees."""
        below: list[bytes] = []
        for hashes in self.levels:
            there = [*hashes, *below]
            below = [root_over(there)] if there else []
        return below[0] if below else EMPTY_ROOT

    def tiles(self) -> list[tuple[Tile, bytes]]:
        """The tiles that are not full, and what is in them."""
        found = [
            (Tile(level, self.size // WIDTH ** (level + 1), len(hashes)), b"".join(hashes))
            for level, hashes in enumerate(self.levels)
            if hashes
        ]
        if self.leaves:
            found.append((Tile(-1, self.size // WIDTH, len(self.leaves)), packed(list(self.leaves))))
        return found


def edge_tiles(size: int) -> list[Tile]:
    """The tiles that are not full in a tree of `size` leaves, as `Edge.tiles` has them: what an edge is read from."""
    widths, hashes = [], size
    while hashes:
        widths.append(hashes % WIDTH)
        hashes //= WIDTH
    found = [Tile(level, size // WIDTH ** (level + 1), width) for level, width in enumerate(widths) if width]
    return [*found, *(tile._replace(level=-1) for tile in found if tile.level == 0)]


def hashes_of(content: bytes) -> tuple[bytes, ...]:
    """The hashes in the content of a tile."""
    return tuple(content[at : at + HASH_BYTES] for at in range(0, len(content), HASH_BYTES))


def grown(edge: Edge, leaves: Iterable[bytes]) -> tuple[Edge, list[tuple[Tile, bytes]]]:
    """The edge behind more leaves, and the tiles that these fill, each when its last hash is known."""
    levels = [list(hashes) for hashes in edge.levels]
    bundle, size = list(edge.leaves), edge.size
    full: list[tuple[Tile, bytes]] = []
    coming = iter(leaves)
    while some := list(islice(coming, WIDTH - len(bundle))):
        bundle += some
        size += len(some)
        _rise(levels, list(map(hash_of, some)), size, full)
        if len(bundle) == WIDTH:
            full.append((Tile(-1, size // WIDTH - 1), packed(bundle)))
            bundle.clear()
    return Edge(size, tuple(map(tuple, levels)), tuple(bundle)), full


def _rise(levels: list[list[bytes]], hashed: list[bytes], size: int, full: list[tuple[Tile, bytes]]) -> None:
    """More hashes on the lowest level, no more than fill its tile; a tile that is full has a hash on the level above."""
    for level in count():
        if level == len(levels):
            levels.append([])
        hashes = levels[level]
        hashes += hashed
        if len(hashes) < WIDTH:
            return
        full.append((Tile(level, size // WIDTH ** (level + 1) - 1), b"".join(hashes)))
        hashed = [root_over(hashes)]
        hashes.clear()
