"""A worker that remembers the error of an attempt which a later one made good."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import audit
from flk.formal.library.protocols.audit import Effect, Step, Task, Worker, effect, step

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
    effect.next[t] = Effect.once
    step.next[w, t] = Step.done


@protocol.action(w=Worker, t=Task)
def succeed_late(w: Term, t: Term) -> None:
    """A later attempt succeeds; the error of the one before is still there, and the worker turns to the next task."""
    require(step[w, t] == Step.retrying)
    effect.next[t] = Effect.once
    step.next[w, t] = Step.idle


design = Design(protocol, "lease_has_a_worker", ("AUD-4",), "15.2", {"Task": 1, "Worker": 1})
