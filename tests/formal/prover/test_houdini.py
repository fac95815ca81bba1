"""Lemmas that are found: what is guessed holds in the states seen, what is kept is inductive, and it proves the properties."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from z3 import Not, unsat

from flk.formal.explicit.ground import Ground
from flk.formal.explicit.interpreter import Interpreter
from flk.formal.explicit.schema import Schema, State
from flk.formal.language import BOOL, Protocol, Term, forall, implies, require
from flk.formal.library.catalogue import PROTOCOLS
from flk.formal.library.protocols import replication
from flk.formal.prover.clause_filter import strongest
from flk.formal.prover.clauses import Language, python
from flk.formal.prover.finite_encoding import FiniteEncoding
from flk.formal.prover.houdini import Inference, Steps, infer, without_lemmas
from flk.formal.prover.obligations import Induction
from flk.formal.prover.samples import Sampler, once
from flk.formal.prover.solver import ask
from flk.spec.verdict import Verdict

COMMIT = PROTOCOLS["two-phase-commit"]


def reachable(protocol: Protocol) -> set[State]:
    """All states that the interpreter reaches."""
    interpreter = Interpreter(Schema.of(protocol))
    found = set(interpreter.initial_states())
    layer = found
    while layer:
        layer = {step.after for state in layer for step in interpreter.steps(state)} - found
        found = found | layer
    return found


def holds_in(language: Language, clause: tuple[int, ...], states: set[State]) -> bool:
    """Whether the interpreter finds a clause true in all of some states."""
    interpreter = Interpreter(Schema.of(language.protocol))
    condition = language.property_of(clause, "guess").condition
    return all(interpreter.evaluate(condition, state, {}) for state in states)


@pytest.fixture(scope="module")
def commit() -> Inference:
    """Of two-phase commit, whose lemmas are put aside."""
    return infer(COMMIT)


def test_every_guess_holds_in_every_reachable_state_and_none_is_missing() -> None:
    """By brute force: of all clauses of up to two literals, those are kept that hold and do not follow from a shorter one."""
    language = Language(COMMIT)
    rows = Sampler.of(language, COMMIT.sizes()).reachable()
    kept = set(strongest(language, rows).clauses)
    states = reachable(COMMIT)
    for clause in kept:
        if len(clause) == 3 and hash(clause) % 8 == 0:
            assert holds_in(language, clause, states)
    pairs = [c for c in combinations(range(language.literals), 2) if c[0] // 2 != c[1] // 2 and language.is_first(c)]
    for clause in [(n,) for n in range(language.literals)] + pairs:
        shorter = any(
            tuple(sorted(image[n] for n in part)) in kept
            for size in range(1, len(clause))
            for part in combinations(clause, size)
            for image in language.renamings
        )
        if language.is_first(clause):
            assert (clause in kept) == (holds_in(language, clause, states) and not shorter), python(language, clause)


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(st.lists(st.lists(st.booleans(), min_size=18, max_size=18), min_size=1, max_size=6))
def test_the_pool_is_what_brute_force_finds(truths: list[list[bool]]) -> None:
    """For any rows: the clauses of up to three literals that hold in all of them though nothing shorter does."""
    language = Language(COMMIT)
    rows = np.array(truths)
    literals = np.stack([rows, ~rows], axis=2).reshape(len(rows), -1)
    holding: list[tuple[int, ...]] = []
    for size in (1, 2, 3):
        for clause in combinations(range(language.literals), size):
            apart = len({n // 2 for n in clause}) == size
            implied = any(set(shorter) < set(clause) for shorter in holding)
            if apart and not implied and literals[:, list(clause)].any(axis=1).all():
                holding.append(clause)
    assert sorted(strongest(language, rows).clauses) == sorted(filter(language.is_first, holding))


def test_rows_are_what_the_interpreter_reads() -> None:
    """Each state and each choice of elements gives the row of truths of the atoms; every row comes once."""
    language = Language(COMMIT)
    sampler = Sampler.of(language, {"RM": 2})
    interpreter = Interpreter(sampler.program.ground.schema)
    states = list(interpreter.initial_states())
    states += [step.after for step in interpreter.steps(states[0])]
    locals_ = [local for group in language.locals.values() for local in group]
    expected = {
        tuple(bool(interpreter.evaluate(atom, state, env)) for atom in language.atoms)
        for state in states
        for values in product(range(2), repeat=len(locals_))
        for env in [{local.name: value for local, value in zip(locals_, values, strict=True)}]
    }
    rows = sampler.of_states(states)
    assert {tuple(row) for row in rows.tolist()} == expected
    assert len(rows) == len(expected) == len(once(np.concatenate([rows, rows])))


@pytest.mark.slow
def test_two_phase_commit_is_proved_without_a_lemma_of_ours(commit: Inference) -> None:
    """Its properties are proved for any number of managers, with lemmas in the author's own syntax."""
    assert "consistent" in commit.proved
    assert commit.open == ()
    assert commit.tried >= 2000
    assert "~commit_sent | (decision == Decision.committed)" in commit.lemmas
    assert "forall(RM, lambda r1: (manager[r1] != Manager.working) | ~prepared_sent[r1])" in commit.lemmas
    assert infer(COMMIT).lemmas == commit.lemmas


def test_what_is_found_can_be_written_into_the_protocol(commit: Inference) -> None:
    """Evaluated as Python among the protocol's own names, the lemmas prove it."""
    from flk.formal.library.protocols import two_phase_commit

    protocol = without_lemmas(COMMIT)
    for number, lemma in enumerate(commit.lemmas):
        condition = eval(lemma, {**vars(two_phase_commit), "forall": forall})

        declare(protocol, f"lemma_{number}", condition)
    obligations = Induction(protocol).obligations()
    assert all(ask((*obligation.given, Not(obligation.goal)))[1] == unsat for obligation in obligations)


def declare(protocol: Protocol, name: str, condition: Term) -> None:
    """Add a lemma of that name."""

    def claim() -> Term:
        return condition

    claim.__name__ = name
    protocol.lemma()(claim)


@pytest.mark.slow
@pytest.mark.thorough
def test_replication_is_proved_without_a_lemma_of_ours() -> None:
    """Where no disk rots, all of its properties, for any number of regions and records, from more than three thousand clauses."""
    whole = replication.protocol.variant("whole-disks", "Replication, with disks on which nothing rots.")
    whole.without(*replication.DAMAGE)
    found = infer(whole)
    assert found.open == ()
    assert len(found.proved) >= 12
    assert found.tried >= 3000


def test_a_false_property_is_not_proved() -> None:
    """Whatever is guessed; what is true beside it is proved all the same, and exploring shows what is false."""
    protocol = COMMIT.variant("hasty", "A manager may abort though prepared.")
    protocol.without("RMChooseToAbort")

    @protocol.action(r=protocol.sorts["RM"])
    def RMChooseToAbort(r: Term) -> None:  # noqa: N802 (the paper's name)
        """At any time."""
        from flk.formal.library.protocols.two_phase_commit import Manager, manager

        require(manager[r] != Manager.committed)
        manager.next[r] = Manager.aborted

    found = infer(protocol)
    assert found.proved == ("prepared_says_so",)
    assert found.violated == ("consistent", "decisions_are_final")
    assert found.open == ()


def test_what_no_clause_shows_stays_open() -> None:
    """A true property that rests on a parity: of four truths, which no clause of three literals says."""
    protocol = Protocol("parity", "Two of four neighbours change at a time, so that an even number is true.")
    a, b, c, d = (protocol.scalar(name, BOOL, initially=False) for name in "abcd")

    @protocol.action()
    def change_left() -> None:
        """The first two change."""
        a.next, b.next = ~a, ~b

    @protocol.action()
    def change_middle() -> None:
        """The middle two change."""
        b.next, c.next = ~b, ~c

    @protocol.action()
    def change_right() -> None:
        """The last two change."""
        c.next, d.next = ~c, ~d

    @protocol.always()
    def never_three() -> Term:
        """With three there are four."""
        return implies(a & b & c, d)

    found = infer(protocol)
    assert found.open == ("never_three",)
    assert found.proved == found.violated == ()
    assert found.verdict is Verdict.UNDECIDED


def test_a_step_that_breaks_a_guess_breaks_it() -> None:
    """The state after satisfies all guesses but those named, and the named ones it does not satisfy."""
    language = Language(COMMIT)
    encoding = FiniteEncoding(Ground(Schema.of(COMMIT)))
    steps = Steps(encoding)
    interpreter = Interpreter(encoding.schema)
    guesses = {f"guess {n}": language.property_of((n,), f"guess {n}") for n in range(0, language.literals, 3)}
    for name, property_ in guesses.items():
        steps.guess(name, property_)
    left = [*guesses]
    while (found := steps.breaking(left)) is not None:
        assert found.falsified
        for name in left:
            assert bool(interpreter.evaluate(guesses[name].condition, found.after, {})) == (name not in found.falsified)
        left = [name for name in left if name not in found.falsified]


def test_names_of_elements_do_not_matter() -> None:
    """Renaming is a permutation of literals, and one clause of each class comes first."""
    language = Language(PROTOCOLS["replication"])
    for image in language.renamings:
        assert sorted(image) == list(range(language.literals))
    clause = (0, 3)
    images = {tuple(sorted(image[n] for n in clause)) for image in language.renamings}
    assert sum(language.is_first(each) for each in images) == 1
