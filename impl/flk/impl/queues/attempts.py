"""What an audit worker attempts: each kind of task, on a log that it trusts no further than its key (AUD-8, AUD-9)."""

from collections.abc import Callable
from typing import Any

from flk.impl.data.transparency import Log
from flk.impl.storage.objects import Objects
from flk.model.anchoring.places import CHECKPOINT, place
from flk.model.effects import DeleteObject, Effect, GetObject, Program, PutObject
from flk.model.entries.tasks import Span, Task, TaskKind
from flk.model.programs.effects_of_tasks import attest_leaf, clean_up, enrich, report
from flk.model.refusal import unavailable
from flk.model.transparency.checkpoints import BadLog, Checkpoint
from flk.model.transparency.notes import Signer
from flk.spec.errors import UnusableInput

Anchor = Callable[[Objects, int, bytes], object]
"""Has a checkpoint of so many leaves anchored, which is that note. Raises UnusableInput while nobody answers."""


class Attempts:
    """Attempts tasks about the leaves of a log, and writes what they make into an object store. Without a signer or an anchor it
    does not know those kinds.
    """

    def __init__(self, log: Log, into: Objects, signer: Signer | None = None, anchor: Anchor | None = None) -> None:
        self._log = log
        self._into = into
        self._signer = signer
        self._anchor = anchor
        self._latest: tuple[Checkpoint, bytes] | None = None

    @property
    def kinds(self) -> frozenset[TaskKind]:
        """The kinds that it can attempt."""
        known = {TaskKind.ENRICH, TaskKind.REPORT, TaskKind.CLEAN_UP}
        known |= {TaskKind.ATTEST} if self._signer is not None else set()
        return frozenset(known | ({TaskKind.ANCHOR} if self._anchor is not None else set()))

    def latest(self) -> tuple[Checkpoint, bytes]:
        """The checkpoint of the log as it is now, and its note. Raises BadNote, Unavailable; UnusableInput if there is none."""
        self._latest = self._log.checkpoint()
        return self._latest

    def run(self, program: Program[Any], own: dict[type[Effect[Any]], Callable[[Any], Any]]) -> Any:
        """Run a program that reads the log. Raises what it raises."""
        return self._log.run(program, own)

    def put(self, name: str, content: bytes) -> bool:
        """Create an object. Raises Unavailable."""
        return self._into.put(name, content)

    def attempt(self, task: Task, progress: Callable[[], None]) -> str:
        """Let a task take effect; why it did not, empty if it did. Calls `progress` now and then. Raises Unavailable if what that
        takes does not answer, which says nothing about the task.
        """
        assert isinstance(task.key, Span), "a queue has tasks about leaves"
        try:
            self._do(task.kind, task.key, progress)
        except (BadLog, ValueError) as error:  # of which BadNote and BadAnchor are
            return f"{type(error).__name__}: {error}"
        return ""

    def _do(self, kind: TaskKind, span: Span, progress: Callable[[], None]) -> None:
        if kind not in self.kinds:
            raise unavailable(f"this worker does not {kind}: start it with the options for that")
        if kind is TaskKind.ANCHOR:
            self._have_anchored(span)
            return
        checkpoint, note = self._covering(span)
        program: Program[None]
        if kind is TaskKind.ENRICH:
            program = enrich("", span, checkpoint)
        elif kind is TaskKind.REPORT:
            program = report("", span, checkpoint)
        elif kind is TaskKind.CLEAN_UP:
            program = clean_up(span)
        else:
            assert self._signer is not None, "it knows the kind"
            program = attest_leaf("", span, checkpoint, note, self._signer)

        def put(effect: PutObject) -> bool:
            return self._into.put(effect.name, effect.content)

        def delete(effect: DeleteObject) -> None:
            progress()
            self._into.delete(effect.name)

        def read(effect: GetObject) -> bytes | None:
            progress()
            return self._log.object(effect.name)

        self._log.run(program, {PutObject: put, DeleteObject: delete, GetObject: read})

    def _have_anchored(self, span: Span) -> None:
        """The checkpoint was put there when the task was enqueued, so all who attempt it have the same anchored."""
        assert self._anchor is not None, "it knows the kind"
        note = self._into.get(place(span.end, CHECKPOINT))
        if note is None:
            raise BadLog(f"{place(span.end, CHECKPOINT)} is gone, which was to be anchored")
        if self._log.signed(note).size != span.end:
            raise BadLog(f"{place(span.end, CHECKPOINT)} is a checkpoint of another size")
        try:
            self._anchor(self._into, span.end, note)
        except UnusableInput as away:
            raise unavailable(str(away)) from None

    def _covering(self, span: Span) -> tuple[Checkpoint, bytes]:
        """A checkpoint that covers the leaves, the latest that is known if that does."""
        known = self._latest
        if known is None or known[0].size < span.end:
            try:
                known = self.latest()
            except UnusableInput as none:
                raise unavailable(str(none)) from None
        if known[0].size < span.end:
            raise BadLog(f"TLOG-5: the log says that it has {known[0].size} leaves, and had {span.end}")
        return known
