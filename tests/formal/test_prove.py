"""What `flk prove` stands on: the choice of theorems, the exit code, and the tables."""

from io import StringIO

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from flk.formal.prove import ExitCode, exit_code, prove_all, theorems
from flk.formal.report import render
from flk.formal.theorem import Check, Proof, Table, Trial, Verdict

NAMES = ["first-write-wins", "verify-before-dedup", "rounding-stability"]


def proof(verdict: Verdict, *, mutant: Verdict = Verdict.REFUTED, seed: int = 0) -> Proof:
    """A small proof with that verdict."""
    values = Table(("", "value", "in billionths"), (("x", "0.5", "500000000"),))
    return Proof(
        theorem="example",
        requirements=("X-1", "X-2"),
        statement="All is well.",
        seed=seed,
        verdict=verdict,
        seconds=0.25,
        obligations=(Check("the claim", verdict, 0.1, shown=values if verdict is Verdict.REFUTED else None),),
        witnesses=(Check("a case", Verdict.PROVED, 0.1, shown=values),),
        mutants=(Trial("slip", "Something slips.", mutant, (Check("the claim", mutant, 0.1, shown=values),)),),
    )


def printed(proofs: list[Proof], *, verbose: bool = False) -> str:
    """The report as plain text."""
    file = StringIO()
    Console(width=160, file=file).print(render(proofs, verbose=verbose))
    return file.getvalue()


@given(st.lists(st.sampled_from(Verdict)))
def test_the_exit_code_is_zero_only_if_everything_is_proved(verdicts: list[Verdict]) -> None:
    """0 if all of at least one theorem are proved, 1 if any is refuted, 2 otherwise."""
    code = exit_code(proof(verdict) for verdict in verdicts)
    assert (code == 0) == (set(verdicts) == {Verdict.PROVED})
    assert (code == 1) == (Verdict.REFUTED in verdicts)
    assert code in (0, 1, 2)


def test_the_three_invariants_are_the_theorems() -> None:
    """The named invariants are there, each with requirements, a statement, witnesses and mutants."""
    assert [theorem.name for theorem in theorems()] == NAMES
    assert all(t.requirements and t.statement and t.witnesses and t.mutants for t in theorems())


def test_one_theorem_can_be_proved_alone_under_several_seeds() -> None:
    """Each seed gives a proof of its own, progress is told before each, and the whole is JSON."""
    told: list[tuple[int, int, str]] = []
    proofs = prove_all(["rounding-stability"], seeds=2, on_progress=lambda *at: told.append(at))
    assert [(p.theorem, p.seed, p.verdict) for p in proofs] == [
        ("rounding-stability", 0, Verdict.PROVED),
        ("rounding-stability", 1, Verdict.PROVED),
    ]
    assert told == [(0, 2, "rounding-stability"), (1, 2, "rounding-stability")]
    assert exit_code(proofs) is ExitCode.PROVED
    assert msgspec.json.decode(msgspec.json.encode(proofs), type=list[Proof]) == proofs


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    """The message names the mistake and the choice."""
    with pytest.raises(ValueError, match="no theorem is called last-write-wins: choose from first-write-wins, "):
        prove_all(["last-write-wins"])


def test_no_seeds_prove_nothing() -> None:
    """Zero seeds would prove nothing, so they are refused."""
    with pytest.raises(ValueError, match="seeds is 0: give 1 or more"):
        prove_all(seeds=0)


def test_the_table_counts_what_was_proved_and_refuted() -> None:
    """Theorem, requirements, verdict, seeds, shares and seconds stand in one row; short counterexamples beside the story."""
    text = printed([proof(Verdict.PROVED), proof(Verdict.PROVED, seed=1)])
    row = next(line for line in text.splitlines() if line.strip().startswith("example"))
    assert row.split() == ["example", "proved", "2", "1", "2/2", "2/2", "0.50"]
    assert "x = 0.5 → 500000000" in text
    assert "All is well." not in text


def test_what_went_wrong_is_shown_without_being_asked_for() -> None:
    """A refuted obligation comes with its counterexample, a surviving mutant with its name, each with the seed."""
    text = printed([proof(Verdict.REFUTED, mutant=Verdict.PROVED, seed=7)])
    assert "example, seed 7 · the claim: refuted" in text
    assert "example, seed 7 · mutant slip was not refuted" in text


def test_verbose_shows_the_statement_and_every_example() -> None:
    """The statement, the witnesses and the mutants' checks are all there."""
    text = printed([proof(Verdict.PROVED)], verbose=True)
    assert "All is well." in text
    assert "a case" in text
    assert "slip · the claim" in text
