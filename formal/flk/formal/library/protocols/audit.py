"""The audit queue (AUD-*): tasks at least once, their effect once, and each settled by an acknowledgement or a dead letter."""

from flk.formal.language import BOOL, Protocol, Term, exists, forall, implies, ite, require

protocol = Protocol(
    "audit",
    """A queue leases tasks to workers, and offers a task again when its lease ends, whether its worker died or is only slow. A
    worker attempts the task's effect, again after a failure, until it succeeds or the attempts are used up; then it marks the task
    as processed, or writes a dead letter, and only then acknowledges it. The effect is keyed by the task: where the key is there
    already, a success adds nothing. The lease says whether the task is marked, and such a task is acknowledged without another
    attempt. Workers crash at any moment; once times are calm they crash no more.""",
    ("AUD-1", "AUD-2", "AUD-3", "AUD-4", "AUD-5"),
)

Task = protocol.index("Task")
Worker = protocol.index("Worker")
Place = protocol.enum("Place", "nowhere", "waiting", "leased", "acknowledged")
Effect = protocol.enum("Effect", "none", "once", "twice")
Step = protocol.enum("Step", "idle", "trying", "retrying", "done", "settled")
News = protocol.enum("News", "none", "marked", "failed", "first_success", "late_success")

place = protocol.map("place", Task, to=Place, initially=Place.nowhere)  # in the queue
keyed = protocol.relation("keyed", Task)  # where effects are, the task's key is known
effect = protocol.map("effect", Task, to=Effect, initially=Effect.none)
processed = protocol.relation("processed", Task)  # marked, durably
dead = protocol.relation("dead", Task)  # among the dead letters
step = protocol.map("step", Worker, Task, to=Step, initially=Step.idle)  # how far a worker is with a task
calm = protocol.scalar("calm", BOOL, initially=False)

# What happened, for the properties: no guard reads it.
news = protocol.map("news", Worker, Task, to=News, initially=News.none)  # the last that a worker learned of its task
released = protocol.relation("released", Task)  # acknowledged at some time


def attempting(w: Term, t: Term) -> Term:
    """Whether the worker is at the task, for the first time or again."""
    return (step[w, t] == Step.trying) | (step[w, t] == Step.retrying)


def succeeded(w: Term, t: Term) -> Term:
    """Whether the worker's last attempt succeeded."""
    return (news[w, t] == News.first_success) | (news[w, t] == News.late_success)


def take_effect(t: Term) -> None:
    """There is an effect from now on, unless its key is there already."""
    effect.next[t] = ite(keyed[t], effect[t], ite(effect[t] == Effect.none, Effect.once, Effect.twice))
    keyed.next[t] = True


def abandoned(t: Term) -> Term:
    """Whether no worker is at the task."""
    return forall(Worker, lambda w: step[w, t] == Step.idle)


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
    news.next[w, t] = ite(processed[t], News.marked, News.none)


@protocol.action(w=Worker, t=Task)
def fail(w: Term, t: Term) -> None:
    """An attempt fails without an effect, and is not the last."""
    require(attempting(w, t))
    step.next[w, t] = Step.retrying
    news.next[w, t] = News.failed


@protocol.action(w=Worker, t=Task)
def succeed(w: Term, t: Term) -> None:
    """An attempt succeeds, the first or a later one; an effect that is there already stays as it is."""
    require(attempting(w, t))
    take_effect(t)
    step.next[w, t] = Step.done
    news.next[w, t] = ite(step[w, t] == Step.trying, News.first_success, News.late_success)


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
    released.next[t] = True
    step.next[w, t] = Step.idle
    news.next[w, t] = News.none


@protocol.action(t=Task)
def offer_again(t: Term) -> None:
    """A lease ends without an acknowledgement, and the task is offered again."""
    require(place[t] == Place.leased)
    place.next[t] = Place.waiting


@protocol.action(w=Worker, t=Task)
def crash(w: Term, t: Term) -> None:
    """A worker dies at a task. The queue does not know."""
    require(step[w, t] != Step.idle, ~calm)
    step.next[w, t] = Step.idle
    news.next[w, t] = News.none


@protocol.action()
def grow_calm() -> None:
    """The bad times end. This need not happen, but an end of every task is promised only if it does."""
    require(~calm)
    calm.next = True


@protocol.may_stop()
def all_is_settled() -> Term:
    """Times are calm, no worker has a task in hand, and every task is acknowledged: marked as processed, or a dead letter."""
    settled = forall(Task, lambda t: (place[t] == Place.acknowledged) & (processed[t] | dead[t]))
    return calm & settled & forall(Worker, Task, lambda w, t: step[w, t] == Step.idle)


@protocol.always("AUD-1")
def no_task_is_lost() -> Term:
    """The queue lets go of a task only when it took effect or is a dead letter."""
    return forall(Task, lambda t: implies(place[t] == Place.acknowledged, (effect[t] != Effect.none) | dead[t]))


@protocol.always("AUD-1")
def acknowledged_is_over() -> Term:
    """A task that was acknowledged is not offered again."""
    return forall(Task, lambda t: released[t] == (place[t] == Place.acknowledged))


@protocol.always("AUD-1")
def only_tasks_of_the_queue() -> Term:
    """Workers attempt, mark and bury only what was queued."""
    return forall(
        Task,
        lambda t: implies(
            (place[t] == Place.nowhere), abandoned(t) & (effect[t] == Effect.none) & ~processed[t] & ~dead[t]
        ),
    )


@protocol.always("AUD-2")
def effect_at_most_once() -> Term:
    """However often a task is attempted, it takes effect no more than once."""
    return forall(Task, lambda t: effect[t] != Effect.twice)


@protocol.always("AUD-3")
def marked_is_done() -> Term:
    """A task is marked as processed only after it took effect."""
    return forall(Task, lambda t: implies(processed[t], effect[t] != Effect.none))


@protocol.always("AUD-3")
def marked_is_not_attempted() -> Term:
    """A worker whose lease says that the task is marked has nothing to do but to acknowledge it."""
    return forall(
        Worker, Task, lambda w, t: implies(news[w, t] == News.marked, (step[w, t] == Step.settled) & processed[t])
    )


@protocol.always("AUD-4")
def success_is_marked() -> Term:
    """A worker whose attempt succeeded, whichever it was, is about to mark the task or has marked it."""
    return forall(
        Worker,
        Task,
        lambda w, t: implies(
            succeeded(w, t), (step[w, t] == Step.done) | ((step[w, t] == Step.settled) & processed[t])
        ),
    )


@protocol.always("AUD-4")
def no_attempt_after_a_success() -> Term:
    """A worker that may attempt its task has not succeeded at it, nor learned that it is marked."""
    return forall(
        Worker,
        Task,
        lambda w, t: implies(
            protocol.enabled("succeed", w=w, t=t) | protocol.enabled("fail", w=w, t=t),
            (news[w, t] == News.none) | (news[w, t] == News.failed),
        ),
    )


@protocol.always("AUD-5")
def failure_is_pursued() -> Term:
    """A worker whose attempt failed tries again or has written a dead letter."""
    return forall(
        Worker,
        Task,
        lambda w, t: implies(
            news[w, t] == News.failed, (step[w, t] == Step.retrying) | ((step[w, t] == Step.settled) & dead[t])
        ),
    )


@protocol.never("AUD-4", "AUD-5")
def settled_for_nothing() -> Term:
    """A worker is past its attempts without a success, a failure or a mark: it gives up untried, or counts as done what is not."""
    return exists(
        Worker,
        Task,
        lambda w, t: (news[w, t] == News.none) & (step[w, t] != Step.idle) & (step[w, t] != Step.trying),
    )


@protocol.always()
def one_task_at_a_time() -> Term:
    """A worker is at one task."""
    return forall(
        Worker,
        Task,
        Task,
        lambda w, t, u: implies((step[w, t] != Step.idle) & (step[w, u] != Step.idle), t == u),
    )


@protocol.always("AUD-1")
def workers_die_at_any_moment() -> Term:
    """In bad times a worker may die whatever it is at; in calm times none does."""
    return forall(Worker, Task, lambda w, t: protocol.enabled("crash", w=w, t=t) == (~calm & (step[w, t] != Step.idle)))


@protocol.always()
def bad_times_may_end() -> Term:
    """At any moment, whatever workers are at; they end once."""
    return protocol.enabled("grow_calm") == ~calm


@protocol.lemma()
def keyed_is_done() -> Term:
    """A key is there exactly if its effect is."""
    return forall(Task, lambda t: keyed[t] == (effect[t] != Effect.none))


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
    """A worker died at its first attempt, and its lease has yet to end."""
    return exists(Task, lambda t: (place[t] == Place.leased) & abandoned(t) & (effect[t] == Effect.none) & ~dead[t])


@protocol.reachable("AUD-2")
def done_but_not_marked() -> Term:
    """A worker died between the effect and its mark, and the task is offered again."""
    return exists(
        Task,
        lambda t: (place[t] == Place.waiting) & abandoned(t) & (effect[t] == Effect.once) & ~processed[t] & ~dead[t],
    )


@protocol.reachable("AUD-3")
def only_the_acknowledgement_is_missing() -> Term:
    """A worker died between the mark and the acknowledgement: whoever takes the task next makes no further attempt."""
    return exists(Task, lambda t: calm & (place[t] == Place.waiting) & abandoned(t) & processed[t] & ~dead[t])


@protocol.reachable("AUD-3")
def acknowledged_by_another() -> Term:
    """A worker learns from its lease that the task is marked."""
    return exists(Worker, Task, lambda w, t: news[w, t] == News.marked)


@protocol.reachable("AUD-4")
def first_success() -> Term:
    """The first attempt succeeded, and the task is marked."""
    return exists(Worker, Task, lambda w, t: (news[w, t] == News.first_success) & (step[w, t] == Step.settled))


@protocol.reachable("AUD-4")
def late_success() -> Term:
    """A later attempt succeeded, and the task is marked."""
    return exists(Worker, Task, lambda w, t: (news[w, t] == News.late_success) & (step[w, t] == Step.settled))


@protocol.reachable("AUD-5")
def dead_letter() -> Term:
    """A task without effect is a dead letter, and acknowledged."""
    return exists(Task, lambda t: (place[t] == Place.acknowledged) & dead[t] & (effect[t] == Effect.none))


@protocol.reachable("AUD-5")
def buried_but_not_acknowledged() -> Term:
    """A worker died between the dead letter and the acknowledgement, and the task is offered again."""
    return exists(Task, lambda t: (place[t] == Place.waiting) & abandoned(t) & dead[t] & (effect[t] == Effect.none))


@protocol.reachable("AUD-5")
def dead_and_done() -> Term:
    """A worker gave a task up that another had done: a dead letter says that nobody knew, not that nothing happened."""
    return exists(Task, lambda t: dead[t] & (effect[t] == Effect.once))


@protocol.leads_to("AUD-1", fair=("enqueue", "take"))
def new_tasks_are_taken() -> tuple[Term, Term]:
    """In calm times a worker takes a task from an empty queue that is filled, though no lease ever ends."""
    return calm & forall(Task, lambda t: place[t] == Place.nowhere), ~forall(Task, abandoned)


@protocol.leads_to("AUD-1", "AUD-5", fair=("take", "fail", "bury", "mark", "acknowledge", "offer_again"))
def everything_settles() -> tuple[Term, Term]:
    """In calm times every task is at last acknowledged, even if no attempt ever succeeds."""
    return calm, forall(Task, lambda t: (place[t] == Place.nowhere) | (place[t] == Place.acknowledged))
