"""Watching a log that somebody else writes (TLOG-5, TLOG-9): it only grows, and its witnesses have seen what is published."""

from collections.abc import Sequence
from typing import NamedTuple

from flk.model.effects import GetObject, Mark, Marked, Program
from flk.model.programs.checkpoint import CHECKPOINT
from flk.model.programs.proofs import prove_consistency, root_of
from flk.model.transparency.checkpoints import BadLog, Checkpoint, read_checkpoint
from flk.model.transparency.notes import BadNote, Verifier, read_note, signed_by

MONITORED = "monitored/"


class Seen(NamedTuple):
    """The checkpoint that was kept before (None: the log is new), and the one that is kept now (None: none is there)."""

    before: Checkpoint | None
    now: Checkpoint | None


def monitor(prefix: str, log: Verifier, witnesses: Sequence[Verifier] = ()) -> Program[Seen]:
    """Compare a log whose objects have this prefix with its last checkpoint that was kept, and keep the latest in place of that.

    Raises BadLog, and keeps what was kept, if the log did not only grow, or a witness of it has not cosigned what is published:
    somebody may be shown another history. Raises Unavailable.
    """
    kept = yield from Marked(MONITORED + log.name)
    before = _read(MONITORED + log.name, kept.encode(), log) if kept else None
    content = yield from GetObject(prefix + CHECKPOINT)
    if content is None:
        if before is not None:
            raise BadLog(f"TLOG-5: the log had {before.size} leaves, and {prefix}{CHECKPOINT} is gone")
        return Seen(None, None)
    now = _read(prefix + CHECKPOINT, content, log)
    _require_cosigned(prefix + CHECKPOINT, content, witnesses)
    if before is not None:
        yield from prove_consistency(prefix, before, now)
    elif (yield from root_of(prefix, now.size)) != now.root:
        raise BadLog(f"TLOG-3: the tiles in {prefix} do not come to the root that {prefix}{CHECKPOINT} has signed")
    if now != before:
        yield from Mark(MONITORED + log.name, content.decode())
    return Seen(before, now)


def _require_cosigned(name: str, content: bytes, witnesses: Sequence[Verifier]) -> None:
    try:
        absent = [each.name for each in witnesses if each not in signed_by(read_note(content), witnesses)]
    except BadNote as bad:
        raise BadLog(f"{name}: {bad}") from None
    if absent:
        raise BadLog(f"TLOG-9: {name} lacks the cosignature of {absent[0]}")


def _read(name: str, content: bytes, key: Verifier) -> Checkpoint:
    try:
        return read_checkpoint(content, key)
    except BadNote as bad:
        raise BadLog(f"{name}: {bad}") from None
