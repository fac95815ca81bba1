"""Verify before dedup, proved; and each counterexample read for the harm it does."""

import pytest
from tests.formal.runs import Fact, given, harm, steps

from flk.formal import verify_before_dedup
from flk.formal.theorem import Check, Proof, Theorem, Verdict, prove

MUTANTS = ["lookup-before-verification", "cached-refusal", "parse-before-durable", "id-checked-after-lookup"]


@pytest.fixture(scope="module")
def theorem() -> Theorem:
    """The theorem, built once."""
    return verify_before_dedup.theorem()


@pytest.fixture(scope="module")
def proof(theorem: Theorem) -> Proof:
    """Its proof under the first seed."""
    return prove(theorem)


def answer_of(check: Check) -> tuple[str, str]:
    """The request that the run answers last, and the entry it is told of."""
    request, entry = [step for step in steps(check) if step.name == "answer"][-1].arguments
    return request, entry


def sound(check: Check, request: str) -> bool:
    """Whether the run's facts make a request valid and authentic."""
    known = given(check)
    ids = {fact.value for fact in known if fact.name in ("claimed_id", "true_id") and fact.arguments == (request,)}
    return len(ids) == 1 and {Fact("well_formed", (request,)), Fact("authentic", (request,))} <= known


@pytest.mark.parametrize("seed", range(3))
def test_it_is_proved_under_every_seed(theorem: Theorem, seed: int) -> None:
    """Every obligation holds, every witness exists and every mutant fails, whatever the solver's seed."""
    assert prove(theorem, seed).verdict is Verdict.PROVED


def test_every_named_fault_is_among_the_mutants(proof: Proof) -> None:
    """The orders that the requirements reject are all tried."""
    assert [trial.mutant for trial in proof.mutants] == MUTANTS


def test_a_lookup_before_verification_answers_a_forgery(proof: Proof) -> None:
    """The counterexample is a forged or malformed request that is told an honest record's outcome."""
    run = harm(proof, "lookup-before-verification")
    request, entry = answer_of(run)
    assert not sound(run, request)
    assert sound(run, entry)


def test_a_cached_refusal_decides_for_the_honest_sender(proof: Proof) -> None:
    """The counterexample is an honest request that is told what a refused one left behind."""
    run = harm(proof, "cached-refusal")
    request, entry = answer_of(run)
    assert sound(run, request)
    assert not sound(run, entry)
    assert Fact("refuse for good", (entry,)) in steps(run)


def test_parsing_before_durability_loses_what_a_crash_finds(proof: Proof) -> None:
    """The counterexample acknowledges a record that was never made durable, and ends in a crash."""
    run = [step.name for step in steps(harm(proof, "parse-before-durable"))]
    assert "sync" not in run
    assert run[-2] == "answer"
    assert run[-1] in ("crash", "crash and forget")


def test_a_late_id_check_hands_out_anothers_outcome(proof: Proof) -> None:
    """The counterexample is a record that bears another's id, and is told the other's outcome."""
    run = harm(proof, "id-checked-after-lookup")
    request, entry = answer_of(run)
    ids = {fact.arguments: fact.value for fact in given(run) if fact.name == "true_id"}
    assert ids[request,] != ids[entry,]


@pytest.mark.parametrize("mutant", MUTANTS)
def test_no_step_of_a_counterexample_is_idle(proof: Proof, mutant: str) -> None:
    """Each action of a run to harm changes something: the runs are no longer than they need be."""
    shown = harm(proof, mutant).shown
    assert shown is not None
    assert all(changes for _, _, changes in shown.rows)
