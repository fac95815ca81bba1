"""Effects on the audit queue of a real region: how far the leaves of its audit log are in it (AUD-6)."""

from flk.model.auditing.plan import Position
from flk.model.effects.effect import Effect
from flk.model.entries.tasks import Task


class Queued(Effect[Position], frozen=True):
    """How far the leaves of the log are in the queue, durably."""


class Enqueue(Effect[bool], frozen=True):
    """Put tasks into the queue, and let its position be `after`, durably and in one step, if it is `before`; whether it was."""

    before: Position
    after: Position
    tasks: tuple[Task, ...]
