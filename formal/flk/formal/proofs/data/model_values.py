"""What a solver's model says of numbers, exact and readable."""

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction

from z3 import ArithRef, IntNumRef, ModelRef, RatNumRef

from flk.formal.proofs.data.rounding import Rounding
from flk.formal.prover.theorem import Table
from flk.spec.constants import CONSTANTS

NANO = CONSTANTS.canonical.nano


def read_values(rounded: Rounding, terms: Iterable[ArithRef], model: ModelRef) -> Table:
    """The real terms in units, exactly, and what they round to; the integer ones as they are, in billionths."""
    rows = []
    for term in terms:
        value = exactly(model, term)
        real = term.is_real()
        rows.append(
            (str(term), decimal(value / NANO) if real else "", str(exactly(model, rounded(term)) if real else value))
        )
    return Table(("", "value", "in billionths"), tuple(rows))


def read_units(terms: Iterable[tuple[str, ArithRef]], model: ModelRef) -> Table:
    """The named terms, which count billionths, in units."""
    return Table(("", "value"), tuple((name, decimal(exactly(model, term) / NANO)) for name, term in terms))


def billionths(constant: float) -> Fraction:
    """A constant of the specification, by its decimal, in billionths."""
    return Fraction(str(constant)) * NANO


def exactly(model: ModelRef, term: ArithRef) -> Fraction:
    """The value that the model gives the term."""
    number = model.eval(term, model_completion=True)
    assert isinstance(number, IntNumRef | RatNumRef)
    return Fraction(number.as_string())


def decimal(value: Fraction) -> str:
    """A value as a decimal if it has a short one, as a fraction otherwise."""
    digits = next((n for n in range(20) if (value * 10**n).denominator == 1), None)
    return str(value) if digits is None else f"{Decimal(f'{value * 10**digits}E-{digits}'):f}"
