"""The write-ahead log's format (WAL-*): segments of length-prefixed, checksummed frames. Pure functions over bytes.

A segment is the magic, a head frame that says whose it is, data frames, and once sealed a seal frame over all before it.

    frame   = length:u32 crc32c:u32 kind:u8 timestamp:u64 payload      little-endian
    length  = bytes of kind, timestamp and payload; crc32c covers the length and them

Zeros after the last frame are space that was allocated ahead. The checksum covers the length so that a damaged length is seen.
"""

import struct
from collections.abc import Iterable, Iterator
from enum import IntEnum
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

import msgspec
from google_crc32c import extend, value

from flk.model.log.hlc import ZERO, Timestamp
from flk.spec.constants import CONSTANTS

MAGIC = CONSTANTS.wal.magic.encode()
MAX_FRAME = CONSTANTS.wal.max_frame_bytes
_PREFIX = struct.Struct("<II")
_INNER = struct.Struct("<BQ")
_LENGTH = struct.Struct("<I")
OVERHEAD = _PREFIX.size + _INNER.size
"""Bytes of a frame beside its payload."""


class Kind(IntEnum):
    """What a frame carries."""

    HEAD = 1
    DATA = 2
    SEAL = 3


class Frame(NamedTuple):
    """One logged payload and the timestamp it was given."""

    timestamp: Timestamp
    payload: bytes


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose segment this is: its region, its log (a disk's identity) and its place in that log."""

    region: str
    log: str
    sequence: int

    @property
    def name(self) -> str:
        """The segment's name; text order is log order."""
        return segment_name(self.log, self.sequence)


class Damage(NamedTuple):
    """Bytes that hold no valid frame although valid frames follow them or a seal precedes them; or a seal over other bytes."""

    offset: int
    length: int


class Scan(NamedTuple):
    """What a segment's bytes say.

    `end` is the offset after the last valid frame; `torn` the number of bytes after it that are neither frame nor zeros
    (a write cut short, WAL-3). `damage` lists what is corrupt in the middle (WAL-4). `sealed` holds only if the last frame
    is a seal, its digest matches and there is no damage. `clock` is the latest timestamp in it, that of the head included.
    """

    head: Head | None
    frames: tuple[Frame, ...]
    end: int
    torn: int
    damage: tuple[Damage, ...]
    sealed: bool
    clock: Timestamp


class CorruptSegment(Exception):
    """A segment that must be whole is not. Names the segment and the offset (WAL-4, CRR-6)."""


def segment_name(log: str, sequence: int) -> str:
    """`log/000000000007`: text order is log order."""
    return f"{log}/{sequence:012d}"


def sequence_of(name: str) -> int:
    """The place of a named segment in its log. Raises CorruptSegment for a name that `segment_name` does not give."""
    number = name.rpartition("/")[2]
    if not (number.isascii() and number.isdecimal()):
        raise CorruptSegment(f"CRR-6: {name} is not the name of a segment")
    return int(number)


def log_of(name: str) -> str:
    """The log of a named segment."""
    return name.rpartition("/")[0]


def region_of(name: str) -> str:
    """The region that wrote a named segment: `eu` of `eu.000001/000000000007`."""
    return log_of(name).rpartition(".")[0]


def earlier_logs(log: str) -> tuple[str, ...]:
    """The logs of a region before one of its logs (none, if empty), the first disk's first.

    >>> earlier_logs("eu.000003")
    ('eu.000001', 'eu.000002')
    """
    region, _, number = log.rpartition(".")
    return tuple(f"{region}.{disk:06d}" for disk in range(1, int(number))) if number.isdecimal() else ()


def frame_bytes(kind: Kind, timestamp: Timestamp, payload: bytes) -> bytes:
    """A whole frame. Raises ValueError if the payload exceeds the limit of WAL-2."""
    inner = _INNER.pack(kind, timestamp) + payload
    if len(inner) > MAX_FRAME:
        raise ValueError(f"WAL-2: a frame of {len(inner)} bytes exceeds the limit of {MAX_FRAME}")
    length = _LENGTH.pack(len(inner))
    return length + _LENGTH.pack(extend(value(length), inner)) + inner


def opening(head: Head, clock: Timestamp) -> bytes:
    """The first bytes of a new segment. `clock` is not before any timestamp in earlier segments of the log."""
    return MAGIC + frame_bytes(Kind.HEAD, clock, msgspec.json.encode(head))


def data(frame: Frame) -> bytes:
    """The bytes that log a frame."""
    return frame_bytes(Kind.DATA, frame.timestamp, frame.payload)


def seal(content: bytes) -> bytes:
    """The frame that ends a segment with the SHA-256 of all before it (WAL-6)."""
    return frame_bytes(Kind.SEAL, ZERO, sha256(content).digest())


def scan(content: bytes) -> Scan:
    """Read a segment, whatever has happened to its bytes."""
    return _scanned_again(content) if len(content) <= _SMALL else _scanned(content)


def _scanned(content: bytes) -> Scan:
    found = tuple(_valid_frames(content))
    ends = [_after_magic(content), *(place.end for place in found)]
    gaps = [Damage(end, place.start - end) for end, place in zip(ends, found, strict=False) if place.start > end]
    damage = gaps or [Damage(place.start, place.end - place.start) for place in _wrong_seals(content, found)]
    sealed = bool(found) and found[-1].kind is Kind.SEAL and not damage
    torn = len(content[ends[-1] :].rstrip(b"\0"))
    if sealed and torn:
        damage, sealed, torn = [Damage(ends[-1], torn)], False, 0
    return Scan(
        head=next((_head(place.frame.payload) for place in found if place.kind is Kind.HEAD), None),
        frames=tuple(place.frame for place in found if place.kind is Kind.DATA),
        end=ends[-1],
        torn=torn,
        damage=tuple(damage),
        sealed=sealed,
        clock=max((place.frame.timestamp for place in found), default=ZERO),
    )


def is_as_long_as_a_frame(tail: bytes) -> bool:
    """Whether a torn tail is no shorter than the frame that it begins with, which therefore need not have been cut short.

    >>> whole = data(Frame(ZERO, b"logged"))
    >>> is_as_long_as_a_frame(whole[:-1]), is_as_long_as_a_frame(whole[:-1] + b"?")
    (False, True)
    """
    if len(tail) < OVERHEAD:
        return False
    length, _ = _PREFIX.unpack_from(tail)
    return bool(_INNER.size <= length <= min(MAX_FRAME, len(tail) - _PREFIX.size))


_SMALL = 1 << 18
# Shipping, replay and judgement read the same bytes one after another.
_scanned_again = lru_cache(maxsize=32)(_scanned)


def sealed_frames(name: str, content: bytes) -> tuple[Frame, ...]:
    """The frames of a sealed segment. Raises CorruptSegment unless every byte is as it was sealed, under this name (CRR-6)."""
    found = scan(content)
    if not found.sealed or found.damage or found.head is None or found.head.name != name:
        where = found.damage[0].offset if found.damage else found.end
        raise CorruptSegment(
            f"WAL-4: segment {name} is not as it was sealed: see offset {where} of {len(content)} bytes"
        )
    return found.frames


def _after_magic(content: bytes) -> int:
    return len(MAGIC) if content.startswith(MAGIC) else 0


def _head(payload: bytes) -> Head | None:
    try:
        return msgspec.json.decode(payload, type=Head)
    except msgspec.DecodeError:
        return None


class _Place(msgspec.Struct, frozen=True, gc=False):
    """A valid frame, and where it stands."""

    start: int
    end: int
    kind: Kind
    frame: Frame


def _valid_frames(content: bytes) -> Iterator[_Place]:
    position = _after_magic(content)
    while position < len(content):
        place = _frame_at(content, position)
        if place is not None:
            yield place
            position = place.end
        elif not content[position] and not content[position:].strip(b"\0"):
            return
        else:
            position = _next_frame(content, position)


def _wrong_seals(content: bytes, found: Iterable[_Place]) -> Iterator[_Place]:
    """Seals over other bytes than those before them."""
    digest, digested = sha256(), 0
    for place in found:
        if place.kind is Kind.SEAL:
            digest.update(content[digested : place.start])
            digested = place.start
            if place.frame.payload != digest.digest():
                yield place


def _frame_at(content: bytes, position: int) -> _Place | None:
    """The valid frame at `position`, if there is one."""
    start = position + _PREFIX.size
    if start + _INNER.size > len(content):
        return None
    length, checksum = _PREFIX.unpack_from(content, position)
    end = start + length
    if not _INNER.size <= length <= MAX_FRAME or end > len(content):
        return None
    kind, timestamp = _INNER.unpack_from(content, start)
    if kind not in _KINDS or extend(value(content[position : position + 4]), content[start:end]) != checksum:
        return None
    return _Place(position, end, _KINDS[kind], Frame(Timestamp(timestamp), content[start + _INNER.size : end]))


_KINDS = {int(kind): kind for kind in Kind}


def _next_frame(content: bytes, position: int) -> int:
    """The offset of the next valid frame after `position`, or the end."""
    for candidate in range(position + 1, len(content) - _PREFIX.size - _INNER.size + 1):
        if content[candidate + _PREFIX.size] in _KINDS and _frame_at(content, candidate) is not None:
            return candidate
    return len(content)
