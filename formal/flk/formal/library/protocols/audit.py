"""The audit queue (AUD-*): tasks at least once, their effect once, and each settled by an acknowledgement or a dead letter."""

from flk.formal.language import BOOL, Protocol, Term, exists, forall, implies, ite, require

protocol = Protocol(
    "audit",
    """A queue leases tasks to workers, and offers a task again when its lease ends, whether its worker died or is only slow. A
    worker attempts the task's effect, again after a failure, until it succeeds or the attempts are used up; then it marks the task
    as processed, or writes a dead letter, and only then acknowledges it. The effect is keyed by the task, so that repeating it
    changes nothing; a task that is marked already is acknowledged without another attempt. Workers crash at any moment. Once times
    are calm they crash no more, and a lease outlasts its worker.""",
    ("AUD-1", "AUD-2", "AUD-3", "AUD-4", "AUD-5"),
)

Task = protocol.index("Task")
Worker = protocol.index("Worker")
Place = protocol.enum("Place", "nowhere", "waiting", "leased", "adrift", "acknowledged")
Effect = protocol.enum("Effect", "none", "once", "twice")
Step = protocol.enum("Step", "idle", "trying", "retrying", "done", "settled")

place = protocol.map("place", Task, to=Place, initially=Place.nowhere)  # in the queue; adrift: leased to a dead worker
effect = protocol.map("effect", Task, to=Effect, initially=Effect.none)
processed = protocol.relation("processed", Task)  # marked, durably
dead = protocol.relation("dead", Task)  # among the dead letters
step = protocol.map("step", Worker, Task, to=Step, initially=Step.idle)  # how far a worker is with a task
calm = protocol.scalar("calm", BOOL, initially=False)


def attempting(w: Term, t: Term) -> Term:
    """Whether the worker is at the task, for the first time or again."""
    return (step[w, t] == Step.trying) | (step[w, t] == Step.retrying)


@protocol.action(t=Task)
def enqueue(t: Term) -> None:
    """A task enters the queue, durably."""
    require(place[t] == Place.nowhere)
    place.next[t] = Place.waiting


@protocol.action(w=Worker, t=Task)
def take(w: Term, t: Term) -> None:
    """An idle worker leases a task. If that is marked as processed, only its acknowledgement was missing."""
    require(place[t] == Place.waiting, forall(Task, lambda u: step[w, u] == Step.idle))
    place.next[t] = Place.leased
    step.next[w, t] = ite(processed[t], Step.settled, Step.trying)


@protocol.action(w=Worker, t=Task)
def fail(w: Term, t: Term) -> None:
    """An attempt fails without an effect, and is not the last."""
    require(attempting(w, t))
    step.next[w, t] = Step.retrying


@protocol.action(w=Worker, t=Task)
def succeed(w: Term, t: Term) -> None:
    """An attempt succeeds, the first or a later one: the effect is there, and was perhaps there before."""
    require(attempting(w, t))
    effect.next[t] = Effect.once
    step.next[w, t] = Step.done


@protocol.action(w=Worker, t=Task)
def mark(w: Term, t: Term) -> None:
    """A worker whose attempt succeeded marks the task as processed."""
    require(step[w, t] == Step.done)
    processed.next[t] = True
    step.next[w, t] = Step.settled


@protocol.action(w=Worker, t=Task)
def bury(w: Term, t: Term) -> None:
    """The attempts are used up: the worker writes a dead letter."""
    require(step[w, t] == Step.retrying)
    dead.next[t] = True
    step.next[w, t] = Step.settled


@protocol.action(w=Worker, t=Task)
def acknowledge(w: Term, t: Term) -> None:
    """A worker acknowledges the task that it has settled, and is free for another."""
    require(step[w, t] == Step.settled)
    place.next[t] = Place.acknowledged
    step.next[w, t] = Step.idle


@protocol.action(t=Task)
def offer_again(t: Term) -> None:
    """A lease ends without an acknowledgement, and the task is offered again."""
    require((place[t] == Place.adrift) | ((place[t] == Place.leased) & ~calm))
    place.next[t] = Place.waiting


@protocol.action(w=Worker, t=Task)
def crash(w: Term, t: Term) -> None:
    """A worker dies at a task. The queue does not know."""
    require(step[w, t] != Step.idle, ~calm)
    place.next[t] = ite(place[t] == Place.leased, Place.adrift, place[t])
    step.next[w, t] = Step.idle


@protocol.action()
def grow_calm() -> None:
    """The bad times end. This need not happen, but an end of every task is promised only if it does."""
    require(~calm)
    calm.next = True


@protocol.always("AUD-1")
def no_task_is_lost() -> Term:
    """The queue lets go of a task only when it took effect or is a dead letter."""
    return forall(Task, lambda t: implies(place[t] == Place.acknowledged, (effect[t] != Effect.none) | dead[t]))


@protocol.always("AUD-2")
def effect_at_most_once() -> Term:
    """However often a task is attempted, it takes effect no more than once."""
    return forall(Task, lambda t: effect[t] != Effect.twice)


@protocol.always("AUD-3")
def marked_is_done() -> Term:
    """A task is marked as processed only after it took effect."""
    return forall(Task, lambda t: implies(processed[t], effect[t] != Effect.none))


@protocol.always("AUD-4")
def lease_has_a_worker() -> Term:
    """A leased task is in a living worker's hands: workers let go of a task by settling it, whichever attempt succeeded."""
    return forall(Task, lambda t: implies(place[t] == Place.leased, exists(Worker, lambda w: step[w, t] != Step.idle)))


@protocol.never("AUD-5")
def settled_for_nothing() -> Term:
    """A task is to be acknowledged that is neither marked nor a dead letter."""
    return exists(Worker, Task, lambda w, t: (step[w, t] == Step.settled) & ~processed[t] & ~dead[t])


@protocol.lemma()
def done_has_taken_effect() -> Term:
    """A worker that is done has seen the task take effect."""
    return forall(Worker, Task, lambda w, t: implies(step[w, t] == Step.done, effect[t] != Effect.none))


@protocol.reachable("AUD-2")
def done_while_another_tries() -> Term:
    """A slow worker has done a task, and another that came after it is still at it."""
    return exists(Worker, Worker, Task, lambda v, w, t: (step[v, t] == Step.done) & attempting(w, t))


@protocol.reachable("AUD-1")
def adrift() -> Term:
    """A worker died at a task, and its lease has yet to end."""
    return exists(Task, lambda t: place[t] == Place.adrift)


@protocol.reachable("AUD-2")
def done_but_not_marked() -> Term:
    """A task whose effect is there and whose mark is not is offered again."""
    return exists(Task, lambda t: (place[t] == Place.waiting) & (effect[t] == Effect.once) & ~processed[t])


@protocol.reachable("AUD-3")
def only_the_acknowledgement_is_missing() -> Term:
    """A task was marked and not acknowledged: whoever takes it next makes no further attempt."""
    return exists(Task, lambda t: calm & (place[t] == Place.waiting) & processed[t])


@protocol.reachable("AUD-5")
def dead_letter() -> Term:
    """A task without effect is a dead letter, and acknowledged."""
    return exists(Task, lambda t: (place[t] == Place.acknowledged) & dead[t] & (effect[t] == Effect.none))


@protocol.reachable("AUD-5")
def dead_and_done() -> Term:
    """A worker gave a task up that another had done: a dead letter says that nobody knew, not that nothing happened."""
    return exists(Task, lambda t: dead[t] & (effect[t] == Effect.once))


@protocol.leads_to("AUD-1", "AUD-5", fair=("take", "fail", "bury", "mark", "acknowledge", "offer_again"))
def everything_settles() -> tuple[Term, Term]:
    """In calm times every task is at last acknowledged, even if no attempt ever succeeds."""
    return calm, forall(Task, lambda t: (place[t] == Place.nowhere) | (place[t] == Place.acknowledged))
