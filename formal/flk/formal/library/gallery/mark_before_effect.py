"""A mark that announces what is about to be done."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import audit
from flk.formal.library.protocols.audit import News, Step, Task, Worker, attempting, news, processed, step, take_effect

protocol = audit.protocol.variant(
    "mark-before-effect",
    """Marking a task first keeps a second worker from doing it again. The worker dies between mark and effect: the next one sees
    the mark and acknowledges a task that nobody has done.""",
)


@protocol.action(w=Worker, t=Task)
def mark(w: Term, t: Term) -> None:
    """A worker marks the task before its attempts."""
    require(step[w, t] == Step.trying)
    processed.next[t] = True
    step.next[w, t] = Step.retrying


@protocol.action(w=Worker, t=Task)
def succeed(w: Term, t: Term) -> None:
    """An attempt succeeds, and nothing but the acknowledgement is left to do."""
    require(attempting(w, t))
    take_effect(t)
    step.next[w, t] = Step.settled
    news.next[w, t] = News.first_success


design = Design(protocol, "no_task_is_lost", ("AUD-3",), "", {"Task": 1, "Worker": 1})
