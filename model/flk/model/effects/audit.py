"""Effects on the audit queue and on where its tasks take effect (AUD-*)."""

from flk.model.effects.effect import Effect
from flk.model.entries.tasks import Lease, Task


class TakeTask(Effect[Lease | None], frozen=True):
    """Lease the oldest audit task that waits; None if none does (AUD-1)."""


class Attempt(Effect[bool], frozen=True):
    """Let a task take effect, keyed by the task, so that repeating it changes nothing; whether the attempt succeeded (AUD-2)."""

    task: Task
    number: int


class MarkProcessed(Effect[None], frozen=True):
    """Mark a task that took effect as processed, durably (AUD-3)."""

    task: Task


class Bury(Effect[None], frozen=True):
    """Write a dead letter for a task (AUD-5)."""

    task: Task


class Acknowledge(Effect[None], frozen=True):
    """A task is done with: the queue forgets it."""

    task: Task
