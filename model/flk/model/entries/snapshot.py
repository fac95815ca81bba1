"""The form of a snapshot of a store (SNAP-1, SNAP-2): pure functions of bytes.

    snap/eu/heads/CLOCK.ENTRIES.DIGEST     what the snapshot is and which pieces it has; it is put last
    snap/eu/pieces/CLOCK/000001.DIGEST     claims, to be merged in this order

    head  = "FLKSNAP1" newline JSON newline digest newline      the digest is the SHA-256 of all before it, in hexadecimal
    piece = zlib of lines
    line  = eight hexadecimal digits, the CRC32C of the rest; a space; a JSON array: the columns of an entry; a newline

CLOCK is that of the node in sixteen hexadecimal digits, ENTRIES their number in twelve, so that text order is the order in which
snapshots were made: while nothing new is logged, what was left out before comes in once it is shipped (SNAP-9). DIGEST begins
the SHA-256 of the object: an object that a crash left under a name is the one that a later attempt would put there. The head has
the digest of each piece, so its own covers everything.

The entries that gave way come first, each followed by the one that it gave way to. Merged in this order into an empty store they
are recorded again as they were.
"""

import zlib
from collections.abc import Sequence
from hashlib import sha256

import msgspec
from google_crc32c import value as crc32c

from flk.model.entries.entry import Claim, Entry, Key, Outcome
from flk.model.log.hlc import Timestamp, text
from flk.spec.constants import CONSTANTS

LIMITS = CONSTANTS.snapshot
_MAGIC = LIMITS.magic.encode()
_DIGEST_DIGITS = 64
_NAME_DIGITS = 16
_Columns = tuple[str, str, Timestamp, str, str, Outcome]
_encode = msgspec.json.Encoder().encode
_columns = msgspec.json.Decoder(_Columns).decode


class BadSnapshot(Exception):
    """A snapshot that cannot be started from. Names the object, and what is wrong with it (SNAP-2)."""


class Piece(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A piece: its object, the number of lines in it, its size and SHA-256 as it is stored."""

    name: str
    lines: int
    size: int
    digest: str


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a snapshot is: whose store, which log its node wrote, the node's clock, the last segment of that log and the
    watermarks that its entries cover; the number of entries and of those that gave way.
    """

    region: str
    log: str
    clock: Timestamp
    applied: str
    marks: tuple[tuple[str, str], ...]
    entries: int
    superseded: int
    pieces: tuple[Piece, ...]


def heads_of(region: str) -> str:
    """The prefix of the heads of a region's snapshots.

    >>> heads_of("eu")
    'snap/eu/heads/'
    """
    return f"{LIMITS.object_prefix}{region}/heads/"


def pieces_of(region: str) -> str:
    """The prefix of the pieces of a region's snapshots."""
    return f"{LIMITS.object_prefix}{region}/pieces/"


def clock_of(head: str) -> Timestamp:
    """The clock in the name of a head.

    >>> clock_of("snap/eu/heads/000000000000002a.000000000001.0123456789abcdef")
    42
    """
    return Timestamp(int(head.rpartition("/")[2].partition(".")[0], 16))


def begun_of(piece: Piece) -> str:
    """The prefix of all pieces of the snapshot that this is one of: in text order, behind those of snapshots begun before it."""
    return f"{piece.name.rpartition('/')[0]}/"


def packed(region: str, clock: Timestamp, number: int, claims: Sequence[Claim]) -> tuple[Piece, bytes]:
    """A piece with these claims, the snapshot's `number`th, and its content."""
    content = zlib.compress(b"".join(map(_line, claims)), LIMITS.zlib_level)
    digest = sha256(content).hexdigest()
    name = f"{pieces_of(region)}{text(clock)}/{number:06d}.{digest[:_NAME_DIGITS]}"
    return Piece(name, len(claims), len(content), digest), content


def unpacked(piece: Piece, content: bytes) -> tuple[Claim, ...]:
    """The claims in a piece. Raises BadSnapshot unless every byte is as it was written."""
    if len(content) != piece.size or sha256(content).hexdigest() != piece.digest:
        raise BadSnapshot(
            f"SNAP-2: {piece.name} is not as it was written: its {len(content)} bytes are not the {piece.size}"
            f" whose SHA-256 is {piece.digest}"
        )
    try:
        inflate = zlib.decompressobj()
        lines = inflate.decompress(content, LIMITS.max_piece_bytes).split(b"\n")
        claims = tuple(map(_claim, lines[:-1]))
    except (zlib.error, ValueError) as error:
        raise BadSnapshot(f"SNAP-2: {piece.name} is not a piece of a snapshot: {error}") from None
    if not inflate.eof or inflate.unused_data or lines[-1] or len(claims) != piece.lines:
        raise BadSnapshot(f"SNAP-2: {piece.name} does not have the {piece.lines} lines that its head says")
    return claims


def head_object(head: Head) -> tuple[str, bytes]:
    """The name and the content of the object that a head is."""
    told = b"%s%d\n%s\n" % (_MAGIC, LIMITS.format, _encode(head))
    content = told + sha256(told).hexdigest().encode() + b"\n"
    return _names(head, content)[0], content


def read_head(name: str, content: bytes) -> Head:
    """The head that an object under this name is. Raises BadSnapshot if it is damaged, cut short, another region's, or of a format
    that is not known here.
    """
    version, _, _ = content.partition(b"\n")
    known = b"%s%d" % (_MAGIC, LIMITS.format)
    if (
        version != known
        and version.startswith(_MAGIC)
        and version[len(_MAGIC) :].isdigit()
        and _is_named(name, content)
    ):
        raise BadSnapshot(
            f"SNAP-2: {name} is of format {version[len(_MAGIC) :].decode()}, and this version knows {LIMITS.format};"
            " fix: start the version of flk that wrote it, or a later one"
        )
    told, digest = content[: -_DIGEST_DIGITS - 1], content[-_DIGEST_DIGITS - 1 :]
    if version != known or digest != sha256(told).hexdigest().encode() + b"\n":
        raise BadSnapshot(f"SNAP-2: {name} is not the head of a snapshot as it was written")
    try:
        head = msgspec.json.decode(told[len(version) + 1 :], type=Head)
    except msgspec.DecodeError as error:
        raise BadSnapshot(f"SNAP-2: {name} is not the head of a snapshot: {error}") from None
    if name not in _names(head, content) or not _is_named(name, content):
        raise BadSnapshot(f"SNAP-2: {name} is a copy of {head_object(head)[0]}")
    if sum(piece.lines for piece in head.pieces) != head.entries + 2 * head.superseded:
        raise BadSnapshot(f"SNAP-2: {name} does not have as many lines as entries")
    return head


def _names(head: Head, content: bytes) -> tuple[str, str]:
    """The name of a head, and the one that it had before names told how many entries there are."""
    clock, digest = f"{heads_of(head.region)}{text(head.clock)}", _abbreviated(content)
    return f"{clock}.{head.entries:012x}.{digest}", f"{clock}.{digest}"


def _abbreviated(content: bytes) -> str:
    return sha256(content).hexdigest()[:_NAME_DIGITS]


def _is_named(name: str, content: bytes) -> bool:
    """Whether an object is what was put under its name."""
    return name.endswith(f".{_abbreviated(content)}")


def _line(claim: Claim) -> bytes:
    key, entry = claim
    columns = _encode((*key, entry.timestamp, entry.region, entry.digest, entry.outcome))
    return b"%08x %s\n" % (crc32c(columns), columns)


def _claim(line: bytes) -> Claim:
    """The claim in a line. Raises ValueError."""
    checksum, _, columns = line.partition(b" ")
    if checksum != b"%08x" % crc32c(columns):
        raise ValueError("the checksum of a line is not that of its entry")
    tenant, pcs_id, timestamp, region, digest, outcome = _columns(columns)
    return Claim(Key(tenant, pcs_id), Entry(timestamp, region, digest, outcome))
