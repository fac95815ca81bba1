"""The roundings the prover reasons about are the ones that programs perform, and its numbers hold in exact arithmetic."""

from fractions import Fraction
from math import floor

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from z3 import IntNumRef, RealVal, simplify

from flk.formal.proofs.data import model_values, rounding, rounding_stability
from flk.formal.proofs.data.rounding import Rounding
from flk.formal.prover.theorem import Proof, ProofStatus, Prover, Table, prove
from flk.model.record.canonical import nano
from flk.spec.constants import CONSTANTS

NANO = CONSTANTS.canonical.nano
HALF = Fraction(1, 2)
SEEDS = range(5)
reals = st.fractions(-1000, 1000, max_denominator=1000) | st.builds(Fraction, st.integers(-2000, 2000), st.just(2))
doubles = st.floats(-1e9, 1e9) | st.floats(-1, 1) | st.builds(lambda k: k / NANO / 2, st.integers(-10_000, 10_000))


@pytest.fixture(scope="module")
def proofs() -> list[Proof]:
    """The theorem's proof under each seed."""
    theorem = rounding_stability.theorem()
    return [prove(theorem, seed) for seed in SEEDS]


def evaluated(rounded: Rounding, x: Fraction) -> int:
    """What the symbolic definition gives for a number."""
    n = simplify(rounded(RealVal(x)))
    assert isinstance(n, IntNumRef)
    return int(n.as_string())


def shown(proof: Proof, mutant: str) -> Table:
    """The counterexample that convicts a mutant."""
    table = next(trial.checks[-1].shown for trial in proof.mutants if trial.mutant == mutant)
    assert table is not None
    return table


def boundaries_between(x: Fraction, y: Fraction) -> list[Fraction]:
    """The boundaries that separate two values, by the wording of C14N-7."""
    low, high = min(x, y), max(x, y)
    near = range(floor(low), floor(high) + 1)
    return [k + HALF for k in near if low < k + HALF < high or (low < high and k + HALF == (high if k % 2 else low))]


@settings(max_examples=300, deadline=None)
@given(doubles)
@example(0.5e-9)
@example(-0.0)
@example(2.5)
def test_the_proved_rounding_is_that_of_the_canonical_form(x: float) -> None:
    """For every double, the symbolic N of its exact value in billionths is what the model writes down."""
    assert evaluated(rounding.half_even, Fraction(x) * NANO) == nano(x)


@settings(max_examples=200, deadline=None)
@given(reals)
def test_every_symbolic_rounding_means_what_its_name_says(x: Fraction) -> None:
    """The definitions agree with Python's own exact arithmetic, ties and negative numbers included."""
    away = floor(abs(x) + HALF) * (1 if x >= 0 else -1)
    assert evaluated(rounding.half_even, x) == round(x)
    assert evaluated(rounding.floor, x) == floor(x)
    assert evaluated(rounding.half_up, x) == floor(x + HALF)
    assert evaluated(rounding.truncated_half_up, x) == int(x + HALF)
    assert evaluated(rounding.half_away, x) == away


@settings(max_examples=200, deadline=None)
@given(reals, st.fractions(-2, 2) | st.just(HALF) | st.just(Fraction(0)))
def test_the_theorem_read_as_prose_holds_of_numbers(x: Fraction, change: Fraction) -> None:
    """Two numbers round alike exactly if no boundary, owned by its even neighbour, separates them."""
    y = x + change
    assert (round(x) == round(y)) == (not boundaries_between(x, y))


@settings(max_examples=200, deadline=None)
@given(reals, st.fractions(0, 1) | st.just(HALF))
def test_the_reach_read_as_prose_holds_of_numbers(x: Fraction, delta: Fraction) -> None:
    """All changes up to delta keep N(x) exactly if every boundary is further, or none is nearer and N(x) is even."""
    nearest = HALF - abs(round(x) - x)
    calm = delta < nearest or (delta == nearest and round(x) % 2 == 0)
    assert calm == (round(x - delta) == round(x) == round(x + delta))


def test_it_is_proved_under_every_seed(proofs: list[Proof]) -> None:
    """Every obligation holds, every witness exists and every mutant fails, whatever the solver's seed."""
    assert [proof.status for proof in proofs] == [ProofStatus.PROVED] * len(SEEDS)


def test_the_popular_claim_is_refuted_by_numbers_that_check_out(proofs: list[Proof]) -> None:
    """The two values shown differ by less than half a billionth and round apart, in exact arithmetic."""
    for proof in proofs:
        (_, x, n), (_, y, m) = shown(proof, "popular-claim").rows
        assert abs(Fraction(x) - Fraction(y)) < Fraction(1, 2 * NANO)
        assert (round(Fraction(x) * NANO), round(Fraction(y) * NANO)) == (int(n), int(m))
        assert n != m


def test_the_popular_claim_about_floor_is_refuted_by_the_known_numbers(proofs: list[Proof]) -> None:
    """1 - 10^-10 and 1 are a tenth of a billionth apart, and the floor of one is 999999999, of the other 1000000000."""
    for proof in proofs:
        rows = shown(proof, "popular-claim-of-floor").rows
        assert rows == (("x", "0.9999999999", "999999999"), ("y", "1", "1000000000"))


def test_every_rounding_of_the_earlier_system_is_among_the_mutants(proofs: list[Proof]) -> None:
    """Floor, truncation after adding a half, ties up, ties away: each is refuted, each with values shown."""
    earlier = {"floor", "truncated-half-up", "half-up", "half-away"}
    refuted = {trial.mutant for trial in proofs[0].mutants if all(check.shown for check in trial.checks)}
    assert earlier <= refuted


def test_the_exact_theorem_fails_if_a_boundary_has_the_wrong_owner() -> None:
    """The check sees ownership: give each boundary to its odd neighbour and `cells` is refuted."""
    wrong = rounding_stability.obligations(lambda x: rounding.half_even(x + 1) - 1)
    refuted = {o.name for o in wrong if Prover(0).decide(o).status is ProofStatus.REFUTED}
    assert {"ties to even", "cells"} <= refuted
    assert "nearest" not in refuted


@given(st.fractions())
def test_a_decimal_is_exact(value: Fraction) -> None:
    """However a value is written, it reads back as itself."""
    assert Fraction(model_values.decimal(value)) == value
