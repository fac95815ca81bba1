"""A worker that remembers the error of an attempt which a later one made good."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import audit
from flk.formal.library.protocols.audit import News, Step, Task, Worker, news, step, take_effect

protocol = audit.protocol.variant(
    "unacknowledged-retry",
    """The worker tries up to four times and looks at the last error when it is done. An error is set when an attempt fails and not
    cleared when the next succeeds, so a task that was done at the second attempt is taken for failed: neither marked nor
    acknowledged nor buried. The queue offers it again, and the work is done over and over.""",
)


@protocol.action(w=Worker, t=Task)
def succeed(w: Term, t: Term) -> None:
    """The first attempt succeeds."""
    require(step[w, t] == Step.trying)
    take_effect(t)
    step.next[w, t] = Step.done
    news.next[w, t] = News.first_success


@protocol.action(w=Worker, t=Task)
def succeed_late(w: Term, t: Term) -> None:
    """A later attempt succeeds; the error of the one before is still there, and the worker turns to the next task."""
    require(step[w, t] == Step.retrying)
    take_effect(t)
    step.next[w, t] = Step.idle
    news.next[w, t] = News.late_success


design = Design(protocol, "success_is_marked", ("AUD-4",), "15.2", {"Task": 1, "Worker": 1})
