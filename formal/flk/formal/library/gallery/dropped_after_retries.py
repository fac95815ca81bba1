"""A worker that gives up in silence."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import audit
from flk.formal.library.protocols.audit import Step, Task, Worker, step

protocol = audit.protocol.variant(
    "dropped-after-retries",
    """A task that failed so often will fail again, so the worker acknowledges it and writes a line to its log. The task is gone,
    and with it the record's place in the audit: nobody reads the log.""",
)


@protocol.action(w=Worker, t=Task)
def bury(w: Term, t: Term) -> None:
    """The attempts are used up, and the worker has nothing more to do but to acknowledge the task."""
    require(step[w, t] == Step.retrying)
    step.next[w, t] = Step.settled


design = Design(protocol, "no_task_is_lost", ("AUD-5",), "", {"Task": 1, "Worker": 1})
