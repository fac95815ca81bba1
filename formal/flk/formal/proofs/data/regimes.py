"""Each pair of signals has exactly one regime, and it follows from what is signed (SIG-4). Signals are reals, in billionths."""

from collections.abc import Callable, Iterable
from functools import partial
from itertools import combinations
from typing import NamedTuple

from z3 import And, ArithRef, BoolRef, BoolVal, Not, Or, Real, RealVal, ToReal

from flk.formal.proofs.data.model_values import billionths, read_units
from flk.formal.proofs.data.rounding import half_even
from flk.formal.prover.theorem import Mutant, Obligation, Theorem, Witness
from flk.spec.constants import CONSTANTS

NAME = "regimes"
LIMITS, SIGNALS = CONSTANTS.record, CONSTANTS.signals
COHERENT, LOW, HIGH = (
    RealVal(billionths(bound)) for bound in (SIGNALS.sticky_coh_min, SIGNALS.sticky_D_max, SIGNALS.non_sticky_D_min)
)

Test = Callable[[ArithRef, ArithRef], BoolRef]
"""Of D_hat and coh_star, in billionths."""

D, C, D_TOO, C_TOO = Real("D_hat"), Real("coh_star"), Real("D_hat'"), Real("coh_star'")
ALWAYS = BoolVal(val=True)


class Regimes(NamedTuple):
    """What each regime is, and what is done to a signal before it is compared."""

    sticky: Test
    non_sticky: Test
    mixed: Test
    signed: Callable[[ArithRef], ArithRef]

    def of(self, d: ArithRef, c: ArithRef) -> tuple[BoolRef, BoolRef, BoolRef]:
        """Whether the signals are sticky, non-sticky, mixed."""
        d, c = self.signed(d), self.signed(c)
        return self.sticky(d, c), self.non_sticky(d, c), self.mixed(d, c)


def sticky(d: ArithRef, c: ArithRef) -> BoolRef:
    """Coherent, and of low slope."""
    return And(c >= COHERENT, d <= LOW)


def non_sticky(d: ArithRef, _: ArithRef) -> BoolRef:
    """Of high slope."""
    return d >= HIGH


def mixed(d: ArithRef, c: ArithRef) -> BoolRef:
    """Neither."""
    return And(Or(c < COHERENT, d > LOW), d < HIGH)


def signed(x: ArithRef) -> ArithRef:
    """A signal as it is signed."""
    return ToReal(half_even(x))


CORRECT = Regimes(sticky, non_sticky, mixed, signed)


def theorem() -> Theorem:
    """Regimes partition the plane."""
    names = ("sticky", "non-sticky", "mixed")
    return Theorem(
        name=NAME,
        requirements=("SIG-4", "REC-6"),
        statement=(
            "Every pair of real signals, rounded as it is signed, is sticky, non-sticky or mixed, and never two of these. Testing "
            "sticky first or non-sticky first finds the same. Signals that are signed alike have one regime. Each regime has a "
            "valid record."
        ),
        obligations=obligations(CORRECT),
        witnesses=tuple(
            Witness(f"a {name} record", And(_valid(D, C), case), _read)
            for name, case in zip(names, CORRECT.of(D, C), strict=True)
        ),
        mutants=mutants(),
    )


def obligations(regimes: Regimes) -> tuple[Obligation, ...]:
    """What is claimed of three tests."""
    here, there = regimes.of(D, C), regimes.of(D_TOO, C_TOO)
    is_sticky, is_non_sticky, _ = here
    neither = Not(Or(is_sticky, is_non_sticky))
    sticky_first = (is_sticky, And(is_non_sticky, Not(is_sticky)), neither)
    non_sticky_first = (And(is_sticky, Not(is_non_sticky)), is_non_sticky, neither)
    signed_alike = And(half_even(D) == half_even(D_TOO), half_even(C) == half_even(C_TOO))
    claims = (
        ("none left over", ALWAYS, Or(*here)),
        ("never two", ALWAYS, And(*(Not(And(a, b)) for a, b in combinations(here, 2)))),
        ("the order of tests does not matter", ALWAYS, _alike(sticky_first, non_sticky_first)),
        ("signed alike, one regime", signed_alike, _alike(here, there)),
    )
    plain = And(_valid(D, C), _valid(D_TOO, C_TOO))
    return tuple(Obligation(name, given, goal, _read, plain) for name, given, goal in claims)


def mutants() -> tuple[Mutant, ...]:
    """Other bounds, and other ways to compare."""
    overlapping = CORRECT._replace(non_sticky=lambda d, _: d >= LOW)
    return (
        _mutant(
            "overlapping-bounds",
            "Non-sticky begins where sticky ends, at one bound that belongs to both.",
            overlapping._replace(mixed=lambda d, c: Not(Or(overlapping.sticky(d, c), overlapping.non_sticky(d, c)))),
            "never two",
            "the order of tests does not matter",
        ),
        _mutant(
            "strict-here-closed-there",
            "One implementation's sticky excludes the bound, the other's mixed begins above it: the bound itself is left over.",
            CORRECT._replace(sticky=lambda d, c: And(c >= COHERENT, d < LOW)),
            "none left over",
        ),
        _mutant(
            "mixed-is-between",
            "Mixed is taken for a slope between the bounds, so a low slope without coherence is left over.",
            CORRECT._replace(mixed=lambda d, _: And(d > LOW, d < HIGH)),
            "none left over",
        ),
        _mutant(
            "unrounded",
            "Signals are compared before they are rounded: two records with one text have two regimes.",
            CORRECT._replace(signed=lambda x: x),
            "signed alike, one regime",
        ),
    )


def _mutant(name: str, story: str, regimes: Regimes, *broken: str) -> Mutant:
    claims = {claim.name: claim for claim in obligations(regimes)}
    return Mutant(name, story, tuple(claims[title] for title in broken))


def _alike(here: Iterable[BoolRef], there: Iterable[BoolRef]) -> BoolRef:
    return And(*(a == b for a, b in zip(here, there, strict=True)))


def _valid(d: ArithRef, c: ArithRef) -> BoolRef:
    most_d, most_c = (RealVal(billionths(most)) for most in (LIMITS.D_hat_max, LIMITS.coh_star_max))
    return And(d >= 0, d <= most_d, c >= 0, c <= most_c)


_read = partial(read_units, [(str(term), term) for term in (D, C, D_TOO, C_TOO)])
