"""Checkpoints of a region's audit log: signed, cosigned by witnesses, and published (TLOG-8, TLOG-9). The protocol `transparency`.

For each size there is one signed checkpoint, an object that is created once. It is signed when all tiles of that size are durable,
and only if it extends the last that was signed, by what the tiles say. What is published is the latest that every witness cosigned.
"""

from collections.abc import Sequence
from typing import NamedTuple

from flk.model.effects import (
    Clock,
    GetObject,
    Integrated,
    ListObjects,
    Mark,
    Marked,
    Program,
    PutObject,
    ReplaceObject,
)
from flk.model.log.hlc import wall_seconds
from flk.model.programs.proofs import prove_consistency, root_of
from flk.model.refusal import unavailable
from flk.model.transparency.checkpoints import BadLog, Checkpoint, read_checkpoint
from flk.model.transparency.notes import BadNote, Note, Signer, Verifier, read_note, signed, signed_by
from flk.model.transparency.steps import prefix_of

CHECKPOINT = "checkpoint"
WITNESSED = "witnessed/"


class Published(NamedTuple):
    """How many leaves the published checkpoint has now (None: none is published), and the latest that is signed."""

    size: int | None
    signed: int


class Witnessed(NamedTuple):
    """How many leaves the checkpoint had that was cosigned last; None if there is none to cosign."""

    size: int | None


def checkpoint(region: str, signer: Signer, witnesses: Sequence[Verifier] = ()) -> Program[Published]:
    """Sign the region's log as it is, and publish the latest checkpoint that all `witnesses` have cosigned.

    Any node of the region does this, at any time, and may be stopped anywhere. Raises BadLog, and signs nothing, if the log is not
    how the one that was signed before has grown; Unavailable.
    """
    prefix = prefix_of(region)
    published, note = yield from _published(prefix, signer.verifier)
    newest = yield from _newest(prefix, signer.verifier, published)
    state = yield from Integrated()
    now = Checkpoint(signer.name, state.size, bytes.fromhex(state.root))
    if (
        newest is not None and newest.size > now.size
    ):  # another node is ahead: it knows what it signed, this one does not yet
        return Published(None if published is None else published.size, newest.size)
    if now != newest:
        if (yield from root_of(prefix, now.size)) != now.root:
            raise BadLog(f"TLOG-8: the tiles in {prefix} do not come to the root of the {now.size} leaves of its steps")
        if newest is not None:
            yield from prove_consistency(prefix, newest, now)
        yield from _sign(prefix, signer, now)
    latest = yield from _cosigned(prefix, signer.verifier, witnesses, published, now)
    if latest is not None:
        yield from _publish(prefix + CHECKPOINT, note, bytes(latest))
        published = read_checkpoint(bytes(latest), signer.verifier)
    return Published(None if published is None else published.size, now.size)


def witness(prefix: str, log: Verifier, signer: Signer) -> Program[Witnessed]:
    """Cosign the latest signed checkpoint of the log whose objects have this prefix, if it extends the last that this witness has
    cosigned.

    That one is kept before the new one is given away, so a witness that is stopped anywhere never cosigns two that exclude one
    another. Raises BadLog for a fork: then nothing is cosigned, and both are there, signed; Unavailable.
    """
    kept = yield from Marked(WITNESSED + log.name)
    before = _read(WITNESSED + log.name, kept.encode(), log) if kept else None
    names = yield from ListObjects(f"{prefix}signed/", after=_signed(prefix, before.size - 1) if before else "")
    if not names:
        return Witnessed(None)
    content = yield from _got(names[-1])
    now = _read(names[-1], content, log)
    if before is None:
        if (yield from root_of(prefix, now.size)) != now.root:
            raise BadLog(f"TLOG-9: the tiles in {prefix} do not come to the root that {names[-1]} has signed")
    else:
        yield from prove_consistency(prefix, before, now)
    yield from Mark(WITNESSED + log.name, content.decode())
    made = signer.cosign(now.text, int(wall_seconds((yield from Clock()))))
    yield from PutObject(_cosignature(prefix, now.size, signer.witness), signed(now.text, [made]))
    return Witnessed(now.size)


def _sign(prefix: str, signer: Signer, now: Checkpoint) -> Program[None]:
    """Create the signed checkpoint of a size. Raises BadLog if another of that size is signed."""
    name = _signed(prefix, now.size)
    if not (yield from PutObject(name, signed(now.text, [signer.sign(now.text)]))):
        there = _read(name, (yield from _got(name)), signer.verifier)
        if there != now:
            raise BadLog(f"TLOG-8: {name} has signed another root of a log of {now.size} leaves")


def _published(prefix: str, key: Verifier) -> Program[tuple[Checkpoint | None, bytes | None]]:
    content = yield from GetObject(prefix + CHECKPOINT)
    return (None if content is None else _read(prefix + CHECKPOINT, content, key)), content


def _newest(prefix: str, key: Verifier, published: Checkpoint | None) -> Program[Checkpoint | None]:
    """The latest checkpoint that is signed. A listing may hide the latest for a while; what is published is known all the same."""
    names = yield from ListObjects(
        f"{prefix}signed/", after="" if published is None else _signed(prefix, published.size)
    )
    return _read(names[-1], (yield from _got(names[-1])), key) if names else published


def _cosigned(
    prefix: str, key: Verifier, witnesses: Sequence[Verifier], published: Checkpoint | None, now: Checkpoint
) -> Program[Note | None]:
    """The latest checkpoint after the published one that all witnesses have cosigned, with their signatures, if there is one.
    What was signed before is how the log began, or it is not published. What another node signs meanwhile, and is more, is its to
    publish.
    """
    after = -1 if published is None else published.size
    listed = yield from ListObjects(f"{prefix}signed/", after=_signed(prefix, after) if published else "")
    sizes = {now.size, *(int(name.rpartition("/")[2]) for name in listed)}
    for size in sorted((size for size in sizes if after < size <= now.size), reverse=True):
        name = _signed(prefix, size)
        content = yield from _got(name)
        yield from prove_consistency(prefix, _read(name, content, key), now)
        note = read_note(content)
        signatures = list(note.signatures)
        for each in witnesses:
            found = yield from GetObject(_cosignature(prefix, size, each))
            try:
                cosigned = None if found is None else read_note(found)
                if cosigned is None or cosigned.text != note.text or not signed_by(cosigned, (each,)):
                    break
            except BadNote as bad:
                raise BadLog(f"{_cosignature(prefix, size, each)}: {bad}") from None
            signatures += cosigned.signatures
        else:
            return Note(note.text, tuple(signatures))
    return None


def _publish(name: str, before: bytes | None, content: bytes) -> Program[None]:
    """Put a checkpoint in place of the one before; if another node did meanwhile, the next pass looks again."""
    if before is None:
        if not (yield from PutObject(name, content)):
            raise unavailable(f"{name} was published by another node meanwhile")
    elif not (yield from ReplaceObject(name, before, content)):
        raise unavailable(f"{name} was published by another node meanwhile")


def _signed(prefix: str, size: int) -> str:
    return f"{prefix}signed/{size:016d}"


def _cosignature(prefix: str, size: int, witness: Verifier) -> str:
    return f"{prefix}cosigned/{size:016d}/{witness.key_id.hex()}"


def _read(name: str, content: bytes, key: Verifier) -> Checkpoint:
    try:
        return read_checkpoint(content, key)
    except BadNote as bad:
        raise BadLog(f"{name}: {bad}") from None


def _got(name: str) -> Program[bytes]:
    content = yield from GetObject(name)
    if content is None:
        raise unavailable(f"{name} cannot be read")
    return content
