"""Attestations: that a leaf is in a log, signed by a worker, and provable without the log or the worker (AUD-9).

One is a statement of in-toto in an envelope of DSSE, which tools for supply chains know. Its subject is the leaf, by its SHA-256;
its predicate has what a proof needs: the leaf, its number, the signed checkpoint and the hashes beside its way to the root. So two
things can be shown of it, each by itself: who attested, by the envelope; and that the log has signed for the leaf, by the proof.

    attested/LEAF.json    the attestation of a leaf
"""

from base64 import b64decode, b64encode
from hashlib import sha256

import msgspec

from flk.model.record.merkle import verify_inclusion
from flk.model.record.signing import Ed25519PublicKey
from flk.model.transparency.checkpoints import Checkpoint, read_checkpoint
from flk.model.transparency.notes import Kind, Signer, Verifier

ATTESTED = "attested/"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:flk:audit-leaf:v1"


class BadAttestation(ValueError):
    """What is no attestation, or does not show what it is for: why."""


class Digest(msgspec.Struct, frozen=True):
    """Of a subject."""

    sha256: str


class Subject(msgspec.Struct, frozen=True):
    """What a statement is about."""

    name: str
    digest: Digest


class Predicate(msgspec.Struct, frozen=True):
    """What is said of a leaf: base64 where it is bytes, and the checkpoint as the note that it is."""

    log: str
    index: int
    leaf: bytes
    checkpoint: str
    proof: tuple[bytes, ...]


class Statement(msgspec.Struct, frozen=True, rename={"type_": "_type", "predicate_type": "predicateType"}):
    """A statement of in-toto, version 1."""

    type_: str
    subject: tuple[Subject, ...]
    predicate_type: str
    predicate: Predicate


class Signed(msgspec.Struct, frozen=True):
    """A signature of an envelope. `keyid` is the key, as NAME+ID+KEY."""

    keyid: str
    sig: str


class Envelope(msgspec.Struct, frozen=True, rename={"payload_type": "payloadType"}):
    """An envelope of DSSE, version 1."""

    payload: str
    payload_type: str
    signatures: tuple[Signed, ...]


class Shown(msgspec.Struct, frozen=True):
    """What an attestation shows: the leaf of that number was in the log when it had so many, by whose word."""

    log: str
    index: int
    size: int
    leaf: bytes
    by: str


def attested_name(number: int) -> str:
    """The object of the attestation of a leaf."""
    return f"{ATTESTED}{number:012d}.json"


def attest(checkpoint: Checkpoint, note: bytes, index: int, leaf: bytes, proof: tuple[bytes, ...], by: Signer) -> bytes:
    """The attestation of a leaf that was proven under a checkpoint, which the note is."""
    predicate = Predicate(checkpoint.origin, index, leaf, note.decode(), proof)
    subject = Subject(f"{checkpoint.origin}#{index}", Digest(sha256(leaf).hexdigest()))
    payload = msgspec.json.encode(Statement(STATEMENT, (subject,), PREDICATE, predicate))
    signature = by.key.sign(pre_authenticated(PAYLOAD_TYPE, payload))
    signed = Signed(str(by.verifier), b64encode(signature).decode())
    return msgspec.json.encode(Envelope(b64encode(payload).decode(), PAYLOAD_TYPE, (signed,)))


def leaf_in(content: bytes) -> bytes | None:
    """The leaf that an attestation has, whoever signed that; None if it is no attestation."""
    try:
        payload = b64decode(msgspec.json.decode(content, type=Envelope).payload, validate=True)
        return msgspec.json.decode(payload, type=Statement).predicate.leaf
    except ValueError:
        return None


def verify(content: bytes, log: Verifier, by: Verifier) -> Shown:
    """What an attestation shows, by the keys of the log and of the worker. Raises BadAttestation, BadNote."""
    try:
        envelope = msgspec.json.decode(content, type=Envelope)
        payload = b64decode(envelope.payload, validate=True)
        signatures = [b64decode(each.sig, validate=True) for each in envelope.signatures]
    except ValueError as error:
        raise BadAttestation(f"AUD-9: it is no envelope of DSSE: {error}") from None
    signed = pre_authenticated(envelope.payload_type, payload)
    if not any(_accepts(by, signed, each) for each in signatures):
        raise BadAttestation(f"AUD-9: {by.name} has not signed it; give the key of the worker that has")
    try:
        statement = msgspec.json.decode(payload, type=Statement)
    except msgspec.DecodeError as error:
        raise BadAttestation(f"AUD-9: it is no statement about a leaf: {error}") from None
    return _shown(envelope, statement, log, by)


def _shown(envelope: Envelope, statement: Statement, log: Verifier, by: Verifier) -> Shown:
    said = statement.predicate
    if (envelope.payload_type, statement.type_, statement.predicate_type) != (PAYLOAD_TYPE, STATEMENT, PREDICATE):
        raise BadAttestation(f"AUD-9: it is of another type than {PREDICATE}")
    checkpoint = read_checkpoint(said.checkpoint.encode(), log)
    about = Subject(f"{checkpoint.origin}#{said.index}", Digest(sha256(said.leaf).hexdigest()))
    if said.log != checkpoint.origin or statement.subject != (about,):
        raise BadAttestation("AUD-9: its subject is not the leaf that is in it")
    if not 0 <= said.index < checkpoint.size:
        raise BadAttestation(f"AUD-9: there is no leaf {said.index} in a log of {checkpoint.size}")
    if not verify_inclusion(said.leaf, said.index, checkpoint.size, said.proof, checkpoint.root):
        raise BadAttestation("AUD-9: its proof does not come to the root that the log has signed")
    return Shown(checkpoint.origin, said.index, checkpoint.size, said.leaf, by.name)


def pre_authenticated(payload_type: str, payload: bytes) -> bytes:
    """What is signed of an envelope: PAE of DSSE.

    >>> pre_authenticated("http://example.com/HelloWorld", b"hello world")
    b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
    """
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def _accepts(key: Verifier, signed: bytes, signature: bytes) -> bool:
    return key.kind is Kind.NOTE and Ed25519PublicKey(key.public).verifies(signed, signature)
