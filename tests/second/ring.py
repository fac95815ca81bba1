"""The ring that places keys on shards (RNG-1, RNG-3)."""

from collections.abc import Collection
from hashlib import sha256

from .texts import Broken


def position(text: str) -> int:
    """The first four bytes of the SHA-256 (RNG-1)."""
    return int.from_bytes(sha256(text.encode()).digest()[:4], "big")


def owner(shards: Collection[str], vnodes: int, unhealthy: Collection[str], key: str) -> str:
    """The healthy shard with the first position not below the key's, or, past the last, the first of all (RNG-1, RNG-3)."""
    if len(set(shards)) < len(shards):
        raise Broken("RNG-1")
    owners: dict[int, str] = {}
    for shard in sorted(set(shards) - set(unhealthy), reverse=True):  # of two at one position the lesser has it
        for number in range(vnodes):
            owners[position(f"{shard}#{number}")] = shard
    if not owners:
        raise Broken("RNG-3")
    return owners[min(owners, key=lambda point: (point < position(key), point))]
