"""Signed notes, checkpoints and tiles of transparency logs (TLOG-1 to TLOG-3)."""

from hashlib import sha256
from typing import Annotated

from msgspec import Meta

from flk.conformance.operations.forms import Form
from flk.conformance.operations.trees import Hash
from flk.model.record.signing import Ed25519PrivateKey
from flk.model.transparency.checkpoints import read_checkpoint
from flk.model.transparency.edge import Edge, grown
from flk.model.transparency.notes import Kind, Signer, Verifier, read_note, signed_by


class NoteInput(Form, frozen=True):
    """The name and the 32-byte seed of a key, the text that it signs, and for a cosignature the time in seconds since 1970."""

    name: str
    secret: bytes
    text: str
    seconds: Annotated[int, Meta(ge=0)] | None = None


class CheckpointInput(Form, frozen=True):
    """What may be a checkpoint, the key of the log that it should be of, and keys of witnesses."""

    note: bytes
    log: str
    witnesses: tuple[str, ...] = ()


class Signed(Form, frozen=True):
    """The tree of a checkpoint, and the names of those witnesses who cosigned it, as they were given."""

    size: int
    root: Hash
    witnesses: tuple[str, ...]


class TilesInput(Form, frozen=True):
    """How many leaves a log has, of which each is its own number in decimal."""

    leaves: Annotated[int, Meta(ge=0, le=100_000)]


class Tiled(Form, frozen=True):
    """The root of a log, and of each of its objects the SHA-256, by its name."""

    root: Hash
    objects: dict[str, Hash]


def note_signature(given: NoteInput) -> str:
    """The line of a signature, without its newline; of a cosignature, if there is a time."""
    signer = Signer(given.name, Ed25519PrivateKey(given.secret))
    return str(signer.sign(given.text) if given.seconds is None else signer.cosign(given.text, given.seconds))


def checkpoint(given: CheckpointInput) -> Signed:
    """What a log signed; error TLOG-1 for what is no note or bears a signature that its key did not make, TLOG-2 for what is no
    checkpoint of the log.
    """
    log, witnesses = Verifier.parse(given.log), [Verifier.parse(each) for each in given.witnesses]
    seen = set(signed_by(read_note(given.note), (log, *witnesses)))
    found = read_checkpoint(given.note, log)
    names = tuple(each.name for each in witnesses if each in seen and each.kind is Kind.COSIGNATURE)
    return Signed(found.size, found.root.hex(), names)


def tiles(given: TilesInput) -> Tiled:
    """All tiles of a log, of hashes and of leaves, by their names."""
    edge, full = grown(Edge(), (str(number).encode() for number in range(given.leaves)))
    objects = {tile.name: sha256(content).hexdigest() for tile, content in (*full, *edge.tiles())}
    return Tiled(edge.root.hex(), objects)
