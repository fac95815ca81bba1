"""The form of an object of the cold tier (TIR-6): pure functions of bytes.

    cold/eu/LATEST.DIGEST                  some entries, of which the window of none runs on after that of LATEST

    object  = "FLKCOLD1" space ("zlib" or "plain") newline, then the payload, compressed or as it is
    payload = LATEST newline, then a line for each entry: the columns in JSON, in the order of the keys

LATEST is a timestamp in sixteen hexadecimal digits. DIGEST is the SHA-256 of the payload in hexadecimal: so the name says whether
an object is as it was written, and whether one that was put together again from logs is the same.
"""

import re
import zlib
from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

import msgspec

from flk.model.entries.entry import Claim, Entry, Key, Outcome, export_order
from flk.model.log.hlc import Timestamp, text
from flk.spec.constants import CONSTANTS

PREFIX = "cold/"
FORMAT = 1
MAX_BYTES = CONSTANTS.snapshot.max_piece_bytes
"""Of a payload: an object that would be larger when unpacked is not as it was written."""
_MAGIC = b"FLKCOLD"
_LEVEL = 6
_TIMESTAMP, _DIGEST = re.compile("[0-9a-f]{16}"), re.compile("[0-9a-f]{64}")
_encode = msgspec.json.Encoder().encode
_columns = msgspec.json.Decoder(tuple[str, str, Timestamp, str, str, Outcome]).decode


class BadObject(Exception):
    """An object of the cold tier that is not as it was written, or of a format that is not known here."""


class Named(NamedTuple):
    """What the name of an object says."""

    region: str
    latest: Timestamp
    digest: str


def objects_of(region: str) -> str:
    """The prefix of a region's objects.

    >>> objects_of("eu")
    'cold/eu/'
    """
    return f"{PREFIX}{region}/"


def cold_object(region: str, claims: Sequence[Claim], at_least: Timestamp) -> tuple[str, bytes]:
    """The name and the content of the object with these entries, to be kept at least as long as an entry of `at_least` is."""
    latest = max(at_least, *(entry.timestamp for _, entry in claims))
    digest = sha256(payload_of(claims, latest)).hexdigest()
    return f"{objects_of(region)}{text(latest)}.{digest}", packed(claims, latest)


def packed(claims: Sequence[Claim], latest: Timestamp) -> bytes:
    """The content of an object with these entries, whose name says `latest`."""
    payload = payload_of(claims, latest)
    deflated = zlib.compress(payload, _LEVEL)
    how, body = (b"zlib", deflated) if len(deflated) < len(payload) else (b"plain", payload)
    return b"%s%d %s\n%s" % (_MAGIC, FORMAT, how, body)


def payload_of(claims: Sequence[Claim], latest: Timestamp) -> bytes:
    """What an object of these entries holds before it is compressed."""
    lines = (
        _encode((*key, entry.timestamp, entry.region, entry.digest, entry.outcome))
        for key, entry in sorted(claims, key=lambda claim: export_order(claim.key))
    )
    return b"\n".join((text(latest).encode(), *lines))


def named(name: str) -> Named:
    """What a name says. Raises BadObject if it is none of an object of the cold tier."""
    place, _, last = name.rpartition("/")
    latest, _, digest = last.partition(".")
    if not place.startswith(PREFIX) or not _TIMESTAMP.fullmatch(latest) or not _DIGEST.fullmatch(digest):
        raise BadObject(f"TIR-6: {name} is no name of an object of the cold tier")
    return Named(place.removeprefix(PREFIX), Timestamp(int(latest, 16)), digest)


def entries_in(name: str, content: bytes) -> tuple[Claim, ...]:
    """The entries of an object. Raises BadObject unless every byte of them is as it was written."""
    head, _, body = content.partition(b"\n")
    form, _, how = head.partition(b" ")
    version = form.removeprefix(_MAGIC)
    if form.startswith(_MAGIC) and version.isdigit() and int(version) > FORMAT:
        raise BadObject(
            f"TIR-6: {name} is of format {int(version)}, and this version knows {FORMAT}; fix: start a later version of flk"
        )
    if form != b"%s%d" % (_MAGIC, FORMAT) or how not in {b"zlib", b"plain"}:
        raise BadObject(f"TIR-6: {name} does not begin as an object of the cold tier does")
    payload = body if how == b"plain" else _inflated(name, body)
    if sha256(payload).hexdigest() != named(name).digest:
        raise BadObject(f"TIR-6: {name} is not as it was written: the SHA-256 of its entries is another")
    _, *lines = payload.split(b"\n")
    claims = []
    for line in lines:
        tenant, pcs_id, timestamp, region, digest, outcome = _columns(line)
        claims.append(Claim(Key(tenant, pcs_id), Entry(timestamp, region, digest, outcome)))
    return tuple(claims)


def _inflated(name: str, body: bytes) -> bytes:
    inflate = zlib.decompressobj()
    try:
        payload = inflate.decompress(body, MAX_BYTES)
    except zlib.error as error:
        raise BadObject(f"TIR-6: {name} is not as it was written: {error}") from None
    if not inflate.eof or inflate.unused_data:
        raise BadObject(f"TIR-6: {name} is not as it was written: it is cut short, or something follows")
    return payload
