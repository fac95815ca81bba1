"""An audit worker (AUD-*): it takes tasks, attempts their effect, and ends each with a mark or a dead letter."""

from enum import StrEnum

from flk.model.effects import Acknowledge, Attempt, Bury, MarkProcessed, Program, TakeTask
from flk.spec.constants import CONSTANTS


class Handled(StrEnum):
    """How a worker came to acknowledge a task."""

    DONE = "done"
    ALREADY = "already"
    DEAD = "dead"


def work(attempts: int = CONSTANTS.audit.attempts) -> Program[Handled | None]:
    """Take one task and bring it to its end; None if no task waits.

    The task stays in the queue until it is acknowledged, so a worker that dies or is refused anywhere on the way leaves it to
    the next (AUD-1). An effect that is there and not marked is attempted again, which changes nothing (AUD-2); of a task that is
    marked only the acknowledgement was missing (AUD-3).
    """
    lease = yield from TakeTask()
    if lease is None:
        return None
    task = lease.task
    if lease.processed:
        yield from Acknowledge(task)
        return Handled.ALREADY
    for number in range(1, attempts + 1):
        if (yield from Attempt(task, number)):  # the first or a later one: a late success is a success (AUD-4)
            yield from MarkProcessed(task)
            yield from Acknowledge(task)
            return Handled.DONE
    yield from Bury(task)
    yield from Acknowledge(task)
    return Handled.DEAD
