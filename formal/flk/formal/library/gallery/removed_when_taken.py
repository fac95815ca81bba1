"""A queue that hands a task out and forgets it."""

from flk.formal.language import Term, forall, ite, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import audit
from flk.formal.library.protocols.audit import News, Place, Step, Task, Worker, news, place, processed, step

protocol = audit.protocol.variant(
    "removed-when-taken",
    """A queue in memory takes a task off its list when a worker asks for it, so that no two get the same. Should the worker die,
    or fail to acknowledge, there is nothing left to offer again.""",
)


@protocol.action(w=Worker, t=Task)
def take(w: Term, t: Term) -> None:
    """An idle worker takes a task, and the queue is done with it."""
    require(place[t] == Place.waiting, forall(Task, lambda u: step[w, u] == Step.idle))
    place.next[t] = Place.acknowledged
    step.next[w, t] = ite(processed[t], Step.settled, Step.trying)
    news.next[w, t] = ite(processed[t], News.marked, News.none)


protocol.may_not_happen("offer_again")  # there is nothing left to offer

design = Design(protocol, "no_task_is_lost", ("AUD-1",), "15.2", {"Task": 1, "Worker": 1})
