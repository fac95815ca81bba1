"""The order of work in a node (ORD-1, ORD-2, ORD-3, WAL-1, WAL-5, DUP-5), with any number of requests and keys, and with crashes.

A request is admitted, written to the log, and made durable with all that was written before it; then parsed, verified, claimed
and answered, or refused. A crash forgets what was not durable. Recovery needs no action of its own: a durable frame may be parsed
at any time, only its client is gone. An entry is named by the request that computed it.
"""

from dataclasses import dataclass, field, replace
from typing import TypeVar

from z3 import And, BoolRef, BoolVal, DeclareSort, ExprRef, Function, Implies, Not, Or

from flk.formal.logic import Relation, exists, forall, predicate
from flk.formal.transitions import Action, State, Step, System, empty, over

REQUEST, KEY = DeclareSort("Request"), DeclareSort("Key")

claimed_id = Function("claimed_id", REQUEST, KEY)  # the id it bears
true_id = Function("true_id", REQUEST, KEY)  # the id its content has
well_formed = predicate("well_formed", REQUEST)
authentic = predicate("authentic", REQUEST)  # its signature verifies

FACTS = (claimed_id, true_id, well_formed, authentic)


@dataclass(frozen=True)
class Node(State):
    """What the node knows, what its disk holds and what the clients were told."""

    admitted: Relation = field(metadata=over(REQUEST))  # a client waits for its answer
    written: Relation = field(metadata=over(REQUEST))
    durable: Relation = field(metadata=over(REQUEST))
    parsed: Relation = field(metadata=over(REQUEST))
    verified: Relation = field(metadata=over(REQUEST))
    stored: Relation = field(metadata=over(KEY, REQUEST))
    granted: Relation = field(metadata=over(REQUEST, REQUEST))  # the entry that a request's claim returned
    answered: Relation = field(metadata=over(REQUEST, REQUEST))  # with the outcome of that entry
    refused: Relation = field(metadata=over(REQUEST))  # 400 or 401


N = TypeVar("N", bound=Node)


def valid(q: ExprRef) -> BoolRef:
    """A record of the schema whose id is that of its content (ORD-2)."""
    return And(well_formed(q), claimed_id(q) == true_id(q))


def admit(s: N, q: ExprRef) -> Step[N]:
    """Take a request in."""
    return Step(Not(s.written(q)), replace(s, admitted=lambda p: Or(s.admitted(p), p == q)))


def write(s: N, q: ExprRef) -> Step[N]:
    """Append its frame to the log; a crash may still lose it."""
    return Step(And(s.admitted(q), Not(s.written(q))), replace(s, written=lambda p: Or(s.written(p), p == q)))


def sync(s: N) -> Step[N]:
    """Make all that was written durable, in one go."""
    return Step(exists((REQUEST,), lambda p: And(s.written(p), Not(s.durable(p)))), replace(s, durable=s.written))


def parse(s: N, q: ExprRef) -> Step[N]:
    """Read a durable frame, its id included (WAL-1, ORD-2)."""
    return Step(And(s.durable(q), valid(q)), replace(s, parsed=lambda p: Or(s.parsed(p), p == q)))


def verify(s: N, q: ExprRef) -> Step[N]:
    """Check the signature (ORD-3)."""
    return Step(And(s.parsed(q), authentic(q)), replace(s, verified=lambda p: Or(s.verified(p), p == q)))


def claim(s: N, q: ExprRef, e: ExprRef) -> Step[N]:
    """Insert-or-get: `e` is the entry stored already, or the request's own where there is none."""
    free = forall((REQUEST,), lambda f: Not(s.stored(claimed_id(q), f)))
    found = Or(s.stored(claimed_id(q), e), And(free, e == q))
    return Step(And(s.verified(q), found), grant(store(s, q, e), q, e))


def store(s: N, q: ExprRef, e: ExprRef) -> N:
    """The entry under the id that the request bears."""
    return replace(s, stored=lambda k, f: Or(s.stored(k, f), And(k == claimed_id(q), f == e)))


def grant(s: N, q: ExprRef, e: ExprRef) -> N:
    """The entry is what the request's claim returned."""
    return replace(s, granted=lambda p, f: Or(s.granted(p, f), And(p == q, f == e)))


def answer(s: N, q: ExprRef, e: ExprRef) -> Step[N]:
    """Tell the client, if it still waits, what the claim returned."""
    told = replace(s, answered=lambda p, f: Or(s.answered(p, f), And(p == q, f == e)))
    return Step(And(s.admitted(q), s.granted(q, e)), told)


def refuse(s: N, q: ExprRef) -> Step[N]:
    """Tell the client that its record is malformed (400) or not authentic (401). Nothing is stored (DUP-5)."""
    fault = Or(Not(valid(q)), And(s.parsed(q), Not(authentic(q))))
    guard = And(s.admitted(q), s.durable(q), fault)
    return Step(guard, replace(s, refused=lambda p: Or(s.refused(p), p == q)))


def crash(s: N) -> Step[N]:
    """Lose what is in memory and what of the log was not yet durable."""
    lost = replace(s, admitted=empty, parsed=empty, verified=empty, granted=empty, written=s.durable)
    return Step(exists((REQUEST,), s.written), lost)


def crash_and_forget(s: N, k: ExprRef, e: ExprRef) -> Step[N]:
    """Crash, and come back with a store that lacks an entry: one that was not yet durable there."""
    _, lost = crash(s)
    return Step(s.stored(k, e), replace(lost, stored=lambda j, f: And(s.stored(j, f), Not(And(j == k, f == e)))))


def is_sound(e: ExprRef) -> BoolRef:
    """What may be stored and answered: a valid record that is authentic."""
    return And(valid(e), authentic(e))


def entries_are_earned(s: Node) -> BoolRef:
    """An entry comes from a valid, authentic record whose frame is durable, and stands under that record's id (ORD-1)."""
    return forall(
        (KEY, REQUEST),
        lambda k, e: Implies(s.stored(k, e), And(s.durable(e), is_sound(e), true_id(e) == k)),
    )


def refusals_are_not_cached(s: Node) -> BoolRef:
    """A refused request leaves no entry (DUP-5)."""
    return forall((KEY, REQUEST), lambda k, q: Not(And(s.refused(q), s.stored(k, q))))


def only_the_verified_are_answered(s: Node) -> BoolRef:
    """No forged or malformed request learns of an outcome (ORD-3)."""
    return forall((REQUEST, REQUEST), lambda q, e: Implies(s.answered(q, e), is_sound(q)))


def no_forgery_stands_in(s: Node) -> BoolRef:
    """No honest request is answered with what a forged or malformed one left behind (DUP-5)."""
    return forall((REQUEST, REQUEST), lambda q, e: Implies(s.answered(q, e), is_sound(e)))


def answers_fit_the_record(s: Node) -> BoolRef:
    """The outcome is that of the id which the request's own content has (ORD-2)."""
    return forall((REQUEST, REQUEST), lambda q, e: Implies(s.answered(q, e), true_id(q) == true_id(e)))


def nothing_acknowledged_is_lost(s: Node) -> BoolRef:
    """What a client was answered about is in the log, before and after every crash (WAL-1)."""
    return forall((REQUEST, REQUEST), lambda q, e: Implies(s.answered(q, e), And(s.written(q), s.written(e))))


def the_durable_is_written(s: Node) -> BoolRef:
    """Lemma: the disk holds nothing that was not written."""
    return forall((REQUEST,), lambda q: Implies(s.durable(q), s.written(q)))


def the_parsed_is_durable(s: Node) -> BoolRef:
    """Lemma: the frame of what was parsed is durable."""
    return forall((REQUEST,), lambda q: Implies(s.parsed(q), s.durable(q)))


def the_parsed_is_valid(s: Node) -> BoolRef:
    """Lemma: what was parsed is a valid record."""
    return forall((REQUEST,), lambda q: Implies(s.parsed(q), valid(q)))


def the_verified_is_parsed(s: Node) -> BoolRef:
    """Lemma: what was verified was parsed, and is authentic."""
    return forall((REQUEST,), lambda q: Implies(s.verified(q), And(s.parsed(q), authentic(q))))


def the_granted_is_verified(s: Node) -> BoolRef:
    """Lemma: only a verified request has claimed, and it was granted what is stored under its id."""
    return forall(
        (REQUEST, REQUEST),
        lambda q, e: Implies(s.granted(q, e), And(s.verified(q), s.stored(claimed_id(q), e))),
    )


def the_answered_is_durable(s: Node) -> BoolRef:
    """Lemma: the frames behind an answer are durable."""
    return forall((REQUEST, REQUEST), lambda q, e: Implies(s.answered(q, e), And(s.durable(q), s.durable(e))))


def the_refused_is_unsound(s: Node) -> BoolRef:
    """Lemma: only what is malformed or forged is refused."""
    return forall((REQUEST,), lambda q: Implies(s.refused(q), Not(is_sound(q))))


PROPERTIES = (
    entries_are_earned,
    refusals_are_not_cached,
    only_the_verified_are_answered,
    no_forgery_stands_in,
    answers_fit_the_record,
    nothing_acknowledged_is_lost,
)
LEMMAS = (
    the_durable_is_written,
    the_parsed_is_durable,
    the_parsed_is_valid,
    the_verified_is_parsed,
    the_granted_is_verified,
    the_answered_is_durable,
    the_refused_is_unsound,
)

ADMIT, WRITE, SYNC = Action(admit, (REQUEST,)), Action(write, (REQUEST,)), Action(sync)
CRASH, FORGET = Action(crash), Action(crash_and_forget, (KEY, REQUEST))
PARSE, VERIFY, REFUSE = Action(parse, (REQUEST,)), Action(verify, (REQUEST,)), Action(refuse, (REQUEST,))
CLAIM, ANSWER = Action(claim, (REQUEST, REQUEST)), Action(answer, (REQUEST, REQUEST))


def system(*work: Action[Node]) -> System[Node]:
    """A node that admits, logs and crashes, and otherwise does this work."""
    actions = (ADMIT, WRITE, SYNC, CRASH, FORGET, *work)
    return System(Node, FACTS, BoolVal(val=True), actions, PROPERTIES, LEMMAS)
