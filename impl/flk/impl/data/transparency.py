"""Transparency logs in an object store, read by whoever audits them, without trusting who stores them (TLOG-*)."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from flk.impl.storage.objects import Objects
from flk.impl.storage.record import replace_whole
from flk.impl.storage.trouble import usable
from flk.model.effects import Clock, Effect, GetObject, ListObjects, Mark, Marked, Program, PutObject
from flk.model.log.hlc import at
from flk.model.programs.checkpoint import CHECKPOINT, witness
from flk.model.programs.monitor import monitor as watch
from flk.model.programs.proofs import Audited, Proven, See, audit, prove_consistency, prove_inclusion
from flk.model.runtime import run
from flk.model.transparency.checkpoints import Checkpoint, read_checkpoint
from flk.model.transparency.notes import BadNote, Signer, Verifier
from flk.spec.errors import UnusableInput

R = TypeVar("R")


class Log:
    """A log whose objects are in a store, and whose checkpoints a key signs."""

    def __init__(self, objects: Objects, key: Verifier) -> None:
        self._objects = objects
        self._key = key

    def checkpoint(self) -> tuple[Checkpoint, bytes]:
        """The latest checkpoint, and the note that it is. Raises BadNote; UnusableInput if there is none."""
        content = self._objects.get(CHECKPOINT)
        if content is None:
            raise UnusableInput(
                "there is no object `checkpoint` here; name the place where the log's `checkpoint` and `tile/` are"
            )
        return read_checkpoint(content, self._key), content

    def signed(self, note: bytes) -> Checkpoint:
        """The checkpoint in a note, which the log has signed. Raises BadNote."""
        return read_checkpoint(note, self._key)

    def object(self, name: str) -> bytes | None:
        """An object of the log; None if there is none. Raises Unavailable."""
        return self._objects.get(name)

    def audit(self, checkpoint: Checkpoint, see: See = lambda _number, _leaf: None) -> Audited:
        """Read all of it; `see` is told each leaf and its number. Raises BadLog, Unavailable."""
        return self.run(audit("", checkpoint, see))

    def prove(self, index: int, checkpoint: Checkpoint) -> Proven:
        """A leaf with its proof. Raises BadLog, Unavailable; UnusableInput if there is no such leaf."""
        try:
            return self.run(prove_inclusion("", index, checkpoint))
        except IndexError as missing:
            raise UnusableInput(str(missing)) from None

    def grown_from(self, earlier: Checkpoint, checkpoint: Checkpoint) -> tuple[bytes, ...]:
        """The proof that the log only grew. Raises BadLog, Unavailable."""
        return self.run(prove_consistency("", earlier, checkpoint))

    def cosign(self, signer: Signer, state: Path) -> int | None:
        """Cosign the latest signed checkpoint, if it extends the one kept in a file, and keep it there; how many leaves it has, if
        there is one. Raises BadLog, Unavailable; UnusableInput for a file that cannot be used.
        """
        kept = _kept(state, self._key)
        own: dict[type[Effect[Any]], Callable[[Any], Any]] = {
            PutObject: lambda e: self._objects.put(e.name, e.content),
            ListObjects: lambda e: self._objects.names(e.prefix, e.after),
            Marked: lambda _: kept,
            Mark: partial(_mark, state),
            Clock: lambda _: at(time.time()),
        }
        return self.run(witness("", self._key, signer), own).size

    def run(self, program: Program[R], own: Mapping[type[Effect[Any]], Callable[[Any], Any]] = {}) -> R:
        """Run a program that reads objects of the log, and has these effects of its `own`. Raises what it raises."""
        performers: dict[type[Effect[Any]], Callable[[Any], Any]] = {
            GetObject: lambda e: self._objects.get(e.name),
            **own,
        }
        return run(program, lambda effect: performers[type(effect)](effect))


def monitor(
    log: Log, state: Path, key: Verifier, witnesses: Sequence[Verifier] = ()
) -> tuple[Checkpoint | None, Checkpoint]:
    """Compare the log with the last checkpoint that was kept (None: there was none), and keep the latest in its place if that one
    only grew, and all `witnesses` have cosigned it. The two.

    Raises BadLog, with the file as it was, if not: the two checkpoints, both signed, are the proof. BadNote for a checkpoint that
    is none; UnusableInput for a file that cannot be used.
    """
    kept = _kept(state, key)
    if not kept:  # nothing is known of the log: no checkpoint is no alarm, but the wrong place
        log.checkpoint()
    own: dict[type[Effect[Any]], Callable[[Any], Any]] = {
        Marked: lambda _: kept,
        Mark: partial(_mark, state),
    }
    before, now = log.run(watch("", key, witnesses), own)
    assert now is not None, "there is a checkpoint"
    return before, now


def _mark(state: Path, effect: Mark) -> bool:
    _keep(state, effect.value.encode())
    return True


def _kept(state: Path, key: Verifier) -> str:
    """The checkpoint of the log that a file keeps; nothing, if there is no file.

    A file that has become empty, or another, is no beginning: whoever took it for one would forget what was signed before (TLOG-5).
    Raises UnusableInput.
    """
    with usable(state):
        if not state.exists():
            return ""
        content = state.read_bytes()
    try:
        read_checkpoint(content, key)
    except BadNote as bad:
        raise UnusableInput(
            f"{state}: this is no checkpoint of the log that was kept ({bad}); put back what it had, or name a file that is not"
            " there, to begin anew"
        ) from None
    return content.decode()


def _keep(state: Path, content: bytes) -> None:
    """Let a file have this, durably; whoever may look at the log may look at it."""
    with usable(state):
        replace_whole(state, content, 0o666)
