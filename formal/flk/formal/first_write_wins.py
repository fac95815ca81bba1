"""The first write wins; and stores in which it does not."""

from dataclasses import dataclass, field, replace

from z3 import And, BoolRef, ExprRef, If, Or

from flk.formal.induction import mutant, obligations
from flk.formal.logic import Relation, exists
from flk.formal.protocols.store import (
    CLAIM,
    LOG,
    REPLY,
    REQUEST,
    Store,
    T,
    claim,
    clients_agree,
    entries_keep_their_tenant,
    entries_stay,
    first_logged_wins,
    free,
    grants_are_stored,
    key,
    other_content_conflicts,
    pcs_id,
    reply,
    system,
    unclaimed,
)
from flk.formal.runs import run
from flk.formal.theorem import Mutant, Theorem
from flk.formal.transitions import Action, Step, over

NAME = "first-write-wins"


def theorem() -> Theorem:
    """First write wins."""
    correct = system(Store, LOG, CLAIM, REPLY)
    return Theorem(
        name=NAME,
        requirements=("DUP-1", "DUP-2", "DUP-3", "DUP-4", "DUP-6"),
        statement=(
            "For any number of tenants, ids and concurrent requests: a key holds one entry, which never changes; every answer "
            "names the stored entry, so all clients of a record learn the same; no tenant meets an entry of another; other "
            "content under a stored id is a conflict; and where claims come in log order, the first logged of them wins."
        ),
        obligations=obligations(correct),
        witnesses=(run(correct, an_entry_is_shared, 6), run(correct, a_conflict_is_told, 5)),
        mutants=mutants(),
    )


def an_entry_is_shared(s: Store) -> BoolRef:
    """Two requests were answered with one entry."""
    return exists((REQUEST, REQUEST, REQUEST), lambda p, q, e: And(p != q, s.answered(p, e), s.answered(q, e)))


def a_conflict_is_told(s: Store) -> BoolRef:
    """A request met a conflict."""
    return exists((REQUEST, REQUEST), s.conflicted)


def mutants() -> tuple[Mutant, ...]:
    """Stores that let another write win, each with the obligations it fails and the harm that a run shows."""
    return (
        mutant(
            "get-then-set",
            "Lookup and insert are two steps. Two requests both find nothing, and the second insert replaces the first.",
            system(Racing, LOG, HIT, MISS, PUT, REPLY),
            breaks=((put, grants_are_stored), (put, entries_stay)),
            harms=clients_agree,
            steps=8,
        ),
        mutant(
            "last-write-wins",
            "Each claim stores its own entry over what was there.",
            system(Store, LOG, Action(overwrite, (REQUEST,)), REPLY),
            breaks=((overwrite, grants_are_stored), (overwrite, first_logged_wins), (overwrite, entries_stay)),
            harms=clients_agree,
            steps=6,
        ),
        mutant(
            "reply-own-outcome",
            "The insert ignores a key that is taken, and the request is answered with its own computation.",
            system(Store, LOG, Action(insert_or_ignore, (REQUEST,)), REPLY),
            breaks=((insert_or_ignore, grants_are_stored),),
            harms=clients_agree,
            steps=6,
        ),
        mutant(
            "key-without-tenant",
            "The key is the id alone, so two tenants with one id share an entry.",
            system(Store, LOG, CLAIM, REPLY, keyed_by=same_id),
            breaks=((reply, entries_keep_their_tenant),),
            harms=entries_keep_their_tenant,
            steps=5,
        ),
        mutant(
            "content-unseen",
            "A claim that meets an entry is taken for a retry, though its content is another.",
            system(Store, LOG, CLAIM, Action(reply_unseen, (REQUEST, REQUEST))),
            breaks=((reply_unseen, other_content_conflicts),),
            harms=other_content_conflicts,
            steps=5,
        ),
        mutant(
            "claims-overtake",
            "Claims need not come in log order: a later record takes the key before the first one claims.",
            system(Store, LOG, Action(claim_unwatched, (REQUEST, REQUEST)), REPLY),
            breaks=((claim_unwatched, first_logged_wins),),
            harms=first_logged_wins,
            steps=4,
        ),
    )


@dataclass(frozen=True)
class Racing(Store):
    """A store whose lookup and insert are two steps."""

    missed: Relation = field(metadata=over(REQUEST))  # the lookup found nothing


def hit(s: Racing, q: ExprRef, e: ExprRef) -> Step[Racing]:
    """The lookup finds an entry."""
    guard = And(unclaimed(s, q), s.stored(key(q), e))
    return Step(guard, replace(s, granted=lambda p, f: Or(s.granted(p, f), And(p == q, f == e))))


def miss(s: Racing, q: ExprRef) -> Step[Racing]:
    """The lookup finds nothing."""
    return Step(And(unclaimed(s, q), free(s, q)), replace(s, missed=lambda p: Or(s.missed(p), p == q)))


def put(s: Racing, q: ExprRef) -> Step[Racing]:
    """Store what the lookup did not find, though another may have stored it since."""
    ready, stored = overwrite(s, q)
    return Step(And(ready, s.missed(q)), stored)


def overwrite(s: T, q: ExprRef) -> Step[T]:
    """Store the request's own entry, whatever was there."""
    _, claimed = claim(s, q, q)
    return Step(unclaimed(s, q), replace(claimed, stored=lambda k, f: If(k == key(q), f == q, s.stored(k, f))))


def insert_or_ignore(s: T, q: ExprRef) -> Step[T]:
    """Insert where there is nothing, and go on with the request's own computation either way."""
    _, claimed = claim(s, q, q)
    return Step(
        unclaimed(s, q),
        replace(claimed, stored=lambda k, f: Or(s.stored(k, f), And(free(s, q), k == key(q), f == q))),
    )


def reply_unseen(s: T, q: ExprRef, e: ExprRef) -> Step[T]:
    """Answer with the outcome of the entry, whatever its content."""
    return Step(s.granted(q, e), replace(s, answered=lambda p, f: Or(s.answered(p, f), And(p == q, f == e))))


def same_id(p: ExprRef, q: ExprRef) -> BoolRef:
    """Take two requests for the same record if they bear one id, whoever their tenants are."""
    return pcs_id(p) == pcs_id(q)


def claim_unwatched(s: T, q: ExprRef, e: ExprRef) -> Step[T]:
    """Claim, and pass for orderly even if an earlier record was overtaken."""
    guard, claimed = claim(s, q, e)
    return Step(guard, replace(claimed, disordered=s.disordered))


HIT, MISS, PUT = Action(hit, (REQUEST, REQUEST)), Action(miss, (REQUEST,)), Action(put, (REQUEST,))
