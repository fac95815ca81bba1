"""Erased leaves: what stands in the place of a leaf whose content is gone, and the leaf that says so (ERA-1).

    {"erased":HASH,"kind":"erased","names":[…]}                in its place: its hash in the tree, and the names that it had
    {"erases":[{"hash":…,"number":…}…],"kind":"erasure",…}     a leaf further on: which leaves are erased, why and when

The tree has the hash of the content that is gone, so no hash of it changes, and every proof and checkpoint counts as before.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from flk.model.record.merkle import leaf_hash

_PLACE = re.compile(rb'\{"erased":"([0-9a-f]{64})","kind":"erased","names":\["([0-9a-f]{32}(?:","[0-9a-f]{32})*)"\]\}')
_BEGIN = b'{"erased":'


class Erasure(msgspec.Struct, frozen=True):
    """A leaf that says which leaves are erased: the hash of each, by its number; why; and the node's clock when it was noted."""

    hashes: Mapping[int, str]
    reason: str
    timestamp: str


class Place(NamedTuple):
    """What is left of an erased leaf."""

    hashed: bytes
    names: tuple[bytes, ...]

    def __bytes__(self) -> bytes:
        """What stands in its place."""
        names = ",".join(f'"{name.hex()}"' for name in self.names)
        return f'{{"erased":"{self.hashed.hex()}","kind":"erased","names":[{names}]}}'.encode()


def place(leaf: bytes) -> Place | None:
    """What is left of a leaf that was erased; None for one that was not."""
    found = _PLACE.fullmatch(leaf) if leaf.startswith(_BEGIN) else None
    if found is None:
        return None
    names = found[2].decode().split('","')
    return Place(bytes.fromhex(found[1].decode()), tuple(map(bytes.fromhex, names)))


def hash_of(leaf: bytes) -> bytes:
    """The hash of a leaf in the tree, though the leaf may be erased.

    >>> gone = bytes(Place(leaf_hash(b"a name"), (bytes(16),)))
    >>> hash_of(gone) == hash_of(b"a name") == leaf_hash(b"a name")
    True
    """
    gone = place(leaf)
    return leaf_hash(leaf) if gone is None else gone.hashed


def erasure(leaf: bytes) -> Erasure | None:
    """What a leaf says of others that are erased; None if it is about something else."""
    if b'"kind":"erasure"' not in leaf:
        return None
    try:
        told = msgspec.json.decode(leaf, type=_Told)
    except msgspec.DecodeError:
        return None
    if told.kind != "erasure":
        return None
    return Erasure({each.number: each.hash for each in told.erases}, told.reason, told.timestamp)


class Erased:
    """Which leaves of a log are erased, and which of these a later leaf names: gathered while the log is read."""

    def __init__(self) -> None:
        self.gone: dict[int, str] = {}
        self.named: dict[int, str] = {}

    def see(self, number: int, leaf: bytes) -> None:
        """The next leaf."""
        gone = place(leaf)
        if gone is not None:
            self.gone[number] = gone.hashed.hex()
        elif (told := erasure(leaf)) is not None:
            self.named |= {before: hashed for before, hashed in told.hashes.items() if before < number}

    def unnamed(self) -> Iterator[int]:
        """The leaves that are erased, and no leaf of the log says so."""
        return (number for number, hashed in self.gone.items() if self.named.get(number) != hashed)


class _Hash(msgspec.Struct):
    hash: str
    number: int


class _Told(msgspec.Struct):
    kind: str
    erases: tuple[_Hash, ...] = ()
    reason: str = ""
    timestamp: str = ""
