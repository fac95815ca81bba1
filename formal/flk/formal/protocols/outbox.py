"""The agent's outbox (OUT-1, OUT-2, OUT-5): at least once to the service, once in effect, and settled once, through crashes."""

from flk.formal.language import BOOL, Protocol, Term, exists, forall, implies, ite, require

protocol = Protocol(
    "outbox",
    """An agent makes each record durable before it sends it, and sends until the service has given a verdict. The network loses,
    repeats and delays requests and answers; the service claims each record once and answers copies from its store; it refuses
    some records for good and, under load, any for the moment. The agent logs how each ended, crashes, and resumes from its log.
    Once times are calm, nothing is lost any more and nobody crashes or is overloaded.""",
    ("OUT-1", "OUT-2", "OUT-5", "DUP-1", "DUP-2"),
)

Record = protocol.index("Record")
Entry = protocol.enum("Entry", "absent", "queued", "acknowledged", "dead")
Effect = protocol.enum("Effect", "none", "once", "once_despite_copies", "twice")
Answer = protocol.enum("Answer", "stored", "refused", "overloaded")

hopeless = protocol.map("hopeless", Record, to=BOOL, initially=False)
log = protocol.map("log", Record, to=Entry, initially=Entry.absent)
promised = protocol.relation("promised", Record)
held = protocol.relation("held", Record)
up = protocol.scalar("up", BOOL, initially=True)
request = protocol.relation("request", Record)
answer = protocol.relation("answer", Record, Answer)
effect = protocol.map("effect", Record, to=Effect, initially=Effect.none)
calm = protocol.scalar("calm", BOOL, initially=False)


@protocol.action(r=Record, b=protocol.sorts["Entry"])
def placeholder(r: Term, b: Term) -> None:
    """x"""
