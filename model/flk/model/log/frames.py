"""The write-ahead log's format (WAL-*): segments of length-prefixed, checksummed frames. Pure functions over bytes.

A segment is the magic, a head frame that says whose it is, data frames, and once sealed a seal frame over all before it. Behind the
head of one whose log has a policy stands a policy frame (POL-9).

    frame   = salt:8 length:u32 crc32c:u32 kind:u8 timestamp:u64 payload      little-endian
    length  = bytes of kind, timestamp and payload; crc32c covers the salt, the length and them

Zeros after the last frame are space that was allocated ahead. The checksum covers the length so that a damaged length is seen.
The salt is drawn at random for each segment. Behind damage the search for the next frame goes by it, so that no frame inside a
body, whose sender cannot know it, is taken for one of the log (WAL-8). Segments of the earlier format have no salt, and are read.
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
EARLIER_MAGIC = CONSTANTS.wal.earlier_magic.encode()
SALT_BYTES = CONSTANTS.wal.salt_bytes
NO_SALT = b""
"""The salt of a segment in the earlier format."""
MAX_FRAME = CONSTANTS.wal.max_frame_bytes
_PREFIX = struct.Struct("<II")
_INNER = struct.Struct("<BQ")
_LENGTH = struct.Struct("<I")
OVERHEAD = SALT_BYTES + _PREFIX.size + _INNER.size
"""Bytes of a frame beside its payload."""


class Kind(IntEnum):
    """What a frame carries."""

    HEAD = 1
    DATA = 2
    SEAL = 3
    POLICY = 4


class Stated(NamedTuple):
    """What a log states of policies, and since when (POL-9); nothing, where it states nothing."""

    since: Timestamp
    text: bytes


UNSTATED = Stated(ZERO, b"")


class Frame(NamedTuple):
    """One logged payload, the timestamp it was given, and what its segment states of policies."""

    timestamp: Timestamp
    payload: bytes
    stated: Stated = UNSTATED


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose segment this is: its region, its log (a disk's identity) and its place in that log."""

    region: str
    log: str
    sequence: int

    @property
    def name(self) -> str:
        """The segment's name; text order is log order."""
        return segment_name(self.log, self.sequence)


class FeedHead(Head, frozen=True, forbid_unknown_fields=True):
    """Which tenant's feed a segment is of, and the segment before it there, empty if it is the first (FEED-1). Where a segment of
    a log is expected, it is none: it may hold a part of it only.
    """

    tenant: str
    previous: str


class Damage(NamedTuple):
    """Bytes that hold no valid frame although valid frames follow them or a seal precedes them; or a seal over other bytes."""

    offset: int
    length: int


class Scan(NamedTuple):
    """What a segment's bytes say.

    `end` is the offset after the last valid frame; `torn` the number of bytes after it that are neither frame nor zeros
    (a write cut short, WAL-3). `damage` lists what is corrupt in the middle (WAL-4). `sealed` holds only if the last frame
    is a seal, its digest matches and there is no damage. `clock` is the latest timestamp in it, that of the head included.
    So many frames are `chained`: they stand one after another from the opening on, before any damage. `begun` is the timestamp of a
    head that stands where it should. `stated` is what the segment states of policies.
    """

    head: Head | None
    frames: tuple[Frame, ...]
    end: int
    torn: int
    damage: tuple[Damage, ...]
    sealed: bool
    clock: Timestamp
    chained: int = 0
    begun: Timestamp = ZERO
    salt: bytes = NO_SALT
    stated: Stated = UNSTATED


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


def frame_bytes(kind: Kind, timestamp: Timestamp, payload: bytes, salt: bytes = NO_SALT) -> bytes:
    """A whole frame of a segment with this salt. Raises ValueError if the payload exceeds the limit of WAL-2."""
    inner = _INNER.pack(kind, timestamp) + payload
    if len(inner) > MAX_FRAME:
        raise ValueError(f"WAL-2: a frame of {len(inner)} bytes exceeds the limit of {MAX_FRAME}")
    begin = salt + _LENGTH.pack(len(inner))
    return begin + _LENGTH.pack(extend(value(begin), inner)) + inner


def opening(head: Head, clock: Timestamp, salt: bytes = NO_SALT, stated: Stated = UNSTATED) -> bytes:
    """The first bytes of a new segment. `clock` is not before any timestamp in earlier segments of the log."""
    begin = (MAGIC if salt else EARLIER_MAGIC) + frame_bytes(Kind.HEAD, clock, msgspec.json.encode(head), salt)
    return begin + frame_bytes(Kind.POLICY, stated.since, stated.text, salt) if stated.text else begin


def data(frame: Frame, salt: bytes = NO_SALT) -> bytes:
    """The bytes that log a frame."""
    return frame_bytes(Kind.DATA, frame.timestamp, frame.payload, salt)


def seal(content: bytes, salt: bytes | None = None) -> bytes:
    """The frame that ends a segment with the SHA-256 of all before it (WAL-6). Its salt, if not given, is what its opening says."""
    return seal_of(sha256(content).digest(), salt_of(content) if salt is None else salt)


def seal_of(digest: bytes, salt: bytes) -> bytes:
    """The frame that ends a segment with this salt, of which all bytes have this digest (WAL-6)."""
    return frame_bytes(Kind.SEAL, ZERO, digest, salt)


def salt_of(content: bytes) -> bytes:
    """The salt that a segment's opening gives, in either of two places: behind the magic, or if that is damaged, in a valid head.
    Empty in the earlier format, and where the opening is lost.
    """
    salt = content[len(MAGIC) : len(MAGIC) + SALT_BYTES]
    if content.startswith(EARLIER_MAGIC) or len(salt) < SALT_BYTES:
        return NO_SALT
    if content.startswith(MAGIC):
        return salt
    first = _frame_at(content, len(MAGIC), salt)
    return salt if first is not None and first.kind is Kind.HEAD else NO_SALT


def head_of(content: bytes) -> tuple[Head | None, Timestamp]:
    """The head in a segment's opening and the clock when it was begun; None and zero if the opening is damaged."""
    first = _frame_at(content, len(MAGIC), salt_of(content))
    return (_head(first.frame.payload), first.frame.timestamp) if first and first.kind is Kind.HEAD else (None, ZERO)


def feed_head_of(content: bytes) -> FeedHead | None:
    """The head of a segment of a feed; None if it is none, or its opening is damaged."""
    first = _frame_at(content, len(MAGIC), salt_of(content))
    if first is None or first.kind is not Kind.HEAD:
        return None
    try:
        return msgspec.json.decode(first.frame.payload, type=FeedHead)
    except msgspec.DecodeError:
        return None


def sealed_digest(content: bytes, salt: bytes) -> str:
    """The digest in the seal at the end of a segment, of which `content` may be only the end; hexadecimal, empty without a seal."""
    digest = content[-sha256().digest_size :]
    return digest.hex() if content.endswith(seal_of(digest, salt)) else ""


def scan(content: bytes, salt: bytes | None = None) -> Scan:
    """Read a segment, whatever has happened to its bytes. Its salt, if not given, is what its opening says."""
    if salt is None:
        salt = salt_of(content)
    return _scanned_again(content, salt) if len(content) <= _SMALL else _scanned(content, salt)


def _scanned(content: bytes, salt: bytes) -> Scan:
    found = tuple(_valid_frames(content, salt))
    ends = [_after_magic(content), *(place.end for place in found)]
    gaps = [Damage(end, place.start - end) for end, place in zip(ends, found, strict=False) if place.start > end]
    damage = gaps or [Damage(place.start, place.end - place.start) for place in _wrong_seals(content, found)]
    sealed = bool(found) and found[-1].kind is Kind.SEAL and not damage
    torn = len(content[ends[-1] :].rstrip(b"\0"))
    if sealed and torn:
        damage, sealed, torn = [Damage(ends[-1], torn)], False, 0
    frames, stated = _under_policies(found)
    wrong = gaps[0].offset if gaps else len(content)
    begins = bool(found) and found[0].kind is Kind.HEAD and found[0].start == len(MAGIC)
    return Scan(
        head=next((_head(place.frame.payload) for place in found if place.kind is Kind.HEAD), None),
        frames=frames,
        end=ends[-1],
        torn=torn,
        damage=tuple(damage),
        sealed=sealed,
        clock=max((place.frame.timestamp for place in found), default=ZERO),
        chained=sum(place.kind is Kind.DATA and place.end <= wrong for place in found) if gaps else len(frames),
        begun=found[0].frame.timestamp if begins else ZERO,
        salt=salt,
        stated=stated,
    )


def _under_policies(found: Iterable["_Place"]) -> tuple[tuple[Frame, ...], Stated]:
    """The logged frames, each with what is stated before it, and what is stated last."""
    frames, stated = [], UNSTATED
    for place in found:
        if place.kind is Kind.POLICY:
            stated = Stated(place.frame.timestamp, place.frame.payload)
        elif place.kind is Kind.DATA:
            frames.append(place.frame if stated is UNSTATED else place.frame._replace(stated=stated))
    return tuple(frames), stated


def is_as_long_as_a_frame(tail: bytes, salt: bytes = NO_SALT) -> bool:
    """Whether a torn tail is no shorter than the frame that it begins with, which therefore need not have been cut short.

    >>> whole = data(Frame(ZERO, b"logged"))
    >>> is_as_long_as_a_frame(whole[:-1]), is_as_long_as_a_frame(whole[:-1] + b"?")
    (False, True)
    """
    before = len(salt) + _PREFIX.size
    if len(tail) < before + _INNER.size:
        return False
    length, _ = _PREFIX.unpack_from(tail, len(salt))
    return bool(_INNER.size <= length <= min(MAX_FRAME, len(tail) - before))


_SMALL = 1 << 18
# Shipping, replay and judgement read the same bytes one after another.
_scanned_again = lru_cache(maxsize=32)(_scanned)


def sealed_frames(name: str, content: bytes) -> tuple[Frame, ...]:
    """The frames of a sealed segment. Raises CorruptSegment unless every byte is as it was sealed, under this name (CRR-6)."""
    return sealed(name, content).frames


def sealed(name: str, content: bytes) -> Scan:
    """What a sealed segment says. Raises as `sealed_frames` does."""
    found = scan(content)
    if not found.sealed or found.damage or found.head is None or found.head.name != name:
        where = found.damage[0].offset if found.damage else found.end
        raise CorruptSegment(
            f"WAL-4: segment {name} is not as it was sealed: see offset {where} of {len(content)} bytes"
        )
    return found


def _after_magic(content: bytes) -> int:
    return len(MAGIC) if content.startswith((MAGIC, EARLIER_MAGIC)) else 0


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


def _valid_frames(content: bytes, salt: bytes) -> Iterator[_Place]:
    position = _after_magic(content)
    while position < len(content):
        place = _frame_at(content, position, salt)
        if place is not None:
            yield place
            position = place.end
        elif not content[position] and not content[position:].strip(b"\0"):
            return
        else:
            position = _next_frame(content, position, salt)


def _wrong_seals(content: bytes, found: Iterable[_Place]) -> Iterator[_Place]:
    """Seals over other bytes than those before them."""
    digest, digested = sha256(), 0
    for place in found:
        if place.kind is Kind.SEAL:
            digest.update(content[digested : place.start])
            digested = place.start
            if place.frame.payload != digest.digest():
                yield place


def _frame_at(content: bytes, position: int, salt: bytes) -> _Place | None:
    """The valid frame at `position`, if there is one."""
    prefix = position + len(salt)
    start = prefix + _PREFIX.size
    if start + _INNER.size > len(content) or not content.startswith(salt, position):
        return None
    length, checksum = _PREFIX.unpack_from(content, prefix)
    end = start + length
    if not _INNER.size <= length <= MAX_FRAME or end > len(content):
        return None
    kind, timestamp = _INNER.unpack_from(content, start)
    if kind not in _KINDS or extend(value(content[position : prefix + 4]), content[start:end]) != checksum:
        return None
    return _Place(position, end, _KINDS[kind], Frame(Timestamp(timestamp), content[start + _INNER.size : end]))


_KINDS = {int(kind): kind for kind in Kind}


def _next_frame(content: bytes, position: int, salt: bytes) -> int:
    """The offset of the next valid frame after `position`, or the end."""
    for candidate in _candidates(content, position + 1, salt):
        if _frame_at(content, candidate, salt) is not None:
            return candidate
    return len(content)


def _candidates(content: bytes, start: int, salt: bytes) -> Iterator[int]:
    """Where a frame may begin: wherever the salt stands; without one, wherever a byte is a kind."""
    if not salt:
        kinds = range(start + _PREFIX.size, len(content) - _INNER.size + 1)
        yield from (place - _PREFIX.size for place in kinds if content[place] in _KINDS)
        return
    while (start := content.find(salt, start)) >= 0:
        yield start
        start += 1
