"""The theorems about data: Z3 proves its share under every seed, and what Z3 and Coq say of numbers holds of the model's."""

import math
import struct
from fractions import Fraction
from math import floor

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from z3 import ArithRef, If, IntNumRef, RealVal, ToInt, ToReal, is_true, simplify

from flk.formal.proofs import data
from flk.formal.proofs.data import budget as formula
from flk.formal.proofs.data import regimes
from flk.formal.proofs.data.model_values import billionths as in_billionths
from flk.formal.proofs.data.rounding import half_even
from flk.formal.prover.theorem import ProofStatus, Prover, prove
from flk.model.record import signals
from flk.model.record.canonical import Signed, canonical_bytes, fixed9, nano
from flk.model.record.identity import pcs_id
from flk.model.record.record import Regime
from flk.spec.constants import CONSTANTS

NANO = CONSTANTS.canonical.nano
LIMIT = 2**23
SEEDS = range(5)
TWO, NOTHING = RealVal(Fraction(2)), RealVal(Fraction(0))

billionths = st.integers(0, 4 * NANO)
slopes = st.integers(0, int(in_billionths(CONSTANTS.record.D_hat_max)))
coherences = st.integers(0, int(in_billionths(CONSTANTS.record.coh_star_max)))
shares = st.integers(0, NANO)
doubles = st.floats(allow_nan=False, allow_infinity=False)
signal = st.floats(-7.999, 7.999) | st.integers(-16 * NANO, 16 * NANO).map(lambda k: k / NANO / 2)


def integer(n: int) -> ArithRef:
    """The solver's literal."""
    return ToInt(RealVal(Fraction(n)))


def evaluated(term: ArithRef) -> int:
    """What a term without symbols comes to."""
    value = simplify(term)
    assert isinstance(value, IntNumRef)
    return int(value.as_string())


def exact_budget(d: int, c: int, r: int) -> Fraction:
    """SIG-6 in exact arithmetic, of and in billionths."""
    b = CONSTANTS.budget
    base, alpha, beta, gamma, d0 = (Fraction(str(x)) for x in (b.base, b.alpha, b.beta, b.gamma, b.D0))
    cost = base * NANO + alpha * (NANO - r) + beta * max(Fraction(0), d - d0 * NANO) + gamma * c
    return min(Fraction(NANO), max(Fraction(0), cost))


def neighbour(x: float, steps: int) -> float:
    """The positive binary64 number so many steps up from `x`."""
    (bits,) = struct.unpack(">q", struct.pack(">d", x))
    (moved,) = struct.unpack(">d", struct.pack(">q", bits + steps))
    assert isinstance(moved, float)
    return moved


# Z3's theorems.


@pytest.mark.parametrize("name", ["budget", "regimes"])
def test_it_is_proved_under_every_seed(name: str) -> None:
    """Every obligation holds, every witness exists and every mutant fails, with values shown."""
    proofs = [prove(data.THEOREMS[name](), seed) for seed in SEEDS]
    assert [proof.status for proof in proofs] == [ProofStatus.PROVED] * len(SEEDS)
    assert all(check.shown for trial in proofs[0].mutants for check in trial.checks)


def test_every_theorem_about_data_has_requirements_words_witnesses_and_mutants() -> None:
    """Names are those of the table."""
    built = {name: theorem() for name, theorem in data.THEOREMS.items()}
    assert {name: theorem.name for name, theorem in built.items()} == {name: name for name in data.THEOREMS}
    assert all(t.requirements and t.statement and t.witnesses and t.mutants for t in built.values())


@given(billionths, billionths, billionths)
def test_the_symbolic_budget_is_the_exact_formula(d: int, c: int, r: int) -> None:
    """Evaluated on numbers, Z3's formula is that of the specification."""
    assert evaluated(half_even(formula.budget(integer(d), integer(c), integer(r)))) == round(exact_budget(d, c, r))


def test_a_budget_that_falls_by_two_billionths_is_refuted() -> None:
    """The check sees a small fault: two billionths less above D0."""
    faulty = formula.obligations(lambda d, c, r: formula.budget(d, c, r) - If(ToReal(d) > formula.D0, TWO, NOTHING))
    refuted = {claim.name for claim in faulty if Prover(0).decide(claim).status is ProofStatus.REFUTED}
    assert "never falls when D_hat rises" in refuted
    assert "never rises when r rises" not in refuted


@given(slopes, coherences)
def test_the_symbolic_regimes_are_those_of_the_model(d: int, c: int) -> None:
    """Z3's three tests pick what the model's chain of tests picks."""
    terms = regimes.CORRECT.of(RealVal(Fraction(d)), RealVal(Fraction(c)))
    names = (Regime.STICKY, Regime.NON_STICKY, Regime.MIXED)
    picked = [name for name, term in zip(names, terms, strict=True) if is_true(simplify(term))]
    assert picked == [signals.regime(d / NANO, c / NANO)]


# Coq's theorems, of the model's numbers. `tests/formal/proofs/test_coq.py` has Coq itself compute.


@settings(max_examples=500, deadline=None)
@given(doubles)
@example(2.0**23 + 2.0**-29)
@example(neighbour(2.0**24, -1))
@example(-(2.0**23))
@example(1e300)
@example(5e-324)
def test_what_is_signed_survives_a_trip_through_text(x: float) -> None:
    """Binary64.signing_survives_a_trip: written, read and written again, any finite number has the same text."""
    assert fixed9(float(fixed9(x))) == fixed9(x)


@given(st.integers(-LIMIT * NANO, LIMIT * NANO))
@example(LIMIT * NANO)
@example(LIMIT * NANO - 1)
def test_a_text_up_to_the_limit_survives_a_trip_through_a_number(n: int) -> None:
    """Binary64.text_survives_a_trip; the quotient of integers is the nearest number, as Machine.quotient_is_nearest has it."""
    assert nano(n / NANO) == n


def test_a_text_beyond_the_limit_changes() -> None:
    """Binary64.text_trip_limit_is_exact: the range cannot be wider."""
    assert nano((LIMIT * NANO + 1) / NANO) != LIMIT * NANO + 1


@given(st.integers(-LIMIT * NANO, LIMIT * NANO), st.integers(-2, 2))
def test_rounded_numbers_compare_as_their_billionths_do(n: int, step: int) -> None:
    """Binary64.comparing_is_comparing_billionths, at close quarters."""
    m = max(-LIMIT * NANO, min(LIMIT * NANO, n + step))
    assert (n / NANO <= m / NANO) == (n <= m)


@settings(max_examples=500, deadline=None)
@given(st.integers(0, 8 * NANO - 1), st.integers(-300, 300))
@example(0, 0)
def test_the_fast_way_to_billionths_is_exact_away_from_ties(k: int, steps: int) -> None:
    """Binary64.fast_path_is_exact, on numbers as close to a tie as there are; and so `nano` is exact on all of them."""
    x = neighbour((2 * k + 1) / (2 * NANO), steps)
    scaled = x * NANO
    exact = round(Fraction(x) * NANO)
    if abs(scaled - round(scaled)) < 0.5 - 2.0**-20:
        assert round(scaled) == exact
    assert nano(x) == exact


def test_the_fast_way_is_wrong_at_a_tie() -> None:
    """Why it has a guard: the product is half a billionth exactly, the number a little more."""
    x = 5e-10
    assert Fraction(x) * NANO > Fraction(1, 2)
    assert (x * NANO, round(x * NANO), nano(x)) == (0.5, 0, 1)


@given(signal, signal, signal, signal, signal, signal)
def test_the_judged_budget_is_bounded_and_monotone_for_all_numbers(
    d: float, c: float, r: float, more_d: float, more_c: float, less_r: float
) -> None:
    """Budget.judged_budget_bounded and judged_budget_monotone, out of range too."""
    low = nano(signals.budget(min(d, more_d), min(c, more_c), max(r, less_r)))
    high = nano(signals.budget(max(d, more_d), max(c, more_c), min(r, less_r)))
    assert 0 <= low <= high <= NANO


@settings(max_examples=300, deadline=None)
@given(slopes, coherences, shares)
def test_the_budget_is_the_formula_to_the_billionth(d: int, c: int, r: int) -> None:
    """Budget.budget64_is_the_formula: the program and the exact formula round to the same or to neighbours."""
    assert abs(nano(signals.budget(d / NANO, c / NANO, r / NANO)) - round(exact_budget(d, c, r))) <= 1


ORDERS = (
    lambda b, s, e, c: ((b + s) + e) + c,
    lambda b, s, e, c: ((c + e) + s) + b,
    lambda b, s, e, c: (b + c) + (s + e),
    lambda b, s, e, c: math.fsum((b, s, e, c)),
)
"""Ways to add the four terms up."""


@settings(max_examples=300, deadline=None)
@given(slopes, coherences, shares)
def test_away_from_ties_every_order_of_the_sum_is_the_formula(d: int, c: int, r: int) -> None:
    """Budget.budget_is_stable_away_from_ties: the exact sum is a whole number of tenths, so it is a tie or far from one."""
    exact = exact_budget(d, c, r)
    assume(exact * 10 % 10 != 5)
    weights = CONSTANTS.budget
    excess = max(0.0, d / NANO - weights.D0)
    terms = weights.base, weights.alpha * (1 - r / NANO), weights.beta * excess, weights.gamma * (c / NANO)
    assert {nano(min(1.0, order(*terms))) for order in ORDERS} == {round(exact)}


def test_budget_and_formula_do_part_by_a_billionth() -> None:
    """The bound cannot be lower: at a tie of the formula the program may fall on the other side."""
    parted = [
        r
        for r in range(5, 2000, 10)
        if nano(signals.budget(1.0, 0.5, r / NANO)) != round(exact_budget(NANO, NANO // 2, r))
    ]
    assert parted


@given(signal, signal)
def test_the_regime_is_that_of_what_is_signed(d: float, c: float) -> None:
    """Regime.regime64_is_of_what_is_signed: comparing billionths finds what comparing binary64 numbers finds."""
    s = CONSTANTS.signals
    coherent, low, high = (nano(x) for x in (s.sticky_coh_min, s.sticky_D_max, s.non_sticky_D_min))
    sticky, non_sticky = nano(c) >= coherent and nano(d) <= low, nano(d) >= high
    expected = Regime.STICKY if sticky else Regime.NON_STICKY if non_sticky else Regime.MIXED
    assert signals.regime(d, c) == expected


# Counterexamples to what the earlier system claimed.


def test_rounding_down_is_not_stable() -> None:
    """Earlier.rounding_stability_counterexample."""
    x = 1 - Fraction(1, 10**10)
    assert 1 - x < Fraction(1, 2 * NANO)
    assert (floor(x * NANO), floor(Fraction(1) * NANO)) == (999_999_999, 1_000_000_000)


def test_two_records_have_one_text_and_so_one_signature() -> None:
    """Earlier.signature_security_false: D_hat of 1 and of 1 + 10^-10."""
    one = Signed(1.0, 0.0, 0.0, 1, "0" * 64, "0" * 64, 0.0, "shard")
    other = Signed(1.0 + 1e-10, 0.0, 0.0, 1, "0" * 64, "0" * 64, 0.0, "shard")
    assert one != other
    assert canonical_bytes(one) == canonical_bytes(other)


def test_two_computations_share_an_id_if_roots_may_be_any_text() -> None:
    """Canonical.preimage_of_any_text_is_ambiguous."""
    assert pcs_id("a|1", 2, "x") == pcs_id("a", 1, "2|x")


@given(
    st.from_regex(r"\A[0-9a-f]{64}\Z"),
    st.integers(0, 99),
    st.text("|12ax", max_size=4),
    st.integers(0, 99),
    st.text("|12ax", max_size=4),
)
def test_the_form_of_roots_is_enough_for_ids(
    root: str, epoch: int, shard: str, other_epoch: int, other_shard: str
) -> None:
    """Canonical.preimage_injective: even shards with bars share no id."""
    same = (epoch, shard) == (other_epoch, other_shard)
    assert (pcs_id(root, epoch, shard) == pcs_id(root, other_epoch, other_shard)) == same
