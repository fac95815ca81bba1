"""The budget lies in [0, 1], rises with D_hat and coh_star, and falls as r rises (SIG-6).

Signals are integers in billionths, as they are signed; the budget is rounded likewise.
"""

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import TypeAlias

from z3 import And, ArithRef, BoolRef, BoolVal, If, Int, RealVal, ToReal

from flk.formal.proofs.data.model_values import NANO, billionths, read_units
from flk.formal.proofs.data.rounding import distance, half_even
from flk.formal.prover.theorem import Mutant, Obligation, Reader, Theorem, Witness
from flk.spec.constants import CONSTANTS

NAME = "budget"
LIMITS = CONSTANTS.record
BASE, D0 = (RealVal(billionths(value)) for value in (CONSTANTS.budget.base, CONSTANTS.budget.D0))
ALPHA, BETA, GAMMA = (
    RealVal(Fraction(str(weight))) for weight in (CONSTANTS.budget.alpha, CONSTANTS.budget.beta, CONSTANTS.budget.gamma)
)
ZERO, ONE = RealVal(Fraction(0)), RealVal(Fraction(NANO))

Formula: TypeAlias = Callable[[ArithRef, ArithRef, ArithRef], ArithRef]
"""Of D_hat, coh_star and r in billionths: a real, in billionths."""

D, C, R, MORE = Int("D_hat"), Int("coh_star"), Int("r"), Int("more")
ALWAYS = BoolVal(val=True)


def theorem() -> Theorem:
    """The budget."""
    at_the_cut = And(valid(), cost(D, C, R) > ONE)
    below_d0 = And(valid(), D > 0, D < D0)
    return Theorem(
        name=NAME,
        requirements=("SIG-6",),
        statement=(
            "For all signals, valid or not, the budget lies in [0, 1]. It never falls when D_hat or coh_star rises, nor when r "
            "falls, whatever the other two are. Of a valid record it is at least the base, so the lower cut never applies."
        ),
        obligations=obligations(budget),
        witnesses=(
            Witness("a valid record that is cut to 1", at_the_cut, _reader(budget)),
            Witness(
                "a slope that does not matter", And(below_d0, budget(D, C, R) == budget(D + 1, C, R)), _reader(budget)
            ),
        ),
        mutants=mutants(),
    )


def cost(d: ArithRef, c: ArithRef, r: ArithRef) -> ArithRef:
    """The formula before it is cut."""
    return BASE + _saving(r) + _spread(d) + _coherence(c)


def budget(d: ArithRef, c: ArithRef, r: ArithRef) -> ArithRef:
    """The formula of SIG-6."""
    return _cut(cost(d, c, r))


def valid() -> BoolRef:
    """The signals are in range (REC-5)."""
    highest = (RealVal(billionths(most)) for most in (LIMITS.D_hat_max, LIMITS.coh_star_max, 1.0))
    return And(*(And(signal >= 0, ToReal(signal) <= most) for signal, most in zip((D, C, R), highest, strict=True)))


def obligations(formula: Formula) -> tuple[Obligation, ...]:
    """What is claimed of a formula, rounded to billionths."""

    def rounded(d: ArithRef, c: ArithRef, r: ArithRef) -> ArithRef:
        return half_even(formula(d, c, r))

    here, more = rounded(D, C, R), MORE >= 0
    claims = (
        ("bounded", ALWAYS, And(here >= 0, here <= NANO)),
        ("never falls when D_hat rises", more, here <= rounded(D + MORE, C, R)),
        ("never falls when coh_star rises", more, here <= rounded(D, C + MORE, R)),
        ("never rises when r rises", more, here >= rounded(D, C, R + MORE)),
        ("at least the base", valid(), here >= half_even(BASE)),
    )
    return tuple(Obligation(name, given, goal, _reader(formula), valid()) for name, given, goal in claims)


def mutants() -> tuple[Mutant, ...]:
    """Formulas that a slip of the pen makes."""
    return (
        _mutant("not-cut", "The sum is taken as it is, so it can exceed 1.", cost, "bounded"),
        _mutant(
            "cut-too-early",
            "Coherence is added after the cut, so the budget can exceed 1.",
            lambda d, c, r: _cut(BASE + _saving(r) + _spread(d)) + _coherence(c),
            "bounded",
        ),
        _mutant(
            "ratio-not-saving",
            "The weight goes to r instead of 1 - r: what compresses well costs less.",
            lambda d, c, r: _cut(BASE + ALPHA * ToReal(r) + _spread(d) + _coherence(c)),
            "never rises when r rises",
        ),
        _mutant(
            "distance-from-D0",
            "The distance from D0 counts, not the excess over it.",
            lambda d, c, r: _cut(BASE + _saving(r) + BETA * distance(ToReal(d), D0) + _coherence(c)),
            "never falls when D_hat rises",
        ),
        _mutant(
            "coherence-as-a-rebate",
            "Coherence is subtracted.",
            lambda d, c, r: _cut(BASE + _saving(r) + _spread(d) - _coherence(c)),
            "never falls when coh_star rises",
            "at least the base",
        ),
    )


def _mutant(name: str, story: str, formula: Formula, *broken: str) -> Mutant:
    claims = {claim.name: claim for claim in obligations(formula)}
    return Mutant(name, story, tuple(claims[title] for title in broken))


def _reader(formula: Formula) -> Reader:
    signals = [("D_hat", D), ("coh_star", C), ("r", R), ("more", MORE)]
    return partial(read_units, [*signals, ("budget", half_even(formula(D, C, R)))])


def _saving(r: ArithRef) -> ArithRef:
    return ALPHA * (ONE - ToReal(r))


def _spread(d: ArithRef) -> ArithRef:
    return BETA * _positive(ToReal(d) - D0)


def _coherence(c: ArithRef) -> ArithRef:
    return GAMMA * ToReal(c)


def _positive(x: ArithRef) -> ArithRef:
    return If(x > ZERO, x, ZERO)


def _cut(x: ArithRef) -> ArithRef:
    return If(x > ONE, ONE, _positive(x))
