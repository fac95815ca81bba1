"""The consistent-hash ring that spreads keys over shards (RNG-*).

Source: Karger et al., "Consistent Hashing and Random Trees", STOC 1997. A shard stands at many points of a circle of 2^32
positions, and a key belongs to the first point that is not below its own position. When a shard joins, keys move to it alone.
"""

from bisect import bisect_left
from collections.abc import Container, Iterable, Iterator
from hashlib import sha256

from flk.model.entries.entry import Key
from flk.spec.constants import CONSTANTS

CIRCLE = 2**32  # positions


def ring_text(key: Key) -> str:
    """What of a key is placed on the ring."""
    return f"{key.tenant}/{key.pcs_id}"


def position(text: str) -> int:
    """The place of a key or a virtual node: the first four bytes, big-endian, of its SHA-256 (RNG-1)."""
    return int.from_bytes(sha256(text.encode()).digest()[:4], "big")


class Ring:
    """Shards on the circle, each at the positions of `name#0` to `name#(vnodes - 1)` (RNG-1).

    Where two shards share a position, the lesser name has it. A ring never changes; when a shard joins or leaves, build
    another. Raises ValueError for a shard named twice, for no shard, and for no virtual node.
    """

    def __init__(self, shards: Iterable[str], vnodes: int = CONSTANTS.ring.vnodes) -> None:
        self.shards = tuple(sorted(shards))
        self.vnodes = vnodes
        if not self.shards:
            raise ValueError("RNG-3: a ring needs a shard")
        if vnodes < 1:
            raise ValueError("RNG-1: a shard needs a virtual node")
        if len(set(self.shards)) < len(self.shards):
            raise ValueError(f"RNG-1: a shard joins a ring once; {', '.join(self.shards)} repeats a name")
        points = sorted((position(f"{shard}#{i}"), shard) for shard in self.shards for i in range(vnodes))
        self._positions = [place for place, _ in points]
        self._names = [shard for _, shard in points]

    def owner(self, key: str, healthy: Container[str] | None = None) -> str:
        """The shard of `key`; if that one is not healthy, the next that is (RNG-3). None: all are healthy.

        Raises LookupError if no shard is healthy.
        """
        return self.owners(key, 1, healthy)[0]

    def owners(self, key: str, n: int, healthy: Container[str] | None = None) -> list[str]:
        """The first `n` different healthy shards from the position of `key` on (RNG-3).

        Raises LookupError if fewer are healthy.
        """
        found: list[str] = []
        for shard in self._from(position(key)):
            if len(found) == n:
                break
            if shard not in found and (healthy is None or shard in healthy):
                found.append(shard)
        if len(found) < n:
            raise LookupError(f"RNG-3: {n} healthy shards are needed and the ring has {len(found)}")
        return found

    def shares(self) -> dict[str, float]:
        """The share of the circle that belongs to each shard: of many keys, so many are its.

        >>> sum(Ring(("a", "b", "c", "d")).shares().values())
        1.0
        """
        held = dict.fromkeys(self.shards, 0)
        before = self._positions[-1] - CIRCLE
        for place, name in zip(self._positions, self._names, strict=True):
            held[name] += place - before
            before = place
        return {name: length / CIRCLE for name, length in held.items()}

    def _from(self, place: int) -> Iterator[str]:
        """The owner of each point, once around the circle."""
        first = bisect_left(self._positions, place)
        for offset in range(len(self._names)):
            yield self._names[(first + offset) % len(self._names)]
