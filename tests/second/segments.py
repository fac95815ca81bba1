"""Segments of the write-ahead log: frames, and what can be read of damaged ones (WAL-2 to WAL-4, WAL-6, WAL-8, CRR-6)."""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from .texts import CONSTANTS, Broken

MAGIC: bytes = CONSTANTS["wal"]["magic"].encode()
EARLIER: bytes = CONSTANTS["wal"]["earlier_magic"].encode()
SALT: int = CONSTANTS["wal"]["salt_bytes"]
MAX_FRAME: int = CONSTANTS["wal"]["max_frame_bytes"]
HEAD, DATA, SEAL, POLICY = 1, 2, 3, 4
PREFIX = 8
"""Bytes of a frame before those that its length counts: the length itself and the checksum."""
LEAST = 9
"""The length of a frame without payload: kind and timestamp."""


@dataclass(frozen=True)
class Frame:
    """A valid frame and where it is."""

    offset: int
    end: int
    kind: int
    timestamp: int
    payload: bytes


@dataclass(frozen=True)
class Head:
    """Whose segment it is."""

    region: str
    log: str
    sequence: int


@dataclass(frozen=True)
class Scan:
    """All that can be read of a segment."""

    head: Head | None
    data: list[Frame]
    end: int
    torn: int
    damage: list[tuple[int, int]]
    sealed: bool
    clock: int


def _table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)  # noqa: PLW2901  the remainder after each bit
        table.append(byte)
    return table


TABLE = _table()


def crc32c(data: bytes) -> int:
    """The CRC of RFC 3720, appendix B.4: Castagnoli's polynomial, reflected."""
    remainder = 0xFFFFFFFF
    for byte in data:
        remainder = remainder >> 8 ^ TABLE[(remainder ^ byte) & 0xFF]
    return remainder ^ 0xFFFFFFFF


def frame(kind: int, timestamp: int, payload: bytes, salt: bytes = b"") -> bytes:
    """The bytes of a frame: the checksum covers the salt, the length and what the length counts (WAL-2)."""
    counted = struct.pack("<BQ", kind, timestamp) + payload
    if len(counted) > MAX_FRAME:
        raise Broken("WAL-2")
    length = struct.pack("<I", len(counted))
    return salt + length + struct.pack("<I", crc32c(salt + length + counted)) + counted


def salt_of(segment: bytes) -> bytes:
    """The salt behind the magic, and behind a magic that is damaged the one of a valid head; none in the earlier format."""
    salt = segment[len(MAGIC) :][:SALT]
    if segment.startswith(EARLIER) or len(salt) < SALT:
        return b""
    if segment.startswith(MAGIC):
        return salt
    head = frame_at(segment, len(MAGIC), salt)
    return salt if head is not None and head.kind == HEAD else b""


def frame_at(segment: bytes, begin: int, salt: bytes = b"") -> Frame | None:
    """The valid frame that begins at `begin`, if one does."""
    offset = begin + len(salt)
    if segment[begin:offset] != salt or len(segment) - offset < PREFIX + LEAST:
        return None
    length, checksum, kind, timestamp = struct.unpack_from("<IIBQ", segment, offset)
    end = offset + PREFIX + length
    if not LEAST <= length <= MAX_FRAME or end > len(segment) or kind not in {HEAD, DATA, SEAL, POLICY}:
        return None
    if crc32c(salt + segment[offset : offset + 4] + segment[offset + PREFIX : end]) != checksum:
        return None
    return Frame(begin, end, kind, timestamp, segment[offset + PREFIX + LEAST : end])


def _frames(segment: bytes, salt: bytes) -> Iterator[Frame]:
    """The valid frames in their order: behind a frame comes the next, and where none is, the nearest one counts."""
    offset = len(MAGIC) if segment.startswith((MAGIC, EARLIER)) else 0
    while offset < len(segment):
        found = frame_at(segment, offset, salt)
        if found is None:
            offset += 1
        else:
            yield found
            offset = found.end


def scan(segment: bytes, salt: bytes | None = None) -> Scan:
    """What a segment holds; see the rules of tail (WAL-3) and damage (WAL-4). Its salt may be known from elsewhere (WAL-8)."""
    frames = list(_frames(segment, salt_of(segment) if salt is None else salt))
    start = len(MAGIC) if segment.startswith((MAGIC, EARLIER)) else 0
    ends = [start, *(found.end for found in frames)]
    damage = [(end, found.offset - end) for end, found in zip(ends, frames, strict=False) if found.offset > end]
    if not damage:
        damage = [(f.offset, f.end - f.offset) for f in frames if f.kind == SEAL and not _seals(f, segment)]
    sealed = bool(frames) and frames[-1].kind == SEAL and not damage
    torn = len(segment[ends[-1] :].rstrip(b"\0"))
    if sealed and torn:
        damage, torn, sealed = [(ends[-1], torn)], 0, False
    heads = [found for found in frames if found.kind == HEAD]
    return Scan(
        head=_head(heads[0]) if heads else None,
        data=[found for found in frames if found.kind == DATA],
        end=ends[-1],
        torn=torn,
        damage=damage,
        sealed=sealed,
        clock=max((found.timestamp for found in frames), default=0),
    )


def _seals(seal: Frame, segment: bytes) -> bool:
    return seal.payload == sha256(segment[: seal.offset]).digest()


def _head(found: Frame) -> Head | None:
    try:
        payload = json.loads(found.payload)
        region, log, sequence = payload["region"], payload["log"], payload["sequence"]
    except (ValueError, LookupError, TypeError):
        return None
    if not isinstance(region, str) or not isinstance(log, str) or type(sequence) is not int:
        return None
    return Head(region, log, sequence)


def verify(name: str, segment: bytes) -> bool:
    """Whether the segment is sealed, whole, and the one of the log and number that its name says (WAL-6, CRR-6)."""
    found = scan(segment)
    if not segment.startswith((MAGIC, EARLIER)) or found.head is None or not found.sealed or found.damage or found.torn:
        return False
    return name == f"{found.head.log}/{found.head.sequence:012}"
