"""A lease that workers share: at most one holds it, and whoever waits may get it."""

from flk.formal import Protocol, Term, exists, forall, implies, require

protocol = Protocol("lease", "Workers share one lease.")
Worker = protocol.index("Worker", size=3)
holds = protocol.relation("holds", Worker)


@protocol.action(w=Worker)
def grant(w: Term) -> None:
    """The lease is given to a worker while nobody has it."""
    require(forall(Worker, lambda other: ~holds[other]))
    holds.next[w] = True


@protocol.action(w=Worker)
def release(w: Term) -> None:
    """The holder gives it back."""
    require(holds[w])
    holds.next[w] = False


@protocol.always()
def exclusive() -> Term:
    """At most one worker holds the lease."""
    return forall(Worker, Worker, lambda v, w: implies(holds[v] & holds[w], v == w))


@protocol.reachable()
def somebody_holds_it() -> Term:
    """So that the rule above does not hold for want of holders."""
    return exists(Worker, lambda w: holds[w])
