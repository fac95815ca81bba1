"""What `flk prove` stands on: the choice of theorems, the exit code, and the tables."""

from io import StringIO
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from flk.formal.language import Protocol
from flk.formal.library.catalogue import PROTOCOLS
from flk.formal.library.gallery import DESIGNS
from flk.formal.proofs import data
from flk.formal.proofs.prove import THEOREMS, prove_all, theorem, verdict_of
from flk.formal.prover.bounded import search
from flk.formal.prover.houdini import Inference
from flk.formal.prover.theorem import Check, Proof, ProofStatus, Table, Trial
from flk.formal.reports.proofs import render, render_inference, render_search
from flk.spec.errors import UnusableInput
from flk.spec.verdict import Verdict

NAMES = [*PROTOCOLS, *data.THEOREMS]


def proof(verdict: ProofStatus, *, mutant: ProofStatus = ProofStatus.REFUTED, seed: int = 0) -> Proof:
    """A small proof with that verdict."""
    values = Table(("", "value", "in billionths"), (("x", "0.5", "500000000"),))
    return Proof(
        theorem="example",
        requirements=("X-1", "X-2"),
        statement="All is well.",
        seed=seed,
        status=verdict,
        seconds=0.25,
        obligations=(Check("the claim", verdict, 0.1, shown=values if verdict is ProofStatus.REFUTED else None),),
        witnesses=(Check("a case", ProofStatus.PROVED, 0.1, shown=values),),
        mutants=(Trial("omission", "Something omissions.", mutant, (Check("the claim", mutant, 0.1, shown=values),)),),
    )


OWN = """
from flk.formal.language import Protocol, forall, require

protocol = Protocol("own", "Lamps are never dim, but nothing says so.")
Lamp = protocol.index("Lamp")
State = protocol.enum("State", "dark", "bright", "broken", "dim")
lit = protocol.map("lit", Lamp, to=State, initially=State.dark)


@protocol.action(x=Lamp)
def dim(x):
    require(lit[x] == State.broken)
    lit.next[x] = State.dim


@protocol.always()
def never_dim():
    return forall(Lamp, lambda x: lit[x] != State.dim)


protocol.judge_only_properties()
"""


def printed(proofs: list[Proof], *, verbose: bool = False) -> str:
    """The report as plain text."""
    return printed_part(render(proofs, verbose=verbose))


def printed_part(part: RenderableType) -> str:
    """What a wide terminal would show."""
    file = StringIO()
    Console(width=160, file=file).print(part)
    return file.getvalue()


@given(st.lists(st.sampled_from(ProofStatus)))
def test_the_verdict_holds_only_if_everything_is_proved(statuses: list[ProofStatus]) -> None:
    """Or bounded, where no proof can speak; of at least one theorem. It is violated if any is refuted."""
    verdict = verdict_of(proof(status) for status in statuses)
    good = bool(statuses) and set(statuses) <= {ProofStatus.PROVED, ProofStatus.BOUNDED}
    assert (verdict is Verdict.HOLDS) == good
    assert (verdict is Verdict.VIOLATED) == (ProofStatus.REFUTED in statuses)


def test_protocols_and_statements_about_data_are_the_theorems() -> None:
    """Every protocol of the library is there, and every theorem about data."""
    assert list(THEOREMS) == NAMES
    assert {"ingest", "replication", "two-phase-commit", "rounding-stability"} <= set(THEOREMS)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["outbox", "migration", "budget"])
def test_the_theorems_are_proved_beside_mutants(name: str) -> None:
    """Each has requirements, a statement, obligations and witnesses, and refutes every mutant."""
    (proof,) = prove_all([name])
    only = [one.property for one in proof.properties if one.finite_only]
    assert proof.status is (ProofStatus.BOUNDED if only else ProofStatus.PROVED)
    assert proof.requirements
    assert proof.statement
    assert proof.obligations
    assert proof.mutants
    assert {trial.status for trial in proof.mutants} == {ProofStatus.REFUTED}
    assert f"{name}" in printed([proof], verbose=True)


@pytest.mark.slow
def test_nothing_is_planted_under_later_seeds() -> None:
    """Seeds try the obligations, which are what could be left undecided."""
    first, second = prove_all(["outbox"], seeds=2)
    assert first.mutants
    assert first.omissions
    assert not second.mutants
    assert not second.omissions
    assert second.status is ProofStatus.BOUNDED


@pytest.mark.slow
def test_a_design_of_the_gallery_is_refuted_with_its_run() -> None:
    """By its own name, with exit code 1; the run is printed without being asked for."""
    proofs = prove_all(["gallery/in-memory-outbox"])
    assert verdict_of(proofs) is Verdict.VIOLATED
    text = printed(proofs)
    assert "no_promise_is_lost: refuted" in text
    assert "queue(record" in text


def test_a_counterexample_to_induction_is_a_table_of_cells(tmp_path: Path) -> None:
    """Of a user's own file: which step from which state breaks which property, cells with their indices."""
    file = tmp_path / "own.py"
    file.write_text(OWN, "utf-8")
    proofs = prove_all([str(file)])
    assert verdict_of(proofs) is Verdict.UNDECIDED
    text = " ".join(printed(proofs).split())
    assert "Lamp 1. In a state that every invariant allows, dim(lamp1) breaks never_dim." in text
    assert "lit[lamp1] faulty faulty" not in text
    assert "lit[lamp1] broken dim" in text


NAMESAKE = """
from flk.formal.language import Protocol, exists, forall, require

protocol = Protocol("outbox", "Named like a protocol of the lab.")
Node, Quorum = protocol.index("Node", 2), protocol.index("Quorum", 2)
member = protocol.relation("member", Node, Quorum, initially=True)


@protocol.action(n=Node, q=Quorum)
def leave(n, q):
    require(member[n, q])
    member.next[n, q] = False


@protocol.reachable()
def somebody_left():
    return exists(Node, Quorum, lambda n, q: ~member[n, q])


@protocol.always()
def all_stay():
    return forall(Node, Quorum, lambda n, q: member[n, q])
"""


def test_a_users_file_may_have_the_name_of_a_protocol_of_the_lab(tmp_path: Path) -> None:
    """Its runs and witnesses are shown as its own, with the indices of their cells; beside its namesake it is refused."""
    file = tmp_path / "outbox.py"
    file.write_text(NAMESAKE, "utf-8")
    subject = theorem(str(file))
    assert isinstance(subject, Protocol)
    for verbose in (False, True):
        text = printed_part(render(prove_all([subject]), [subject], verbose=verbose))
        assert "all_stay: refuted" in text
        assert "member[node1, quorum1] = true" in text or "member = true everywhere" in text
        assert "member[node" in text
        assert ("somebody_left" in text) is verbose
    with pytest.raises(UnusableInput, match="two theorems are called outbox"):
        prove_all(["outbox", subject])


def test_bounded_search_is_printed_with_its_runs() -> None:
    """Each target with what was found, and the runs of violations."""
    protocol = DESIGNS["in-memory-outbox"].protocol
    text = printed_part(render_search(protocol, search(protocol, 4)))
    assert "no_promise_is_lost" in text
    assert "crash()" in text
    assert "dead_letter" in text


def test_found_lemmas_are_printed_as_an_author_writes_them() -> None:
    """Ready to be pasted."""
    found = Inference("p", 3000, 20, 10, ("forall(RM, lambda r1: ~tm_prepared[r1])",), ("safe",), ("rest",), (), 1.5)
    text = printed_part(render_inference(found))
    assert "@protocol.lemma()\ndef lemma_1() -> Term:\n    return forall(RM, lambda r1: ~tm_prepared[r1])" in text
    assert "proved for all sizes: safe" in text
    assert "not proved: rest" in text


def test_one_theorem_can_be_proved_alone_under_several_seeds() -> None:
    """Each seed gives a proof of its own, progress is told before each, and the whole is JSON."""
    told: list[tuple[int, int, str]] = []
    proofs = prove_all(["rounding-stability"], seeds=2, on_progress=lambda *at: told.append(at))
    assert [(p.theorem, p.seed, p.status) for p in proofs] == [
        ("rounding-stability", 0, ProofStatus.PROVED),
        ("rounding-stability", 1, ProofStatus.PROVED),
    ]
    assert told == [(0, 2, "rounding-stability"), (1, 2, "rounding-stability")]
    assert verdict_of(proofs) is Verdict.HOLDS
    assert msgspec.json.decode(msgspec.json.encode(proofs), type=list[Proof]) == proofs


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    """The message names the mistake and the choice."""
    with pytest.raises(ValueError, match="no theorem is called last-write-wins: choose from ingest, "):
        prove_all(["last-write-wins"])


def test_no_seeds_prove_nothing() -> None:
    """Zero seeds would prove nothing, so they are refused."""
    with pytest.raises(ValueError, match="seeds is 0: give 1 or more"):
        prove_all(seeds=0)


def test_the_table_counts_what_was_proved_and_refuted() -> None:
    """Theorem, requirements, verdict, seeds, shares and seconds stand in one row; short counterexamples beside the story."""
    text = printed([proof(ProofStatus.PROVED), proof(ProofStatus.PROVED, seed=1)])
    row = next(line for line in text.splitlines() if line.strip().startswith("example"))
    assert row.split() == ["example", "proved", "2", "1/1", "2/2", "2/2", "0.50"]
    assert "x = 0.5 → 500000000" in text
    assert "All is well." not in text


def test_what_went_wrong_is_shown_without_being_asked_for() -> None:
    """A refuted obligation comes with its counterexample, a surviving mutant with its name, each with the seed."""
    text = printed([proof(ProofStatus.REFUTED, mutant=ProofStatus.PROVED, seed=7)])
    assert "example, seed 7 · the claim: refuted" in text
    assert "example, seed 7 · mutant omission was not refuted" in text


def test_verbose_shows_the_statement_and_every_example() -> None:
    """The statement, the witnesses and the mutants' checks are all there."""
    text = printed([proof(ProofStatus.PROVED)], verbose=True)
    assert "All is well." in text
    assert "a case" in text
    assert "omission · the claim" in text
