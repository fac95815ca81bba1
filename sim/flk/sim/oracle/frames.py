"""Segments of a log, byte by byte (WAL-2, WAL-3, WAL-4, WAL-6, WAL-8)."""

import json
from hashlib import sha256
from typing import NamedTuple

from google_crc32c import value as crc32c

from flk.spec.constants import CONSTANTS

MAGIC, EARLIER = CONSTANTS.wal.magic.encode(), CONSTANTS.wal.earlier_magic.encode()
SALT = CONSTANTS.wal.salt_bytes
HEAD, DATA, SEAL, POLICY = 1, 2, 3, 4
SEAL_BYTES = SALT + 8 + 9 + 32
_OPENING = 1024  # bytes that hold a head
_BEFORE, _INNER = 8, 9  # bytes of length and checksum, and of kind and timestamp


class Found(NamedTuple):
    """A valid frame: where it begins and ends, its kind, its timestamp and its payload; what is stated of policies before it, and
    since when.
    """

    start: int
    end: int
    kind: int
    timestamp: int
    payload: bytes
    stated: bytes = b""
    since: int = 0


class Segment(NamedTuple):
    """What a segment's bytes say: its frames, where the last ends, how many bytes after it are neither frame nor zeros, the
    corrupt ranges, and whether it is sealed and whole.
    """

    frames: tuple[Found, ...]
    end: int
    torn: int
    damage: tuple[tuple[int, int], ...]
    sealed: bool

    @property
    def head(self) -> dict[str, object] | None:
        """What the first head says: region, log and sequence."""
        for frame in self.frames:
            if frame.kind == HEAD:
                try:
                    found: dict[str, object] = json.loads(frame.payload)
                except ValueError:
                    return None
                return found
        return None

    @property
    def name(self) -> str:
        """The name that the first head gives, empty if there is none."""
        head = self.head
        try:
            return f"{head['log']}/{head['sequence']:012d}" if head else ""
        except (KeyError, TypeError, ValueError):
            return ""

    @property
    def data(self) -> tuple[Found, ...]:
        """The frames that log something."""
        return tuple(frame for frame in self.frames if frame.kind == DATA)

    @property
    def clock(self) -> int:
        """The latest timestamp."""
        return max((frame.timestamp for frame in self.frames), default=0)


def read(content: bytes, salt: bytes | None = None) -> Segment:
    """Read a segment: at each place there is a valid frame, or there is none. The salt, if not given, stands in the opening."""
    place = len(MAGIC) if content[: len(MAGIC)] in {MAGIC, EARLIER} else 0
    if salt is None:
        salt = _salt(content)
    frames: list[Found] = []
    gaps: list[tuple[int, int]] = []
    end = place
    stated, since = b"", 0
    while place < len(content):
        frame = _frame(content, place, salt)
        if frame is None:
            place += 1
            continue
        if frame.kind == POLICY:
            stated, since = frame.payload, frame.timestamp
        frame = frame._replace(stated=stated, since=since) if stated else frame
        if place > end:
            gaps.append((end, place - end))
        frames.append(frame)
        place = end = frame.end
    torn = len(content[end:].rstrip(b"\0"))
    wrong = [(f.start, f.end - f.start) for f in frames if f.kind == SEAL and not _seals(content, f)]
    damage = gaps or wrong
    sealed = bool(frames) and frames[-1].kind == SEAL and not damage
    if sealed and torn:
        return Segment(tuple(frames), end, 0, ((end, torn),), False)  # noqa: FBT003
    return Segment(tuple(frames), end, torn, tuple(damage), sealed)


def whole(content: bytes) -> Segment | None:
    """The segment that these bytes are, None unless each of them is as it was sealed: one head, frames, and one seal over all.

    >>> whole(b"FLKWAL") is None
    True
    """
    found = read(content)
    kinds = [frame.kind for frame in found.frames]
    ends = found.sealed and found.end == len(content) and kinds[0] == HEAD
    begins = content[: len(MAGIC)] in {MAGIC, EARLIER}
    return found if ends and begins and (kinds.count(HEAD), kinds.count(SEAL)) == (1, 1) else None


def begun(content: bytes | bytearray, salt: bytes) -> int:
    """The timestamp of a segment's head, that of the clock when it was begun; 0 if there is no head, or none that is whole."""
    head = _frame(bytes(content[:_OPENING]), len(MAGIC), salt)
    return head.timestamp if head is not None and head.kind == HEAD else 0


def _salt(content: bytes) -> bytes:
    """What stands behind the magic of the present format; behind a magic that is damaged, if a valid head begins with it."""
    after = content[len(MAGIC) : len(MAGIC) + SALT]
    if len(after) < SALT or content[: len(EARLIER)] == EARLIER:
        return b""
    if content[: len(MAGIC)] == MAGIC:
        return after
    head = _frame(content, len(MAGIC), after)
    return after if head is not None and head.kind == HEAD else b""


def _frame(content: bytes, start: int, salt: bytes) -> Found | None:
    number = start + len(salt)
    if content[start:number] != salt:
        return None
    length = int.from_bytes(content[number : number + 4], "little")
    end = number + _BEFORE + length
    if not _INNER <= length <= CONSTANTS.wal.max_frame_bytes or end > len(content):
        return None
    inner = content[number + _BEFORE : end]
    if inner[0] not in {HEAD, DATA, SEAL, POLICY}:
        return None
    if crc32c(salt + content[number : number + 4] + inner) != int.from_bytes(
        content[number + 4 : number + 8], "little"
    ):
        return None
    return Found(start, end, inner[0], int.from_bytes(inner[1:_INNER], "little"), inner[_INNER:])


def _seals(content: bytes, frame: Found) -> bool:
    return sha256(content[: frame.start]).digest() == frame.payload
