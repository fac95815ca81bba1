"""When a small change moves a rounding and when it does not: the exact theorem, and the popular claim refuted."""

from collections.abc import Iterable
from fractions import Fraction
from functools import partial
from itertools import pairwise

from z3 import (
    And,
    ArithRef,
    BoolRef,
    BoolVal,
    Function,
    Implies,
    Int,
    IntSort,
    IsInt,
    Not,
    Or,
    Real,
    RealSort,
    RealVal,
    ToReal,
)

from flk.formal.proofs.data.model_values import NANO, read_values
from flk.formal.proofs.data.rounding import (
    HALF,
    Condition,
    Rounding,
    below,
    distance,
    floor,
    half_away,
    half_even,
    half_up,
    not_across,
    one_cell,
    out_of_reach,
    separates,
    truncated_half_up,
    within_half,
)
from flk.formal.prover.theorem import Mutant, Obligation, Theorem, Witness

NAME = "rounding-stability"

X, Y, DELTA, K, N = Real("x"), Real("y"), Real("delta"), Int("k"), Int("n")
ALWAYS = BoolVal(val=True)


def theorem() -> Theorem:
    """Rounding stability."""
    near = And(X == HALF, X < Y, 10 * (Y - X) <= 1)
    far = And(X == HALF, Y < X, 10 * (X - Y) >= 9)
    apart, alike = half_even(X) != half_even(Y), half_even(X) == half_even(Y)
    read = partial(read_values, half_even, (X, Y))
    return Theorem(
        name=NAME,
        requirements=("C14N-2", "C14N-7"),
        statement=(
            "Counted in billionths: every real x has exactly one rounding N(x), half to even; it is the nearest, monotone, "
            "idempotent and odd. N(x) = N(y) exactly when no boundary k + 1/2 separates x from y, each boundary belonging to "
            "the even one of k and k + 1. So every change of x by at most d keeps N(x) exactly when all boundaries are further "
            "than d from x, or none is nearer and N(x) is even. That every change below 1/2 keeps N(x) is false, of this and "
            "of any other rounding to a neighbour."
        ),
        obligations=(*obligations(half_even), no_rounding_is_so_stable()),
        witnesses=(
            Witness("close values that round apart", And(near, apart), read),
            Witness("distant values that round alike", And(far, alike), read),
        ),
        mutants=mutants(),
    )


def obligations(rounded: Rounding, enough: Condition = one_cell, at: BoolRef | None = None) -> tuple[Obligation, ...]:
    """What is claimed of a rounding; `enough` is the condition under which two values are to round alike.

    Counterexamples are shown `at` such values if there are any, by default at tenths.
    """
    n, m = rounded(X), rounded(Y)
    off, off_n = distance(ToReal(n), X), distance(ToReal(N), X)
    cell_x, cell_y = ((rounded(value) <= K) == below(value, K) for value in (X, Y))
    up, down = X + DELTA, X - DELTA
    calm = out_of_reach(rounded, X, DELTA)
    claims = (
        ("nearest", ALWAYS, off <= HALF, (X,)),
        ("ties to even", off == HALF, n % 2 == 0, (X,)),
        ("unique", And(off_n <= HALF, Implies(off_n == HALF, N % 2 == 0)), n == N, (X, N)),
        ("monotone", X <= Y, n <= m, (X, Y)),
        ("idempotent", ALWAYS, rounded(ToReal(n)) == n, (X,)),
        ("odd", ALWAYS, rounded(-X) == -n, (X, -X)),
        ("cells", ALWAYS, cell_x, (X, K)),
        ("alike in a cell", enough(rounded, X, Y), n == m, (X, Y)),
        ("alike only in a cell", And(n == m, cell_x, cell_y), below(X, K) == below(Y, K), (X, Y, K)),  # uses `cells`
        ("boundaries as worded", X < Y, And(below(X, K), Not(below(Y, K))) == separates(K, X, Y), (X, Y, K)),
        ("calm out of reach", And(DELTA >= 0, calm, distance(X, Y) <= DELTA), n == m, (X, Y, DELTA)),
        ("moved within reach", And(DELTA >= 0, Not(calm)), Or(rounded(up) != n, rounded(down) != n), (X, up, down)),
    )
    return tuple(
        Obligation(name, given, goal, partial(read_values, rounded, terms), tenths(terms) if at is None else at)
        for name, given, goal, terms in claims
    )


def no_rounding_is_so_stable() -> Obligation:
    """What the popular claim implies of six values, each 0.4 above the last: that the outer two, which are 2 apart, round alike.

    No rounding to a neighbour does that.
    """
    symbol = Function("rounded", RealSort(), IntSort())

    def rounded(x: ArithRef) -> ArithRef:
        n = symbol(x)
        assert isinstance(n, ArithRef)
        return n

    values = [X + RealVal(Fraction(4 * i, 10)) for i in range(6)]
    to_a_neighbour = And(*(distance(ToReal(rounded(value)), value) < 1 for value in values))
    stable = And(*(rounded(value) == rounded(following) for value, following in pairwise(values)))
    read = partial(read_values, rounded, values)
    return Obligation("no rounding is as stable as claimed", to_a_neighbour, Not(stable), read)


def mutants() -> tuple[Mutant, ...]:
    """Other roundings, and other conditions for rounding alike; most are the earlier system's."""
    one, close_to_one = RealVal(Fraction(NANO)), RealVal(NANO - Fraction(1, 10))
    refuting = And(close_to_one == X, one == Y)
    return (
        _mutant("floor", "Always down, as in the earlier proof.", obligations(floor), "nearest", "odd"),
        _mutant(
            "truncated-half-up",
            "Add a half and truncate, as in the earlier server: negative values move towards zero.",
            obligations(truncated_half_up),
            "nearest",
            "cells",
        ),
        _mutant("half-up", "Ties go up, as in JavaScript.", obligations(half_up), "ties to even", "odd"),
        _mutant(
            "half-away",
            "Ties go away from zero, as in most of the earlier kits.",
            obligations(half_away),
            "ties to even",
            "unique",
        ),
        _mutant(
            "boundary-without-owner",
            "Values round alike unless a boundary lies strictly between them: those on a boundary are overlooked.",
            obligations(half_even, not_across),
            "alike in a cell",
        ),
        _mutant(
            "popular-claim",
            "Values that differ by less than half a billionth round alike.",
            obligations(half_even, within_half),
            "alike in a cell",
        ),
        _mutant(
            "popular-claim-of-floor",
            "The same, said of the earlier proof's rounding; shown with the numbers that refuted it there.",
            obligations(floor, within_half, refuting),
            "alike in a cell",
        ),
    )


def _mutant(name: str, story: str, claims: tuple[Obligation, ...], *broken: str) -> Mutant:
    named = {claim.name: claim for claim in claims}
    return Mutant(name, story, tuple(named[title] for title in broken))


def tenths(terms: Iterable[ArithRef]) -> BoolRef:
    """The real ones are tenths, and small: numbers that read well."""
    return And(*(And(IsInt(10 * term), term >= -8, term <= 8) for term in terms if term.is_real()))
