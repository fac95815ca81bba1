"""Answering from memory, and logging later."""

from flk.formal.language import Protocol, Term, require
from flk.formal.library.design import Design
from flk.formal.library.protocols import ingest
from flk.formal.library.protocols.ingest import (
    Answer,
    Key,
    Node,
    Request,
    Stage,
    about,
    answer,
    genuine,
    node,
    readable,
    stage,
    stored,
)

protocol: Protocol = ingest.protocol.variant(
    "answer-before-durable",
    """The outcome depends on the record alone, so it can be computed and sent at once while the log catches up in the
    background; an fsync for each request is dear. A crash between the answer and the write loses a record that its agent
    has struck off.""",
)


@protocol.action(q=Request, k=Key)
def answer_at_once(q: Term, k: Term) -> None:
    """Check the record in memory and answer; it will be logged presently."""
    require(node == Node.serving, stage[q] == Stage.unsent, ~stored.defined(k))
    stage.next[q] = Stage.answered
    readable.next[q] = True
    genuine.next[q] = True
    about.next[q, k] = True
    answer.next[q] = Answer.stored


design = Design(protocol, "answered_is_logged", ("WAL-1",))
