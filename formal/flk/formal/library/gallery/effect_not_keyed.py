"""An effect that is added rather than set."""

from flk.formal.language import Term, ite, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import audit
from flk.formal.library.protocols.audit import Effect, News, Step, Task, Worker, attempting, effect, news, step

protocol = audit.protocol.variant(
    "effect-not-keyed",
    """The mark says whether a task was done, so the effect need not know of tasks: it appends a line, or sends a message. A lease
    ends while its worker is only slow, or dies before the mark, and a second worker does the same again.""",
)


@protocol.action(w=Worker, t=Task)
def succeed(w: Term, t: Term) -> None:
    """An attempt succeeds, and what it does is added to what was done before."""
    require(attempting(w, t))
    effect.next[t] = ite(effect[t] == Effect.none, Effect.once, Effect.twice)
    step.next[w, t] = Step.done
    news.next[w, t] = ite(step[w, t] == Step.trying, News.first_success, News.late_success)


design = Design(protocol, "effect_at_most_once", ("AUD-2",), "", {"Task": 1, "Worker": 1})
