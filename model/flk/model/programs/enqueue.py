"""Putting the leaves of an audit log into a queue of tasks (AUD-6).

The log is the source: durable, in order, numbered and signed. Nothing enqueues where records are submitted, and a queue that was
lost is filled again from the log.
"""

from collections.abc import Collection

from flk.model.anchoring.places import CHECKPOINT, place
from flk.model.auditing.plan import Position, anchor_of, tasks_of
from flk.model.effects import Program, PutObject
from flk.model.effects.queueing import Enqueue, Queued
from flk.model.entries.tasks import TaskKind
from flk.model.programs.proofs import proven_leaves
from flk.model.transparency.checkpoints import BadLog, Checkpoint
from flk.model.transparency.tiles import WIDTH


def enqueue(
    prefix: str, checkpoint: Checkpoint, note: bytes, kinds: Collection[TaskKind], every: int
) -> Program[Position]:
    """Put the tasks of leaves up to a checkpoint into the queue that are not in it yet, some at a time; where the queue is then.

    A leaf is enqueued when a proof shows that the log has signed it (TLOG-4). Tasks and position change in one step, and only if
    nobody else has enqueued meanwhile: so each leaf's tasks are enqueued once, whoever stops where. A checkpoint is to be anchored
    by the task that says so, as it is now, if at least `every` leaves are new to it. Raises BadLog.
    """
    log = checkpoint.origin
    position = yield from Queued()
    if position.behind > checkpoint.size:
        raise BadLog(
            f"TLOG-5: {position.behind} leaves of {log} are in the queue, and the log now says that it has {checkpoint.size}"
        )
    while position.behind < checkpoint.size:
        count = min(WIDTH - position.behind % WIDTH, checkpoint.size - position.behind)
        leaves = yield from proven_leaves(prefix, position.behind, count, checkpoint)
        planned = tasks_of(log, position, leaves, kinds)
        if not (yield from Enqueue(position, planned.after, planned.tasks)):
            return (yield from Queued())
        position = planned.after
    planned = anchor_of(log, position, checkpoint.size, kinds, every)
    if planned.tasks:
        yield from PutObject(place(checkpoint.size, CHECKPOINT), note)
        if not (yield from Enqueue(position, planned.after, planned.tasks)):
            return (yield from Queued())
    return planned.after
