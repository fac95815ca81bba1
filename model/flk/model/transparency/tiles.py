"""Tiles: the hashes of a log's tree, 256 by 256, and its leaves likewise, in objects that never change (TLOG-3, C2SP tlog-tiles).

The tile of level L and number N has the roots of the complete subtrees of 256**L leaves, from the 256*N-th on. One at the right
edge may have fewer than 256, and is an object of its own for each number that it ever had.
"""

from collections.abc import Iterator
from typing import NamedTuple

WIDTH = 256
HASH_BYTES = 32
_HEIGHT = 8  # levels of the tree in a tile


class Tile(NamedTuple):
    """The number-th tile of a level, with so many hashes; of level -1, with so many leaves."""

    level: int
    number: int
    width: int = WIDTH

    @property
    def name(self) -> str:
        """The name of its object, behind the log's prefix.

        >>> Tile(0, 1234067).name, Tile(1, 0, 17).name, Tile(-1, 273, 112).name
        ('tile/0/x001/x234/067', 'tile/1/000.p/17', 'tile/entries/273.p/112')
        """
        elements = [f"{self.number % 1000:03d}"]
        rest = self.number // 1000
        while rest:
            elements.insert(0, f"x{rest % 1000:03d}")
            rest //= 1000
        kind = "entries" if self.level < 0 else f"{self.level}"
        return f"tile/{kind}/{'/'.join(elements)}" + ("" if self.width == WIDTH else f".p/{self.width}")

    @property
    def whole(self) -> "Tile":
        """The one that it becomes, or is."""
        return self._replace(width=WIDTH)


class Place(NamedTuple):
    """Where the root of a complete subtree is computed from: the hashes of a tile from `begin` to `end`."""

    tile: Tile
    begin: int
    end: int


def place_of(level: int, number: int, size: int) -> Place:
    """Where, in a log of `size` leaves, the root of the number-th complete subtree of 2**level leaves is.

    >>> place_of(9, 1, 70_000)
    Place(tile=Tile(level=1, number=0, width=256), begin=2, end=4)
    """
    above, height = divmod(level, _HEIGHT)
    first = number << height
    begin = first % WIDTH
    return Place(_at(above, first // WIDTH, size), begin, begin + (1 << height))


def tiles_of(size: int) -> Iterator[Tile]:
    """Every tile of hashes that a log of `size` leaves has, level by level.

    >>> found = list(tiles_of(70_000))
    >>> len(found), [tile for tile in found if tile.width < WIDTH]
    (277, [Tile(level=0, number=273, width=112), Tile(level=1, number=1, width=17), Tile(level=2, number=0, width=1)])
    """
    level, hashes = 0, size
    while hashes:
        yield from (_at(level, number, size) for number in range(-(-hashes // WIDTH)))
        level, hashes = level + 1, hashes // WIDTH


def bundles_of(size: int) -> Iterator[Tile]:
    """Every tile of leaves that a log of `size` leaves has."""
    return (tile._replace(level=-1) for tile in tiles_of(size) if tile.level == 0)


def bundle_of(index: int, size: int) -> Tile:
    """The tile of leaves that has the index-th leaf of a log of `size` leaves."""
    return _at(0, index // WIDTH, size)._replace(level=-1)


def packed(leaves: list[bytes]) -> bytes:
    """The content of a tile of leaves. Raises ValueError for a leaf that is too long for one."""
    parts: list[bytes] = []
    try:
        for leaf in leaves:
            parts += len(leaf).to_bytes(2, "big"), leaf
    except OverflowError:
        raise ValueError("TLOG-3: a leaf has at most 65,535 bytes") from None
    return b"".join(parts)


def unpacked(content: bytes) -> list[bytes] | None:
    r"""The leaves in the content of a tile of leaves; None if it is none.

    >>> unpacked(packed([b"a", b""])), unpacked(b"\0\2a")
    ([b'a', b''], None)
    """
    leaves, at = [], 0
    while at < len(content):
        end = at + 2 + int.from_bytes(content[at : at + 2], "big")
        if end > len(content) or at + 2 > len(content):
            return None
        leaves.append(content[at + 2 : end])
        at = end
    return leaves


def _at(level: int, number: int, size: int) -> Tile:
    hashes = size // WIDTH**level
    return Tile(level, number, min(WIDTH, hashes - number * WIDTH))
