"""Bugs in the audit workers."""

from tests.sim.nodes.test_audit import dropped_after_retries, mark_before_effect
from tests.sim.planted.bug import Bug, bug

from flk.model.effects import Acknowledge, Attempt, Bury, MarkProcessed, Program, TakeTask
from flk.model.entries.entry import Key
from flk.model.entries.tasks import Task
from flk.model.programs.audit import Handled
from flk.sim.checkers.invariants import Invariant
from flk.sim.kernel.programs import MODEL


def acknowledge_first(attempts: int) -> Program[Handled | None]:
    """Acknowledge what was taken, then do it."""
    lease = yield from TakeTask()
    if lease is None:
        return None
    yield from Acknowledge(lease.task)
    for number in range(1, attempts + 1):
        if (yield from Attempt(lease.task, number)):
            yield from MarkProcessed(lease.task)
            return Handled.DONE
    yield from Bury(lease.task)
    return Handled.DEAD


def marked_whatever_happened(attempts: int) -> Program[Handled | None]:
    """Take every attempt for a success."""
    del attempts
    lease = yield from TakeTask()
    if lease is None:
        return None
    yield from Attempt(lease.task, 1)
    yield from MarkProcessed(lease.task)
    yield from Acknowledge(lease.task)
    return Handled.DONE


def one_effect_an_attempt(attempts: int) -> Program[Handled | None]:
    """Key the effect by the attempt, so that whoever tries again takes effect again."""
    lease = yield from TakeTask()
    if lease is None:
        return None
    for number in range(1, attempts + 1):
        whose, what = lease.task.place
        key = Key(whose, f"{what}.{number}")
        if (yield from Attempt(Task(lease.task.kind, key), number)):
            yield from MarkProcessed(lease.task)
            yield from Acknowledge(lease.task)
            return Handled.DONE
    yield from Bury(lease.task)
    yield from Acknowledge(lease.task)
    return Handled.DEAD


BUGS: dict[str, Bug] = {
    "marks-before-the-effect": bug(
        MODEL._replace(work=mark_before_effect),
        "CoverageMarks a task as processed, then does it.",
        "AUD-3",
        Invariant.TASK_MARK,
    ),
    "acknowledges-before-the-effect": bug(
        MODEL._replace(work=acknowledge_first),
        "Acknowledges a task, then does it.",
        "AUD-1",
        Invariant.TASK_KEPT,
    ),
    "takes-failure-for-success": bug(
        MODEL._replace(work=marked_whatever_happened),
        "CoverageMarks a task whose attempt failed.",
        "AUD-3",
        Invariant.TASK_MARK,
        Invariant.TASK_KEPT,
    ),
    "gives-up-in-silence": bug(
        MODEL._replace(work=dropped_after_retries),
        "Drops a task that failed too often, without a dead letter.",
        "AUD-5",
        Invariant.TASK_KEPT,
    ),
    "applies-twice": bug(
        MODEL._replace(work=one_effect_an_attempt),
        "Keys the effect by the attempt, so that a task which is tried again takes effect again.",
        "AUD-2",
        Invariant.TASK_ONCE,
        Invariant.TASK_MARK,
        Invariant.TASK_KEPT,
    ),
}
