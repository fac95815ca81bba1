"""The deduplication store of one region, with any number of tenants, ids and concurrent requests (DUP-*).

A request is logged, claims its key and is answered. Between two of its steps anything else may happen, and one that never
goes on stands for a request whose node crashed. An entry is named by the request that computed it.
"""

from dataclasses import dataclass, field, replace
from typing import TypeVar

from z3 import And, BoolRef, DeclareSort, ExprRef, Function, Implies, Not, Or

from flk.formal.logic import Relation, exists, forall, predicate, total_order
from flk.formal.transitions import Action, State, Step, System, over

REQUEST, KEY, TENANT, ID, CONTENT = map(DeclareSort, ("Request", "Key", "Tenant", "Id", "Content"))

tenant = Function("tenant", REQUEST, TENANT)
pcs_id = Function("pcs_id", REQUEST, ID)
key = Function("key", REQUEST, KEY)  # what the store files an entry of the request under
content = Function("content", REQUEST, CONTENT)
earlier = predicate("earlier", REQUEST, REQUEST)  # the order of the log

FACTS = (tenant, pcs_id, key, content, earlier)


@dataclass(frozen=True)
class Store(State):
    """The log, the store, what the nodes know and what the clients were told."""

    logged: Relation = field(metadata=over(REQUEST))
    stored: Relation = field(metadata=over(KEY, REQUEST))
    granted: Relation = field(metadata=over(REQUEST, REQUEST))  # the entry that a request's claim returned
    answered: Relation = field(metadata=over(REQUEST, REQUEST))  # 200 or 202, with the outcome of that entry
    conflicted: Relation = field(metadata=over(REQUEST, REQUEST))  # 409, with the digest of that entry
    disordered: Relation = field(metadata=over())  # some claim came before one that was logged earlier


T = TypeVar("T", bound=Store)


def same_record(p: ExprRef, q: ExprRef) -> BoolRef:
    """The two requests are for one id of one tenant (DUP-4)."""
    return And(tenant(p) == tenant(q), pcs_id(p) == pcs_id(q))


def unclaimed(s: Store, q: ExprRef) -> BoolRef:
    """The request is logged and has not claimed yet."""
    return And(s.logged(q), forall((REQUEST,), lambda e: Not(s.granted(q, e))))


def free(s: Store, q: ExprRef) -> BoolRef:
    """Nothing is stored under the request's key."""
    return forall((REQUEST,), lambda e: Not(s.stored(key(q), e)))


def overtakes(s: Store, q: ExprRef) -> BoolRef:
    """A request that was logged later has claimed already."""
    return exists((REQUEST, REQUEST), lambda p, e: And(s.granted(p, e), earlier(q, p)))


def log(s: T, q: ExprRef) -> Step[T]:
    """The next frame becomes durable."""
    guard = And(Not(s.logged(q)), forall((REQUEST,), lambda p: Implies(s.logged(p), earlier(p, q))))
    return Step(guard, replace(s, logged=lambda p: Or(s.logged(p), p == q)))


def claim(s: T, q: ExprRef, e: ExprRef) -> Step[T]:
    """Insert-or-get in one atomic step: `e` is the entry stored already, or the request's own where there is none (DUP-1)."""
    guard = And(unclaimed(s, q), Or(s.stored(key(q), e), And(free(s, q), e == q)))
    return Step(
        guard,
        replace(
            s,
            stored=lambda k, f: Or(s.stored(k, f), And(k == key(q), f == e)),
            granted=lambda p, f: Or(s.granted(p, f), And(p == q, f == e)),
            disordered=lambda: Or(s.disordered(), overtakes(s, q)),
        ),
    )


def reply(s: T, q: ExprRef, e: ExprRef) -> Step[T]:
    """Tell the client what its claim returned; another content under the same id is a conflict (DUP-2, DUP-3)."""
    same = content(q) == content(e)
    return Step(
        s.granted(q, e),
        replace(
            s,
            answered=lambda p, f: Or(s.answered(p, f), And(same, p == q, f == e)),
            conflicted=lambda p, f: Or(s.conflicted(p, f), And(Not(same), p == q, f == e)),
        ),
    )


def told(s: Store, q: ExprRef, e: ExprRef) -> BoolRef:
    """The client of a request learned of an entry."""
    return Or(s.answered(q, e), s.conflicted(q, e))


def one_entry_per_key(s: Store) -> BoolRef:
    """A key holds one entry (DUP-1)."""
    return forall((KEY, REQUEST, REQUEST), lambda k, e, f: Implies(And(s.stored(k, e), s.stored(k, f)), e == f))


def the_stored_entry_is_told(s: Store) -> BoolRef:
    """Every answer names the stored entry, never the request's own computation as such (DUP-2)."""
    return forall((REQUEST, REQUEST), lambda q, e: Implies(told(s, q, e), s.stored(key(q), e)))


def clients_agree(s: Store) -> BoolRef:
    """What clients can see of it: all who ask about one record learn of one entry (DUP-2)."""
    return forall(
        (REQUEST, REQUEST, REQUEST, REQUEST),
        lambda p, q, e, f: Implies(And(told(s, p, e), told(s, q, f), same_record(p, q)), e == f),
    )


def entries_keep_their_tenant(s: Store) -> BoolRef:
    """No client learns of an entry of another tenant or id (DUP-4)."""
    return forall((REQUEST, REQUEST), lambda q, e: Implies(told(s, q, e), same_record(q, e)))


def other_content_conflicts(s: Store) -> BoolRef:
    """An outcome answers the content it was computed from; any other content meets a conflict (DUP-3)."""
    return forall(
        (REQUEST, REQUEST),
        lambda q, e: And(
            Implies(s.answered(q, e), content(q) == content(e)),
            Implies(s.conflicted(q, e), content(q) != content(e)),
        ),
    )


def first_logged_wins(s: Store) -> BoolRef:
    """If claims came in log order, no request that claimed a key was logged before the entry stored there (DUP-6)."""
    ordered = forall(
        (REQUEST, REQUEST, REQUEST),
        lambda q, e, f: Implies(And(s.granted(q, f), s.stored(key(q), e)), Or(e == q, earlier(e, q))),
    )
    return Or(s.disordered(), ordered)


def entries_claimed_their_key(s: Store) -> BoolRef:
    """Lemma: an entry stands under the key of the request that computed it, and was granted to it."""
    return forall((KEY, REQUEST), lambda k, e: Implies(s.stored(k, e), And(key(e) == k, s.granted(e, e))))


def grants_are_stored(s: Store) -> BoolRef:
    """Lemma: what a claim returned is what is stored."""
    return forall((REQUEST, REQUEST), lambda q, e: Implies(s.granted(q, e), s.stored(key(q), e)))


def entries_stay(s: Store, after: Store) -> BoolRef:
    """What is stored stays stored; with one entry to a key, it never changes (DUP-1)."""
    return forall((KEY, REQUEST), lambda k, e: Implies(s.stored(k, e), after.stored(k, e)))


PROPERTIES = (
    one_entry_per_key,
    the_stored_entry_is_told,
    clients_agree,
    entries_keep_their_tenant,
    other_content_conflicts,
    first_logged_wins,
)
LEMMAS = (entries_claimed_their_key, grants_are_stored)
LOG, CLAIM, REPLY = Action(log, (REQUEST,)), Action(claim, (REQUEST, REQUEST)), Action(reply, (REQUEST, REQUEST))


def system(state: type[T], *actions: Action[T], keyed_by: Relation = same_record) -> System[T]:
    """A store with these actions, under keys that tell apart what `keyed_by` tells apart."""
    keyed = forall((REQUEST, REQUEST), lambda p, q: (key(p) == key(q)) == keyed_by(p, q))
    background = And(total_order(earlier, REQUEST), keyed)
    return System(state, FACTS, background, actions, PROPERTIES, LEMMAS, (entries_stay,))
