"""The steps of an audit log: which leaves were added, in which order, and how far each log is integrated (TLOG-7).

The n-th step is an object that is created once. Whoever creates it decides what the n-th step is; everything else about the log is
computed from steps. The bytes are a head in JSON, a newline and the leaves, compressed together.
"""

import zlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from flk.model.record.merkle import EMPTY_ROOT
from flk.model.transparency.checkpoints import BadLog
from flk.model.transparency.tiles import packed, unpacked
from flk.spec.constants import CONSTANTS

LIMITS = CONSTANTS.transparency


class State(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a log is behind a step: how many steps and leaves it has, and its root; of each log of the region the last segment that
    is integrated; and of each fact that a node stated, by kind and log, how often it did and the digest of the last.
    """

    number: int = 0
    size: int = 0
    root: str = EMPTY_ROOT.hex()
    through: Mapping[str, str] = {}
    said: Mapping[str, tuple[int, str]] = {}


class Step(NamedTuple):
    """A step: the leaves, and what the log is behind it."""

    state: State
    leaves: tuple[bytes, ...]


def prefix_of(region: str) -> str:
    """What the names of all objects of a region's audit log begin with."""
    return f"{LIMITS.object_prefix}{region}/"


def is_kept(prefix: str, name: str) -> bool:
    """Whether an object is one that whoever writes the log creates once and never changes (TLOG-15).

    >>> is_kept("audit/eu/", "audit/eu/tile/0/000"), is_kept("audit/eu/", "audit/eu/checkpoint")
    (True, False)
    """
    return name.startswith((f"{prefix}batch/", f"{prefix}tile/", f"{prefix}signed/"))


def step_name(prefix: str, number: int) -> str:
    """The name of a step's object.

    >>> step_name("audit/eu/", 7)
    'audit/eu/batch/000000000007'
    """
    return f"{prefix}batch/{number:012d}"


def step_bytes(state: State, leaves: Sequence[bytes]) -> bytes:
    """The object of a step. Raises ValueError for a leaf that is too long."""
    head = msgspec.json.encode(state, order="sorted")
    return zlib.compress(head + b"\n" + packed(list(leaves)), LIMITS.zlib_level)


def read_step(name: str, content: bytes) -> Step:
    """The step in an object. Raises BadLog."""
    unpacker = zlib.decompressobj()
    try:
        raw = unpacker.decompress(content, LIMITS.max_step_bytes)
        head, _, rest = raw.partition(b"\n")
        state = msgspec.json.decode(head, type=State)
    except (zlib.error, msgspec.DecodeError) as error:
        raise BadLog(f"TLOG-7: {name} is no step of an audit log: {error}") from None
    leaves = unpacked(rest)
    if leaves is None or not unpacker.eof or unpacker.unused_data:
        raise BadLog(f"TLOG-7: {name} is not as it was written")
    return Step(state, tuple(leaves))
