import pytest
from hypothesis import given
from hypothesis import strategies as st
from z3 import And, BoolVal, Int, ModelRef

from flk.formal.prover import theorem as subject
from flk.formal.prover.solver import ask
from flk.formal.prover.theorem import (
    Check,
    Mutant,
    Obligation,
    ProofStatus,
    Table,
    Theorem,
    Trial,
    Witness,
    conclude,
    prove,
)

X = Int("x")
verdicts = st.sampled_from(ProofStatus)


def read(model: ModelRef) -> Table:
    """The value of x."""
    return Table(("x",), ((str(model.eval(X, model_completion=True)),),))


TRUE = Obligation("squares grow", X > 1, X * 2 > X, read)
FALSE = Obligation("all is small", X > 1, X < 10, read, plain=X == 12)
VACUOUS = Obligation("anything goes", And(X > 1, X < 1), X == 7, read)
POSSIBLE = Witness("a large one", X > 100, read)
IMPOSSIBLE = Witness("a small large one", And(X > 100, X < 1), read)
FAULTY = Mutant("faulty", "The claim is false.", (FALSE,), (POSSIBLE,))


def theorem(
    *obligations: Obligation, witnesses: tuple[Witness, ...] = (POSSIBLE,), mutants: tuple[Mutant, ...] = (FAULTY,)
) -> Theorem:
    """A theorem of these obligations, with a sound witness and a sharp mutant unless others are given."""
    return Theorem("example", ("X-1",), "An example.", obligations, witnesses, mutants)


def checks(found: list[ProofStatus]) -> list[Check]:
    """Checks that ended so."""
    return [Check("c", verdict, 0.0) for verdict in found]


def trials(found: list[ProofStatus]) -> list[Trial]:
    """Mutants that ended so."""
    return [Trial("m", "", verdict, ()) for verdict in found]


@given(st.lists(verdicts), st.lists(verdicts), st.lists(verdicts))
def test_a_theorem_is_proved_only_if_nothing_at_all_went_wrong(
    obligations: list[ProofStatus], witnesses: list[ProofStatus], mutants: list[ProofStatus]
) -> None:
    """Proved means: some obligation, all obligations and witnesses proved, all mutants refuted; refuted means: an obligation is."""
    verdict = conclude(checks(obligations), checks(witnesses), trials(mutants))
    all_proved = bool(obligations) and set(obligations + witnesses) == {ProofStatus.PROVED}
    assert (verdict is ProofStatus.PROVED) == (all_proved and set(mutants) <= {ProofStatus.REFUTED})
    assert (verdict is ProofStatus.REFUTED) == (ProofStatus.REFUTED in obligations)


def test_a_true_claim_with_a_sharp_check_is_proved() -> None:
    """A claim without counterexample, whose hypotheses can be met and whose mutant fails, is a theorem."""
    proof = prove(theorem(TRUE))
    assert proof.status is ProofStatus.PROVED
    assert [check.status for check in proof.obligations] == [ProofStatus.PROVED]
    assert [trial.status for trial in proof.mutants] == [ProofStatus.REFUTED]


def test_a_false_claim_is_refuted_with_the_plainest_counterexample() -> None:
    """A counterexample that also meets the obligation's idea of plain is the one shown."""
    proof = prove(theorem(TRUE, FALSE))
    assert proof.status is ProofStatus.REFUTED
    assert proof.obligations[1].shown == Table(("x",), (("12",),))


def test_a_false_claim_without_a_plain_counterexample_is_still_refuted() -> None:
    """That no counterexample is plain hides none."""
    proof = prove(theorem(FALSE._replace(plain=X == 5)))
    assert proof.status is ProofStatus.REFUTED
    shown = proof.obligations[0].shown
    assert shown is not None
    assert int(shown.rows[0][0]) >= 10


def test_a_vacuous_claim_is_not_proved() -> None:
    """A claim about no case at all is undecided, and the note says why."""
    proof = prove(theorem(VACUOUS))
    assert proof.status is ProofStatus.UNDECIDED
    assert proof.obligations[0].note == "vacuous: no case meets the hypotheses"


def test_hypotheses_are_met_even_if_no_plain_case_meets_them() -> None:
    """Vacuity is about all cases, not about the plain ones."""
    assert prove(theorem(TRUE._replace(plain=X == 0))).status is ProofStatus.PROVED


def test_a_theorem_about_what_never_happens_is_not_proved() -> None:
    """A witness that does not exist leaves the theorem undecided."""
    proof = prove(theorem(TRUE, witnesses=(IMPOSSIBLE,)))
    assert proof.status is ProofStatus.UNDECIDED
    assert [check.status for check in proof.witnesses] == [ProofStatus.REFUTED]


def test_a_mutant_that_survives_is_reported() -> None:
    """If a planted fault passes its obligations, the check checks nothing and the theorem is undecided."""
    survivor = FAULTY._replace(obligations=(FALSE._replace(goal=BoolVal(val=True)),))
    proof = prove(theorem(TRUE, mutants=(survivor,)))
    assert proof.status is ProofStatus.UNDECIDED
    assert [trial.status for trial in proof.mutants] == [ProofStatus.PROVED]


@pytest.mark.parametrize(
    "mutant",
    [
        FAULTY._replace(obligations=()),
        FAULTY._replace(obligations=(VACUOUS,)),
        FAULTY._replace(witnesses=(IMPOSSIBLE,)),
    ],
    ids=["no obligation", "a vacuous one", "no harm"],
)
def test_a_mutant_is_refuted_only_by_a_failure_and_its_harm(mutant: Mutant) -> None:
    """A mutant without obligations, with a vacuous one, or that does no harm, does not count as refuted."""
    proof = prove(theorem(TRUE, mutants=(mutant,)))
    assert proof.mutants[0].status is ProofStatus.UNDECIDED
    assert proof.status is ProofStatus.UNDECIDED


def test_a_solver_that_gives_up_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """An `unknown` is undecided, of an obligation as of a witness."""
    monkeypatch.setattr(subject, "ask", lambda formulas, seed: ask(formulas, seed, effort=1))
    y = Int("y")
    hard = And(X * y == 1001, X > 1, y > 1)
    proof = prove(theorem(Obligation("hard", hard, y == X, read), witnesses=(Witness("hard", hard, read),), mutants=()))
    assert proof.status is ProofStatus.UNDECIDED
    assert proof.obligations[0].note == "the solver gave up"
    assert [check.status for check in proof.obligations + proof.witnesses] == [ProofStatus.UNDECIDED] * 2
