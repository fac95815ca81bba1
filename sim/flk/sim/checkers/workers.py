"""What an audit worker may do next, by the requirements alone: each of its runs is about one task (AUD-*)."""

from flk.model.effects import Acknowledge, Attempt, Bury, MarkProcessed, TakeTask
from flk.model.entries.tasks import Lease
from flk.model.refusal import Refused
from flk.sim.world.events import WorkerActed


class WorkerRun:
    """How far a worker is with a task: attempts made, and what came of them."""

    def __init__(self, name: str, attempts: int) -> None:
        self.name = name
        self._most = attempts
        self._lease: Lease | None = None
        self._attempts = 0
        self._succeeded = self._marked = self._buried = self._over = False

    def fault(self, event: WorkerActed) -> str:
        """What is wrong with what the worker did; empty if nothing is."""
        if isinstance(event.result, Refused):  # the run ends here, and leaves the task to the next
            self._over = True
            return ""
        match event.effect:
            case TakeTask():
                self._lease = event.result if isinstance(event.result, Lease) else None
                self._over = self._lease is None
                return ""
            case Attempt():
                return self._attempted(succeeded=bool(event.result))
            case MarkProcessed():
                self._marked = True
                return "" if self._succeeded else "is marked, and no attempt succeeded"
            case Bury():
                self._buried = True
                if self._succeeded:
                    return "is a dead letter, and took effect"
                return "" if self._attempts == self._most else f"is a dead letter after {self._attempts} attempts"
            case Acknowledge():
                self._over = True
                processed = self._lease is not None and self._lease.processed
                settled = processed or self._marked or self._buried
                return "" if settled else "is acknowledged, and neither marked nor a dead letter"
            case _:
                return ""

    def unfinished(self) -> str:
        """What is wrong if the worker turns to another task now."""
        return "" if self._over else "is left, and not acknowledged"

    def _attempted(self, *, succeeded: bool) -> str:
        self._attempts += 1
        before, self._succeeded = self._succeeded, succeeded or self._succeeded
        if self._lease is None or self._lease.processed:
            return "is attempted, and was marked"
        if before:
            return "is attempted again after a success"
        return "" if self._attempts <= self._most else f"is attempted {self._attempts} times, of at most {self._most}"
