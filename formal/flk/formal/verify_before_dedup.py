"""A record is logged, then verified, and only then looked up; and nodes that take another order."""

from dataclasses import replace

from z3 import And, BoolRef, ExprRef, Not, Or

from flk.formal.induction import mutant, obligations
from flk.formal.logic import exists
from flk.formal.protocols.node import (
    ANSWER,
    CLAIM,
    PARSE,
    REFUSE,
    REQUEST,
    VERIFY,
    Node,
    answers_fit_the_record,
    authentic,
    claim,
    claimed_id,
    entries_are_earned,
    grant,
    no_forgery_stands_in,
    nothing_acknowledged_is_lost,
    only_the_verified_are_answered,
    refusals_are_not_cached,
    refuse,
    store,
    system,
    the_granted_is_verified,
    the_parsed_is_durable,
    the_parsed_is_valid,
    valid,
    well_formed,
)
from flk.formal.runs import run
from flk.formal.theorem import Mutant, Theorem
from flk.formal.transitions import Action, Step

NAME = "verify-before-dedup"


def theorem() -> Theorem:
    """Verify before dedup."""
    correct = system(PARSE, VERIFY, CLAIM, ANSWER, REFUSE)
    return Theorem(
        name=NAME,
        requirements=("ORD-1", "ORD-2", "ORD-3", "WAL-1", "DUP-5"),
        statement=(
            "For any number of requests and ids, with crashes, recovery and a store that may forget: every entry comes from a "
            "record whose frame was durable, whose id is that of its content and whose signature verified; a refusal leaves no "
            "entry; no forged or malformed request learns of an outcome, and none decides that of an honest one; the frames "
            "behind every answer stay in the log."
        ),
        obligations=obligations(correct),
        witnesses=(
            run(correct, an_answer_outlives_a_crash, 8),
            run(correct, recovery_claims, 7),
            run(correct, a_forgery_is_refused, 5),
        ),
        mutants=mutants(),
    )


def an_answer_outlives_a_crash(s: Node) -> BoolRef:
    """A client was answered by a node that crashed since."""
    return exists((REQUEST, REQUEST), lambda q, e: And(s.answered(q, e), Not(s.admitted(q))))


def recovery_claims(s: Node) -> BoolRef:
    """A request whose client a crash cut off has claimed from its frame."""
    return exists((REQUEST,), lambda q: And(s.granted(q, q), Not(s.admitted(q))))


def a_forgery_is_refused(s: Node) -> BoolRef:
    """A valid record was refused because its signature is not."""
    return exists((REQUEST,), lambda q: And(s.refused(q), valid(q), Not(authentic(q))))


def mutants() -> tuple[Mutant, ...]:
    """Nodes that take another order, each with the obligations it fails and the harm that a run shows."""
    return (
        mutant(
            "lookup-before-verification",
            "The store is asked before the signature is checked: a forged copy of a known record gets its outcome.",
            system(PARSE, VERIFY, CLAIM, ANSWER, REFUSE, Action(look_up, (REQUEST, REQUEST))),
            breaks=((look_up, the_granted_is_verified),),
            harms=only_the_verified_are_answered,
            steps=11,
        ),
        mutant(
            "cached-refusal",
            "A refusal is stored like an outcome: whoever sends a bad copy first decides what the honest sender is told.",
            system(PARSE, VERIFY, CLAIM, ANSWER, Action(refuse_for_good, (REQUEST,))),
            breaks=((refuse_for_good, entries_are_earned), (refuse_for_good, refusals_are_not_cached)),
            harms=no_forgery_stands_in,
            steps=10,
        ),
        mutant(
            "parse-before-durable",
            "Work starts on a frame that is not yet durable: a crash loses a record that was acknowledged.",
            system(Action(parse_early, (REQUEST,)), VERIFY, CLAIM, ANSWER, REFUSE),
            breaks=((parse_early, the_parsed_is_durable),),
            harms=nothing_acknowledged_is_lost,
            steps=7,
        ),
        mutant(
            "id-checked-after-lookup",
            "The id is compared with the content only before an insert: a record that bears another's id gets the other's outcome.",
            system(
                Action(parse_loosely, (REQUEST,)), VERIFY, Action(claim_by_word, (REQUEST, REQUEST)), ANSWER, REFUSE
            ),
            breaks=((parse_loosely, the_parsed_is_valid),),
            harms=answers_fit_the_record,
            steps=12,
        ),
    )


def look_up(s: Node, q: ExprRef, e: ExprRef) -> Step[Node]:
    """Serve a parsed request from the store."""
    return Step(And(s.parsed(q), s.stored(claimed_id(q), e)), grant(s, q, e))


def refuse_for_good(s: Node, q: ExprRef) -> Step[Node]:
    """Refuse a request, and remember that under its id."""
    guard, refused = refuse(s, q)
    return Step(guard, store(refused, q, q))


def parse_early(s: Node, q: ExprRef) -> Step[Node]:
    """Read a frame as soon as it is written."""
    return Step(And(s.written(q), valid(q)), replace(s, parsed=lambda p: Or(s.parsed(p), p == q)))


def parse_loosely(s: Node, q: ExprRef) -> Step[Node]:
    """Read a durable frame, and take its id as it stands."""
    return Step(And(s.durable(q), well_formed(q)), replace(s, parsed=lambda p: Or(s.parsed(p), p == q)))


def claim_by_word(s: Node, q: ExprRef, e: ExprRef) -> Step[Node]:
    """Insert-or-get under the id that the record bears; only an insert asks whether the id is right."""
    guard, claimed = claim(s, q, e)
    return Step(And(guard, Or(s.stored(claimed_id(q), e), valid(q))), claimed)
