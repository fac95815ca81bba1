"""A failed write to the store that is only logged as an error."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import ingest
from flk.formal.library.protocols.ingest import Answer, Key, Request, Stage, about, answer, shown, stage, store_up

protocol = ingest.protocol.variant(
    "ignored-store-error",
    """The outcome was computed, so the client gets it even if the store could not keep it: better available than exact. A
    different record under the same id, sent before the log is replayed or after, is then told another outcome.""",
)


@protocol.action(q=Request, k=Key)
def answer_unstored(q: Term, k: Term) -> None:
    """The store fails; answer with the outcome all the same."""
    require(stage[q] == Stage.verified, ~store_up, about[q, k])
    stage.next[q] = Stage.answered
    answer.next[q] = Answer.stored
    shown.next[q, q] = True


design = Design(protocol, "outcome_never_changes", ("ORD-4",), "6.2")
