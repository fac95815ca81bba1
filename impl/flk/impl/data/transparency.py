"""Transparency logs in an object store, read by whoever audits them, without trusting who stores them (TLOG-*)."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from flk.impl.storage.objects import Objects
from flk.impl.storage.trouble import usable
from flk.model.effects import Effect, GetObject, Program
from flk.model.programs.proofs import Audited, Proven, audit, prove_consistency, prove_inclusion
from flk.model.runtime import run
from flk.model.transparency.checkpoints import Checkpoint, read_checkpoint
from flk.model.transparency.notes import BadNote, Verifier
from flk.spec.errors import UnusableInput

CHECKPOINT = "checkpoint"
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

    def audit(self, checkpoint: Checkpoint) -> Audited:
        """Read all of it. Raises BadLog, Unavailable."""
        return self.run(audit("", checkpoint))

    def prove(self, index: int, checkpoint: Checkpoint) -> Proven:
        """A leaf with its proof. Raises BadLog, Unavailable; UnusableInput if there is no such leaf."""
        try:
            return self.run(prove_inclusion("", index, checkpoint))
        except IndexError as missing:
            raise UnusableInput(str(missing)) from None

    def grown_from(self, earlier: Checkpoint, checkpoint: Checkpoint) -> tuple[bytes, ...]:
        """The proof that the log only grew. Raises BadLog, Unavailable."""
        return self.run(prove_consistency("", earlier, checkpoint))

    def run(self, program: Program[R], own: Mapping[type[Effect[Any]], Callable[[Any], Any]] = {}) -> R:
        """Run a program that reads objects of the log, and has these effects of its `own`. Raises what it raises."""
        performers: dict[type[Effect[Any]], Callable[[Any], Any]] = {GetObject: lambda e: self._objects.get(e.name), **own}
        return run(program, lambda effect: performers[type(effect)](effect))


class Seen(NamedTuple):
    """What a monitor found: the checkpoint that it knew (None: it is new to the log), and the one that it keeps now."""

    before: Checkpoint | None
    now: Checkpoint


def monitor(log: Log, state: Path, key: Verifier) -> Seen:
    """Compare the log with the last checkpoint that was kept, and keep the latest in its place if that one only grew.

    Raises BadLog, with the file as it was, if it did not: the two checkpoints, both signed, are the proof. BadNote for a checkpoint
    that is none; UnusableInput for a file that cannot be used.
    """
    before = None
    with usable(state):
        kept = state.read_bytes() if state.exists() else None
    if kept is not None:
        try:
            before = read_checkpoint(kept, key)
        except BadNote as bad:
            raise UnusableInput(f"{state}: {bad}; it is not what a monitor of this log has kept") from None
    now, content = log.checkpoint()
    if before is not None:
        log.grown_from(before, now)
    if content != kept:
        with usable(state):
            new = state.with_name(f"{state.name}.new")
            new.write_bytes(content)
            new.replace(state)
    return Seen(before, now)
