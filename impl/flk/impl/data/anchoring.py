"""Anchors of checkpoints: what others say of when a log was what it is (ANC-2 to ANC-4).

    anchor/SIZE/checkpoint      the checkpoint that was anchored, a signed note
    anchor/SIZE/NAME.tsr        the answer of a time-stamping authority (RFC 3161), over the note: `openssl ts -verify` reads it
    anchor/SIZE/NAME.ots        the proof of a calendar (OpenTimestamps), over the note: `ots verify` reads it

They lie beside the log, or anywhere; nobody has to trust who keeps them.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import httpx
from cryptography import x509
from opentimestamps.core.notary import BitcoinBlockHeaderAttestation, PendingAttestation, TimeAttestation
from opentimestamps.core.op import OpSHA256
from opentimestamps.core.serialize import (
    BytesDeserializationContext,
    BytesSerializationContext,
    DeserializationError,
)
from opentimestamps.core.timestamp import DetachedTimestampFile, Timestamp
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from flk.impl.data.transparency import Log
from flk.impl.storage.objects import Objects
from flk.impl.storage.trouble import usable
from flk.model.anchoring.places import CHECKPOINT, PREFIX, place
from flk.model.transparency.checkpoints import read_checkpoint
from flk.model.transparency.notes import Verifier
from flk.spec.errors import UnusableInput

STAMP, PROOF = ".tsr", ".ots"
TIMEOUT = 30.0
_MOST_BYTES = 1 << 16  # of an answer
_HEADER_BYTES = 80  # of a block of Bitcoin
_ROOT, _TIME = slice(36, 68), slice(68, 72)  # in it
_OTS = "application/vnd.opentimestamps.v1"


class BadAnchor(ValueError):
    """An anchor that does not show what it is for, and why."""


class Shown(NamedTuple):
    """What an anchor shows: the note was there at that time. None: nothing yet, and what is waited for."""

    when: datetime | None
    by: str


class Kept(NamedTuple):
    """An anchor of a checkpoint over so many leaves, and what it shows."""

    name: str
    size: int
    shown: tuple[Shown, ...]


class Evidence(NamedTuple):
    """What anchors are held against: roots of authorities, and headers of blocks of Bitcoin by their height."""

    roots: Sequence[x509.Certificate] = ()
    headers: Mapping[int, bytes] = {}


class Asked(NamedTuple):
    """Whom to ask for an anchor, where, and what it is called beside others of the same checkpoint."""

    by: str
    endpoint: str
    name: str
    roots: Sequence[x509.Certificate] = ()

    @classmethod
    def of(cls, by: str, endpoint: str, name: str, ca: Path | None) -> "Asked":
        """What options say. Raises UnusableInput."""
        if not endpoint.startswith(("http://", "https://")):
            raise UnusableInput(f"--endpoint: {endpoint!r} is no URL of HTTP; it is like https://tsa.example/tsr")
        if by == "rfc3161" and ca is None:
            raise UnusableInput("--ca: a time-stamp is worth what its authority is; name the PEM file of the root")
        if not name.replace("-", "").isalnum():
            raise UnusableInput(f"--name: {name!r} is to be a file's name; use letters, digits and dashes")
        return cls(by, endpoint, name, roots_in(ca) if by == "rfc3161" and ca is not None else ())


def anchor(objects: Objects, size: int, note: bytes, asked: Asked) -> str:
    """Have a checkpoint of so many leaves anchored, unless it is; the object of the anchor. Raises BadAnchor; UnusableInput while
    nobody answers.
    """
    name = place(size, asked.name + (STAMP if asked.by == "rfc3161" else PROOF))
    if objects.get(name) is None:
        there = place(size, CHECKPOINT)
        if not objects.put(there, note):
            note = objects.get(there) or note
        stamped = asked.by == "rfc3161"
        content = stamp(note, asked.endpoint, asked.roots) if stamped else submit(note, asked.endpoint)
        objects.put(name, content)
    return name


def roots_in(path: Path) -> tuple[x509.Certificate, ...]:
    """The certificates of a PEM file. Raises UnusableInput."""
    with usable(path):
        content = path.read_bytes()
    try:
        return tuple(x509.load_pem_x509_certificates(content))
    except ValueError as error:
        raise UnusableInput(f"{path}: no certificates in PEM: {error}; fix: the root of the authority") from None


def headers_in(path: Path) -> dict[int, bytes]:
    """Headers of blocks of Bitcoin by their height: a line for each, height and 160 hexadecimal digits. Raises UnusableInput."""
    with usable(path):
        lines = path.read_text().splitlines()
    found = {}
    for number, line in enumerate(lines, 1):
        try:
            height, header = line.split()
            found[int(height)] = _header(header)
        except ValueError as error:
            raise UnusableInput(
                f"{path}: line {number}: {error}; it is like `840000 <160 hexadecimal digits>`"
            ) from None
    return found


def _header(text: str) -> bytes:
    if len(text) != 2 * _HEADER_BYTES:
        raise ValueError(f"a header has {2 * _HEADER_BYTES} digits, and this has {len(text)}")
    return bytes.fromhex(text)


def kept(objects: Objects, log: Log, verifier: Verifier, evidence: Evidence, *, upgrade: bool) -> Iterator[Kept]:
    """Every anchor that is kept, and what it shows. Those of calendars are `upgrade`d first, if that is asked for.

    Raises BadAnchor for one that does not hold, BadLog for one of a checkpoint that is not how the log of today began, BadNote.
    """
    now, _ = log.checkpoint()
    names = objects.names(PREFIX, "")
    for checkpoint in (name for name in names if name.endswith(f"/{CHECKPOINT}")):
        note = objects.get(checkpoint) or b""
        anchored = read_checkpoint(note, verifier)
        log.grown_from(anchored, now)
        directory = checkpoint.removesuffix(CHECKPOINT)
        for name in (name for name in names if name.startswith(directory)):
            content = objects.get(name) or b""
            if name.endswith(STAMP):
                yield Kept(name, anchored.size, (_shown_if_known(note, content, evidence.roots),))
            elif name.endswith(PROOF):
                if upgrade and (more := upgraded(content, note)) != content:
                    objects.replace(name, content, more)
                    content = more
                yield Kept(name, anchored.size, shown_by_proof(note, content, evidence.headers))


def _shown_if_known(note: bytes, answer: bytes, roots: Sequence[x509.Certificate]) -> Shown:
    return shown_by_stamp(note, answer, roots) if roots else Shown(None, "the root of its authority: name it with --ca")


def stamp(note: bytes, endpoint: str, roots: Sequence[x509.Certificate]) -> bytes:
    """The answer of a time-stamping authority about a note, verified. Raises BadAnchor; UnusableInput while it does not answer."""
    asked = TimestampRequestBuilder().data(note).hash_algorithm(HashAlgorithm.SHA256).nonce(nonce=True).build()
    answer = _post(endpoint, asked.as_bytes(), {"Content-Type": "application/timestamp-query"})
    shown_by_stamp(note, answer, roots, nonce=asked.nonce)
    return answer


def shown_by_stamp(note: bytes, answer: bytes, roots: Sequence[x509.Certificate], *, nonce: int | None = None) -> Shown:
    """When an authority saw a note. Raises BadAnchor."""
    builder = VerifierBuilder(nonce=nonce, roots=list(roots))
    try:
        decoded = decode_timestamp_response(answer)
        builder.build().verify_message(decoded, note)
    except (ValueError, VerificationError) as error:
        raise BadAnchor(f"ANC-2: the time-stamp does not hold: {error}") from None
    return Shown(decoded.tst_info.gen_time.astimezone(UTC), f"policy {decoded.tst_info.policy.dotted_string}")


def submit(note: bytes, endpoint: str) -> bytes:
    """The proof that a calendar has promised to anchor a note. Raises BadAnchor, UnusableInput."""
    digest = sha256(note).digest()
    answer = _post(f"{endpoint.rstrip('/')}/digest", digest, {"Accept": _OTS})
    promised = _timestamp(answer, digest)
    if not any(isinstance(each, PendingAttestation) for _, each in promised.all_attestations()):
        raise BadAnchor("ANC-3: the calendar has promised nothing")
    return _written(DetachedTimestampFile(OpSHA256(), promised))


def upgraded(proof: bytes, note: bytes) -> bytes:
    """A proof with what its calendars have to add by now. Raises BadAnchor, UnusableInput."""
    detached = _read(proof, note)
    for stamped in [each for each in _stamps(detached.timestamp) if each.attestations]:
        for attestation in [each for each in stamped.attestations if isinstance(each, PendingAttestation)]:
            url = f"{attestation.uri.rstrip('/')}/timestamp/{stamped.msg.hex()}"
            if (answer := _get(url)) is not None:
                stamped.merge(_timestamp(answer, stamped.msg))
    return _written(detached)


def shown_by_proof(note: bytes, proof: bytes, headers: Mapping[int, bytes]) -> tuple[Shown, ...]:
    """What a proof shows, the earliest first, by these headers of blocks. Raises BadAnchor for one that is of another note, or of
    another block of that height.
    """
    return tuple(
        sorted(_shown(_read(proof, note), headers), key=lambda each: (each.when is None, str(each.when), each.by))
    )


def _shown(detached: DetachedTimestampFile, headers: Mapping[int, bytes]) -> Iterator[Shown]:
    for message, attestation in _attestations(detached):
        if not isinstance(attestation, BitcoinBlockHeaderAttestation):
            yield Shown(None, f"the calendar {getattr(attestation, 'uri', 'of another kind')}")
            continue
        header = headers.get(attestation.height)
        if header is None:
            yield Shown(None, f"Bitcoin block {attestation.height}, if its Merkle root is {message[::-1].hex()}")
        elif header[_ROOT] != message:
            raise BadAnchor(
                f"ANC-3: Bitcoin block {attestation.height} has another Merkle root than the proof comes to"
            )
        else:
            when = datetime.fromtimestamp(int.from_bytes(header[_TIME], "little"), UTC)
            yield Shown(when, f"Bitcoin block {attestation.height}")


def _attestations(detached: DetachedTimestampFile) -> Iterator[tuple[bytes, TimeAttestation]]:
    return iter(detached.timestamp.all_attestations())


def _stamps(timestamp: Timestamp) -> Iterator[Timestamp]:
    yield timestamp
    for below in timestamp.ops.values():
        yield from _stamps(below)


def _timestamp(content: bytes, digest: bytes) -> Timestamp:
    try:
        return Timestamp.deserialize(BytesDeserializationContext(content), digest)
    except (DeserializationError, ValueError) as error:
        raise BadAnchor(f"ANC-3: the calendar's answer is none of OpenTimestamps: {error}") from None


def _read(proof: bytes, note: bytes) -> DetachedTimestampFile:
    try:
        detached = DetachedTimestampFile.deserialize(BytesDeserializationContext(proof))
    except (DeserializationError, ValueError) as error:
        raise BadAnchor(f"ANC-3: it is no proof of OpenTimestamps: {error}") from None
    if not isinstance(detached.file_hash_op, OpSHA256) or detached.file_digest != sha256(note).digest():
        raise BadAnchor("ANC-3: the proof is of another checkpoint")
    return detached


def _written(detached: DetachedTimestampFile) -> bytes:
    context = BytesSerializationContext()
    detached.serialize(context)
    return bytes(context.getbytes())


def _post(url: str, content: bytes, headers: Mapping[str, str]) -> bytes:
    try:
        answer = httpx.post(url, content=content, headers=dict(headers), timeout=TIMEOUT, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UnusableInput(f"{url}: it does not answer: {type(error).__name__}: {error}; try again later") from None
    if answer.status_code != httpx.codes.OK or len(answer.content) > _MOST_BYTES:
        raise UnusableInput(
            f"{url}: it answered {answer.status_code} and {len(answer.content)} bytes; check the endpoint"
        )
    return answer.content


def _get(url: str) -> bytes | None:
    """What a calendar has to add; None if nothing yet."""
    try:
        answer = httpx.get(url, headers={"Accept": _OTS}, timeout=TIMEOUT, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UnusableInput(f"{url}: it does not answer: {type(error).__name__}: {error}; try again later") from None
    return answer.content if answer.status_code == httpx.codes.OK and len(answer.content) <= _MOST_BYTES else None
