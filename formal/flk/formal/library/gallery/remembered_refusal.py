"""Remembering refusals, so that a repeated bad record is cheap."""

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
    genuine,
    readable,
    stage,
    stored,
)

protocol = ingest.protocol.variant(
    "remembered-refusal",
    """A refusal is an outcome too, so it is stored under the record's id and repeats are answered from there. Anyone can then
    send rubbish under an id that is not theirs, and the honest record that follows is refused for good.""",
)


@protocol.action(q=Request, k=Key)
def refuse_forged(q: Term, k: Term) -> None:
    """Refuse, and remember it under the id."""
    require(stage[q] == Stage.logged, readable[q], ~genuine[q], about[q, k], ~stored.defined(k))
    stage.next[q] = Stage.answered
    answer.next[q] = Answer.forged
    stored.next[k] = q


design = Design(protocol, "stored_is_valid", ("DUP-5", "ORD-3"))
