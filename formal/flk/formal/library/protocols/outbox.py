"""The agent's outbox (OUT-1, OUT-2, OUT-5): at least once to the service, once in effect, and settled once, through crashes."""

from flk.formal.language import ANY, BOOL, Protocol, Term, exists, forall, implies, ite, require

protocol = Protocol(
    "outbox",
    """An agent makes each record durable before it sends it, and sends until the service has given a verdict. The network loses,
    repeats and delays requests and answers. The service stores a record under its key and lets it take effect, unless the key is
    there already; some records it refuses for good, and any for the moment when it is overloaded. The agent logs how each ended,
    crashes, and resumes from its log. Once times are calm nobody crashes, and nothing more is lost.""",
    ("OUT-1", "OUT-2", "OUT-5", "DUP-1", "DUP-2"),
)

Record = protocol.index("Record")
Entry = protocol.enum("Entry", "absent", "queued", "acknowledged", "dead")
Effect = protocol.enum("Effect", "none", "once", "once_despite_copies", "twice")
Answer = protocol.enum("Answer", "stored", "refused", "overloaded")

hopeless = protocol.relation("hopeless", Record, initially=ANY)  # a fact: no repetition makes the service take it
promised = protocol.relation("promised", Record)  # the agent's user was told that it will be delivered
log = protocol.map("log", Record, to=Entry, initially=Entry.absent)  # what the outbox says of it, durably
held = protocol.relation("held", Record)  # pending, as the agent's memory has it
up = protocol.scalar("up", BOOL, initially=True)
request = protocol.relation("request", Record)  # a copy is under way
answer = protocol.relation("answer", Record, Answer)  # and back
stored = protocol.relation("stored", Record)  # at the service, by its key
effect = protocol.map("effect", Record, to=Effect, initially=Effect.none)
calm = protocol.scalar("calm", BOOL, initially=False)

# What happened, for the properties: no guard reads it.
settled = protocol.relation("settled", Record)  # acknowledged or a dead letter at some time
cut_off = protocol.relation("cut_off", Record)  # held when the agent died


@protocol.action(r=Record)
def queue(r: Term) -> None:
    """The agent logs a new record durably, and only then promises to deliver it."""
    require(up, log[r] == Entry.absent)
    log.next[r] = Entry.queued
    held.next[r] = True
    promised.next[r] = True


@protocol.action(r=Record)
def send(r: Term) -> None:
    """The agent sends a pending record, for the first time or again; a delayed copy may still be under way."""
    require(held[r])
    request.next[r] = True


@protocol.action(r=Record)
def claim(r: Term) -> None:
    """The service stores a record, if its key is new, and says that it is stored. A copy changes nothing and gets the same answer.

    The request stays in the network, which may deliver it again.
    """
    require(request[r], ~hopeless[r])
    stored.next[r] = True
    effect.next[r] = ite(
        stored[r], Effect.once_despite_copies, ite(effect[r] == Effect.none, Effect.once, Effect.twice)
    )
    answer.next[r, Answer.stored] = True


@protocol.action(r=Record)
def refuse(r: Term) -> None:
    """The service refuses a record for good (400, 401, 409, 413) and stores nothing."""
    require(request[r], hopeless[r])
    answer.next[r, Answer.refused] = True


@protocol.action(r=Record)
def turn_away(r: Term) -> None:
    """An overloaded service (429, 5xx) says nothing about the record, so nobody waits for this answer."""
    require(request[r])
    answer.next[r, Answer.overloaded] = True


@protocol.action(r=Record)
def acknowledge(r: Term) -> None:
    """The agent hears that a pending record is stored, and logs that."""
    require(held[r], answer[r, Answer.stored])
    log.next[r] = Entry.acknowledged
    held.next[r] = False
    settled.next[r] = True


@protocol.action(r=Record)
def bury(r: Term) -> None:
    """The agent hears that a pending record is refused for good, and logs a dead letter."""
    require(held[r], answer[r, Answer.refused])
    log.next[r] = Entry.dead
    held.next[r] = False
    settled.next[r] = True


@protocol.action(r=Record)
def lose_request(r: Term) -> None:
    """The network loses all copies of a request."""
    require(request[r], ~calm)
    request.next[r] = False


@protocol.action(r=Record, a=Answer)
def lose_answer(r: Term, a: Term) -> None:
    """The network loses all copies of an answer."""
    require(answer[r, a], ~calm)
    answer.next[r, a] = False


@protocol.action()
def crash() -> None:
    """The agent dies, and what it held in memory with it."""
    require(up, ~calm)
    up.next = False
    held.next[:] = False
    cut_off.next[:] = lambda r: held[r]


@protocol.action()
def restart() -> None:
    """The agent comes back and holds what its log says is queued."""
    require(~up)
    up.next = True
    cut_off.next[:] = False
    held.next[:] = lambda r: log[r] == Entry.queued


@protocol.action()
def grow_calm() -> None:
    """The bad times end. This need not happen, but delivery is promised only if it does."""
    require(~calm)
    calm.next = True


@protocol.may_stop()
def all_is_delivered() -> Term:
    """Times are calm, and every record is stored and acknowledged, or a dead letter that no repetition could deliver."""
    stored = forall(Record, lambda r: implies(log[r] == Entry.acknowledged, effect[r] != Effect.none))
    buried = forall(Record, lambda r: implies(log[r] == Entry.dead, hopeless[r]))
    settled = forall(Record, lambda r: (log[r] == Entry.acknowledged) | (log[r] == Entry.dead))
    return calm & up & settled & stored & buried


@protocol.always("OUT-2")
def no_promise_is_lost() -> Term:
    """A record that the agent took is pending, acknowledged or a dead letter for ever after."""
    return forall(Record, lambda r: implies(promised[r], held[r] | (log[r] != Entry.absent)))


@protocol.always("OUT-2")
def promised_at_once() -> Term:
    """The user of an agent that has logged a record was told so, before anything is sent."""
    return forall(Record, lambda r: implies(log[r] != Entry.absent, promised[r]))


@protocol.always()
def only_requests_are_served() -> Term:
    """The service answers only what is under way; the network loses only that, and nothing in calm times."""
    return forall(
        Record,
        lambda r: (
            implies(
                protocol.enabled("claim", r=r) | protocol.enabled("refuse", r=r) | protocol.enabled("turn_away", r=r),
                request[r],
            )
            & implies(protocol.enabled("lose_request", r=r), request[r] & ~calm)
            & forall(Answer, lambda a: implies(protocol.enabled("lose_answer", r=r, a=a), answer[r, a] & ~calm))
        ),
    )


@protocol.always()
def bad_times_may_end() -> Term:
    """At any moment, whether the agent is up or down; they end once."""
    return protocol.enabled("grow_calm") == ~calm


@protocol.always("OUT-2")
def only_the_pending_is_sent() -> Term:
    """What the agent sends waits in its log: a settled record is not sent again."""
    return forall(Record, lambda r: implies(protocol.enabled("send", r=r), log[r] == Entry.queued))


@protocol.always("OUT-2")
def what_ended_has_ended() -> Term:
    """A record that was acknowledged or buried stays so, restarts included."""
    return forall(Record, lambda r: settled[r] == ((log[r] == Entry.acknowledged) | (log[r] == Entry.dead)))


@protocol.always("OUT-1")
def durable_before_sent() -> Term:
    """What is under way, has an answer or took effect is in the log."""
    return forall(
        Record,
        lambda r: implies(
            request[r] | (effect[r] != Effect.none) | exists(Answer, lambda a: answer[r, a]), log[r] != Entry.absent
        ),
    )


@protocol.always("OUT-2")
def death_changes_nothing() -> Term:
    """What the agent pursued when it died is what its log says is queued when it comes back."""
    return forall(Record, lambda r: cut_off[r] == (~up & (log[r] == Entry.queued)))


@protocol.always("DUP-1", "OUT-2")
def effect_at_most_once() -> Term:
    """However often a record is sent, it takes effect at the service no more than once."""
    return forall(Record, lambda r: effect[r] != Effect.twice)


@protocol.always("OUT-2", "DUP-2")
def acknowledged_is_stored() -> Term:
    """What the agent counts as delivered, the service has stored."""
    return forall(Record, lambda r: implies(log[r] == Entry.acknowledged, stored[r]))


@protocol.always("OUT-5")
def dead_is_refused_for_good() -> Term:
    """Only what no repetition could deliver becomes a dead letter."""
    return forall(Record, lambda r: implies(log[r] == Entry.dead, hopeless[r]))


@protocol.always("OUT-2", "OUT-5")
def pending_is_queued() -> Term:
    """A running agent pursues exactly what its log says is queued: no settled record is sent again, and none is forgotten."""
    return forall(Record, lambda r: implies(up, held[r] == (log[r] == Entry.queued)))


@protocol.never("DUP-5")
def refused_and_stored() -> Term:
    """A refused record has no effect."""
    return exists(Record, lambda r: hopeless[r] & (effect[r] != Effect.none))


@protocol.lemma()
def stored_is_done() -> Term:
    """A key is there exactly if its effect is."""
    return forall(Record, lambda r: stored[r] == (effect[r] != Effect.none))


@protocol.lemma()
def memory_needs_power() -> Term:
    """An agent that is down holds nothing."""
    return forall(Record, lambda r: implies(held[r], up))


@protocol.lemma()
def stored_answers_are_true() -> Term:
    """The service says that a record is stored only if it is."""
    return forall(Record, lambda r: implies(answer[r, Answer.stored], stored[r]))


@protocol.lemma()
def refusals_are_true() -> Term:
    """The service refuses for good only what is hopeless."""
    return forall(Record, lambda r: implies(answer[r, Answer.refused], hopeless[r]))


@protocol.reachable("DUP-1")
def delivered_at_once() -> Term:
    """A record is stored, and no copy of it has come."""
    return exists(Record, lambda r: (effect[r] == Effect.once) & (log[r] == Entry.acknowledged))


@protocol.reachable("DUP-2")
def copy_absorbed() -> Term:
    """A copy of a stored record reaches the service, and changes nothing."""
    return exists(Record, lambda r: (effect[r] == Effect.once_despite_copies) & (log[r] == Entry.acknowledged))


@protocol.reachable("OUT-2")
def pending_after_effect() -> Term:
    """The agent still pursues a record that the service has long stored: it does not know."""
    return exists(
        Record, lambda r: held[r] & ~request[r] & ~answer[r, Answer.stored] & (effect[r] == Effect.once_despite_copies)
    )


@protocol.reachable("OUT-5")
def dead_letter() -> Term:
    """A record becomes a dead letter, though a moment's overload was no reason to, not even in calm times."""
    return calm & exists(Record, lambda r: (log[r] == Entry.dead) & answer[r, Answer.overloaded])


@protocol.reachable("OUT-2")
def settled_while_a_copy_travels() -> Term:
    """A record is settled, and a delayed copy of it has yet to arrive."""
    return calm & exists(Record, lambda r: (log[r] == Entry.acknowledged) & request[r])


@protocol.reachable("OUT-2")
def down_with_work() -> Term:
    """The agent is down, and a record that it promised to deliver waits in its log."""
    return ~up & exists(Record, lambda r: promised[r] & (log[r] == Entry.queued))


@protocol.leads_to("OUT-2", fair=("send", "claim", "refuse", "acknowledge", "bury", "restart"))
def everything_settles() -> tuple[Term, Term]:
    """In calm times every queued record is at last acknowledged or a dead letter."""
    return calm, forall(Record, lambda r: log[r] != Entry.queued)
