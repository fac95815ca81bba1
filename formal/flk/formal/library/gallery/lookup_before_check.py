"""Looking a record up before its signature is checked."""

from flk.formal.language import Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import ingest
from flk.formal.library.protocols.ingest import (
    Answer,
    Key,
    Request,
    Stage,
    about,
    answer,
    readable,
    shown,
    stage,
    stored,
)

protocol = ingest.protocol.variant(
    "lookup-before-check",
    """A repeated record is answered from the store at once, which spares the cost of its signature. Whoever knows or guesses
    an id then learns the outcome without any key: a forged record is told what is stored.""",
)


@protocol.action(q=Request, k=Key)
def answer_repeat(q: Term, k: Term) -> None:
    """A record whose id is known is answered with the stored outcome, unchecked."""
    require(stage[q] == Stage.logged, readable[q], about[q, k], stored.defined(k))
    stage.next[q] = Stage.answered
    answer.next[q] = Answer.stored
    shown.next[q, stored[k]] = True


design = Design(protocol, "forgers_learn_nothing", ("ORD-3",))
