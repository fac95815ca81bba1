"""The form of what regions publish of their stores, to be compared (DIV-1, DIV-2): pure functions of bytes.

    divergence/eu/rounds/ROUND/digest      how many entries the store has up to ROUND, and the root over the digests of all ranges
    divergence/eu/rounds/ROUND/ranges      those digests: read where the root differs from a peer's
    divergence/eu/rounds/ROUND/0a7         the entries of a range: of those whose digest differs

    object = "FLKDIFF1" newline JSON newline digest newline      the digest is the SHA-256 of all before it, in hexadecimal

ROUND is a timestamp in sixteen hexadecimal digits. The range of a key is the beginning of the SHA-256 of it, and what a range's
digest is taken of is sorted: stores hand out their entries in orders of their own. A sum or an XOR would need no order, but whoever
chooses the records could then choose some that leave it as it is.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple, TypeVar

import msgspec

from flk.model.entries.entry import Claim, Entry, Key, Outcome
from flk.model.log.hlc import Timestamp, text
from flk.model.record.merkle import merkle_root
from flk.spec.constants import CONSTANTS

LIMITS = CONSTANTS.divergence
RANGES = 1 << LIMITS.range_bits
PLACE_BYTES = 8
_LAST_PLACE = 2**64 - 1
_MOST_ENTRIES = 2**62
_MAGIC = LIMITS.magic.encode()
_DIGEST_DIGITS = 64
_encode = msgspec.json.Encoder().encode
T = TypeVar("T")

Columns = tuple[str, str, Timestamp, str, str, Outcome]
"""A claim as it is written: tenant, pcs_id, and the entry's timestamp, region, digest and outcome."""


class BadObject(Exception):
    """An object that is not believed. Names it, and what is wrong with it (DIV-2)."""


class RangeSum(NamedTuple):
    """How many entries a range has, and the SHA-256 of what they are, in order."""

    entries: int
    digest: bytes


class Digest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a region says of its store: so many entries up to the round, and the root of the tree over its ranges (RFC 6962).

    `level`: the region had shipped all that it logged until the round, and read all that was shipped to it until then. So two
    that are level differ in nothing that is on its way.
    """

    region: str
    round: Timestamp
    level: bool
    count: int
    root: str


class Ranges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a digest is the root of: so many entries in each range, and the digests of the ranges, one after another in base64."""

    region: str
    round: Timestamp
    counts: tuple[int, ...]
    digests: str


class Extent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The entries of a region in a range of keys, up to a round, in the order of `position`. Of a range that has too many the
    first, up to the position `until`.
    """

    region: str
    round: Timestamp
    number: int
    until: int
    entries: tuple[Columns, ...]

    def claims(self) -> dict[Key, Entry]:
        """The entries by their keys."""
        return dict(map(claim_of, self.entries))


def rounds_of(region: str) -> str:
    """The prefix of what a region publishes of its store.

    >>> rounds_of("eu")
    'divergence/eu/rounds/'
    """
    return f"{LIMITS.object_prefix}{region}/rounds/"


def digest_name(region: str, round_: Timestamp) -> str:
    """The object with a region's digest of a round."""
    return f"{rounds_of(region)}{text(round_)}/digest"


def ranges_name(region: str, round_: Timestamp) -> str:
    """The object with what that digest is the root of."""
    return f"{rounds_of(region)}{text(round_)}/ranges"


def extent_name(region: str, round_: Timestamp, number: int) -> str:
    """The object with a region's entries of a range."""
    return f"{rounds_of(region)}{text(round_)}/{number:03x}"


def columns_of(claim: Claim) -> Columns:
    """A claim as it is written."""
    entry = claim.entry
    return (*claim.key, entry.timestamp, entry.region, entry.digest, entry.outcome)


def claim_of(columns: Columns) -> Claim:
    """What `columns_of` wrote."""
    tenant, pcs_id, timestamp, region, digest, outcome = columns
    return Claim(Key(tenant, pcs_id), Entry(timestamp, region, digest, outcome))


def place(key: Key) -> bytes:
    """Where a key stands among all keys: the SHA-256 of its two parts, each behind its length, so that no two keys are one text."""
    parts = [part.encode("utf-8", "surrogatepass") for part in key]
    return sha256(b"".join(len(part).to_bytes(4) + part for part in parts)).digest()


def range_of(where: bytes) -> int:
    """The range of a key that stands there: the first bits of its place."""
    return int.from_bytes(where[:4]) >> (32 - LIMITS.range_bits)


def leaf(where: bytes, entry: Entry) -> bytes:
    """What is sorted and digested of an entry: the beginning of the key's place, and the SHA-256 of the place and the entry."""
    return where[:PLACE_BYTES] + sha256(where + _encode(entry)).digest()


def position(where: bytes, round_: Timestamp, number: int) -> int:
    """Where a key stands in the order in which the entries of its range are published. It is another one in each round, so that
    of a range with too many entries each is published at times.
    """
    begin = int.from_bytes(sha256(f"{round_}/{number}".encode()).digest()[:8])
    return (int.from_bytes(where[4:12]) - begin) & _LAST_PLACE


def digest_of(region: str, round_: Timestamp, sums: Sequence[RangeSum], *, level: bool) -> Digest:
    """What a region says of its store."""
    return Digest(region, round_, level, sum(each.entries for each in sums), _root(tuple(sums)))


def ranges_of(region: str, round_: Timestamp, sums: Sequence[RangeSum]) -> Ranges:
    """What a region says of each range."""
    digests = b64encode(b"".join(each.digest for each in sums)).decode()
    return Ranges(region, round_, tuple(each.entries for each in sums), digests)


@lru_cache(maxsize=8)  # of one round it is asked for by whoever publishes it, and by all who read it
def _root(sums: tuple[RangeSum, ...]) -> str:
    return merkle_root([each.entries.to_bytes(8) + each.digest for each in sums]).hex()


def extent_of(region: str, round_: Timestamp, number: int, claims: Iterable[tuple[int, Claim]]) -> Extent:
    """The entries of a range with their positions, as many of the first as fit."""
    until, columns, size = _LAST_PLACE, list[Columns](), 0
    for where, claim in sorted(claims, key=lambda each: (each[0], each[1].key)):
        row = columns_of(claim)
        size += len(_encode(row)) + 1
        if len(columns) == LIMITS.range_entries or size > LIMITS.max_object_bytes // 2:
            until = where - 1
            break
        columns.append(row)
    return Extent(region, round_, number, until, tuple(columns))


def written(value: object) -> bytes:
    """The content of an object."""
    told = b"%s%d\n%s\n" % (_MAGIC, LIMITS.format, _encode(value))
    return told + sha256(told).hexdigest().encode() + b"\n"


def read_as(kind: type[T], name: str, content: bytes) -> T:
    """What an object says. Raises BadObject if it is too large, damaged, of an unknown format, or says something else.

    `content` is the beginning of it, of no more than one byte more than an object may have.
    """
    if len(content) > LIMITS.max_object_bytes:
        raise BadObject(f"DIV-2: {name} has more than {LIMITS.max_object_bytes} bytes")
    version, _, _ = content.partition(b"\n")
    told, digest = content[: -_DIGEST_DIGITS - 1], content[-_DIGEST_DIGITS - 1 :]
    if not version.startswith(_MAGIC) or digest != sha256(told).hexdigest().encode() + b"\n":
        raise BadObject(f"DIV-2: {name} is not as it was written")
    if version != b"%s%d" % (_MAGIC, LIMITS.format):
        raise BadObject(
            f"DIV-2: {name} is of format {version[len(_MAGIC) :].decode(errors='replace')}, and this version knows"
            f" {LIMITS.format}; fix: give all regions one version of flk"
        )
    try:
        return msgspec.json.decode(told[len(version) + 1 :], type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadObject(f"DIV-2: {name} does not say what it should: {error}") from None


def read_digest(name: str, content: bytes, region: str, round_: Timestamp) -> Digest:
    """A region's digest of a round. Raises BadObject."""
    found = read_as(Digest, name, content)
    _require_from(found, name, region, round_)
    if not 0 <= found.count < _MOST_ENTRIES:
        raise BadObject(f"DIV-2: {name} tells of {found.count} entries")
    return found


def read_ranges(name: str, content: bytes, digest: Digest) -> tuple[RangeSum, ...]:
    """What a region says of each range. Raises BadObject unless the digest is the root of it."""
    found = read_as(Ranges, name, content)
    _require_from(found, name, digest.region, digest.round)
    size = sha256().digest_size
    try:
        raw = b64decode(found.digests, validate=True)
    except ValueError as error:
        raise BadObject(f"DIV-2: {name} has no digests: {error}") from None
    if (
        len(found.counts) != RANGES
        or len(raw) != RANGES * size
        or not 0 <= min(found.counts) <= max(found.counts) < _MOST_ENTRIES
    ):
        raise BadObject(f"DIV-2: {name} does not tell of {RANGES} ranges")
    digests = (raw[at : at + size] for at in range(0, len(raw), size))
    sums = tuple(map(RangeSum, found.counts, digests))
    if sum(found.counts) != digest.count or _root(sums) != digest.root:
        raise BadObject(f"DIV-2: {name} is not what the root in {digest_name(digest.region, digest.round)} is of")
    return sums


def read_extent(name: str, content: bytes, region: str, round_: Timestamp, number: int) -> Extent:
    """A region's entries of a range. Raises BadObject if they are not in their order, or have no place there."""
    found = read_as(Extent, name, content)
    _require_from(found, name, region, round_)
    if found.number != number or not 0 <= found.until <= _LAST_PLACE or len(found.entries) > LIMITS.range_entries:
        raise BadObject(f"DIV-2: {name} is that of range {found.number}, or has too many entries")
    before = (-1, ("", ""))
    for columns in found.entries:
        key, entry = claim_of(columns)
        where = place(key)
        here = (position(where, round_, number), (key.tenant, key.pcs_id))
        if range_of(where) != number or not 0 < entry.timestamp <= round_ or not before < here or here[0] > found.until:
            raise BadObject(f"DIV-2: {name}: the entry of {key} has no place in it")
        before = here
    return found


def _require_from(found: Digest | Ranges | Extent, name: str, region: str, round_: Timestamp) -> None:
    if (found.region, found.round) != (region, round_):
        raise BadObject(f"DIV-2: {name} is what {found.region!r} said of the round {found.round}, and was copied there")
