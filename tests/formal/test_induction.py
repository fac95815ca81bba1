"""The obligations of a transition system, on one small enough to see through: a counter of tickets."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import pytest
from tests.formal.runs import Fact, facts
from z3 import And, BoolRef, BoolVal, DeclareSort, ExprRef, Function, Implies, Not, Or

from flk.formal.induction import mutant, obligations
from flk.formal.logic import Relation, exists, forall
from flk.formal.protocols import node, store
from flk.formal.runs import run
from flk.formal.theorem import Obligation, Prover, Verdict
from flk.formal.transitions import Action, State, Step, System, over

GUEST, SEAT = DeclareSort("Guest"), DeclareSort("Seat")
favourite = Function("favourite", GUEST, SEAT)


@dataclass(frozen=True)
class Hall(State):
    waiting: Relation = field(metadata=over(GUEST))
    seated: Relation = field(metadata=over(GUEST, SEAT))


def arrive(s: Hall, g: ExprRef) -> Step[Hall]:
    """A guest waits."""
    return Step(BoolVal(val=True), replace(s, waiting=lambda h: Or(s.waiting(h), h == g)))


def sit(s: Hall, g: ExprRef) -> Step[Hall]:
    """A waiting guest takes the favourite seat, if nobody has it."""
    free = forall((GUEST,), lambda h: Not(s.seated(h, favourite(g))))
    taken = replace(s, seated=lambda h, t: Or(s.seated(h, t), And(h == g, t == favourite(g))))
    return Step(And(s.waiting(g), free), taken)


def squeeze(s: Hall, g: ExprRef) -> Step[Hall]:
    """Mutant of `sit`: whether anybody has it or not."""
    return Step(s.waiting(g), sit(s, g).after)


def one_to_a_seat(s: Hall) -> BoolRef:
    """No two guests share a seat."""
    return forall((GUEST, GUEST, SEAT), lambda g, h, t: Implies(And(s.seated(g, t), s.seated(h, t)), g == h))


def the_seated_arrived(s: Hall) -> BoolRef:
    """Nobody sits who did not wait."""
    return forall((GUEST, SEAT), lambda g, t: Implies(s.seated(g, t), s.waiting(g)))


def somebody_waits(s: Hall) -> BoolRef:
    """A guest waits."""
    return exists((GUEST,), s.waiting)


def somebody_sits(s: Hall) -> BoolRef:
    """A guest has a seat."""
    return exists((GUEST, SEAT), s.seated)


def hall(*actions: Action[Hall]) -> System[Hall]:
    """A hall with these actions."""
    return System(Hall, (favourite,), BoolVal(val=True), actions, (one_to_a_seat, the_seated_arrived), ())


ARRIVE, SIT, SQUEEZE = Action(arrive, (GUEST,)), Action(sit, (GUEST,)), Action(squeeze, (GUEST,))
HALL = hall(ARRIVE, SIT)


def verdicts(system: System[Hall]) -> dict[str, Verdict]:
    """What comes of each obligation."""
    prover = Prover(0)
    return {obligation.name: prover.decide(obligation).verdict for obligation in obligations(system)}


def any_refuted(claims: Iterable[Obligation]) -> bool:
    """Whether some obligation has a counterexample."""
    prover = Prover(0)
    return any(prover.decide(claim).verdict is Verdict.REFUTED for claim in claims)


def test_every_invariant_is_asked_of_the_start_and_of_every_action() -> None:
    """Nothing is left out: one obligation for the start and for each action, times the invariants; all hold here."""
    assert verdicts(HALL) == {
        f"{when}: {what}": Verdict.PROVED
        for when in ("start", "arrive", "sit")
        for what in ("one to a seat", "the seated arrived")
    }


def test_a_planted_fault_fails_just_the_obligation_it_breaks() -> None:
    """The faulty action is named together with the invariant that it does not keep."""
    found = verdicts(hall(ARRIVE, SQUEEZE))
    assert [name for name, verdict in found.items() if verdict is Verdict.REFUTED] == ["squeeze: one to a seat"]


def test_an_invariant_that_fails_at_the_start_is_refuted_there() -> None:
    """The start is checked, not assumed."""
    found = verdicts(replace(HALL, properties=(somebody_waits,)))
    assert found["start: somebody waits"] is Verdict.REFUTED


def test_a_counterexample_shows_the_state_before_the_action_and_the_changes() -> None:
    """Two guests with one favourite seat, one of them on it, and the other sits down too."""
    crowded = next(o for o in obligations(hall(SQUEEZE)) if o.name == "squeeze: one to a seat")
    shown = Prover(0).decide(crowded).shown
    assert shown is not None
    (_, _, known), (_, _, before), (_, action, changes) = shown.rows
    assert known == "favourite(g1)=s1, favourite(g2)=s1"
    assert {Fact("seated", ("g2", "s1")), Fact("waiting", ("g1",))} <= set(facts(before))
    assert (action, changes) == ("squeeze(g1)", "+seated(g1, s1)")


def test_an_action_that_is_not_in_the_system_cannot_be_said_to_break_it() -> None:
    """A mutant that names an obligation it does not have is a mistake, not a weaker mutant."""
    with pytest.raises(KeyError, match="squeeze: one to a seat"):
        mutant("none", "", HALL, breaks=((squeeze, one_to_a_seat),), harms=one_to_a_seat, steps=2)


@pytest.mark.parametrize(("steps", "verdict"), [(0, Verdict.REFUTED), (1, Verdict.REFUTED), (2, Verdict.PROVED)])
def test_a_run_has_as_many_steps_as_it_needs(steps: int, verdict: Verdict) -> None:
    """Nobody sits before having arrived: two steps, not fewer."""
    assert Prover(0).find(run(HALL, somebody_sits, steps)).verdict is verdict


def test_a_run_takes_one_action_at_each_step_and_leaves_the_rest_alone() -> None:
    """The table of a run gives each action with exactly what it changed."""
    shown = Prover(0).find(run(HALL, somebody_sits, 2)).shown
    assert shown is not None
    assert shown.rows == (
        ("", "given", "favourite(g1)=s1"),
        ("1", "arrive(g1)", "+waiting(g1)"),
        ("2", "sit(g1)", "+seated(g1, s1)"),
    )


@pytest.mark.parametrize("lemma", range(len(store.LEMMAS)))
def test_no_lemma_of_the_store_is_idle(lemma: int) -> None:
    """Without any one of its lemmas, the induction of first-write-wins fails: each carries weight."""
    correct = store.system(store.Store, store.LOG, store.CLAIM, store.REPLY)
    weaker = replace(correct, lemmas=store.LEMMAS[:lemma] + store.LEMMAS[lemma + 1 :])
    assert any_refuted(obligations(weaker))


@pytest.mark.parametrize("lemma", range(len(node.LEMMAS)))
def test_no_lemma_of_the_node_is_idle(lemma: int) -> None:
    """Without any one of its lemmas, the induction of verify-before-dedup fails: each carries weight."""
    correct = node.system(node.PARSE, node.VERIFY, node.CLAIM, node.ANSWER, node.REFUSE)
    weaker = replace(correct, lemmas=node.LEMMAS[:lemma] + node.LEMMAS[lemma + 1 :])
    assert any_refuted(obligations(weaker))
