"""Reals as they are signed and judged: whole billionths, found by exact arithmetic (C14N-2 to C14N-4)."""

import math
from fractions import Fraction
from functools import reduce

from .texts import CONSTANTS, Broken

NANO: int = CONSTANTS["canonical"]["nano"]
DIGITS: int = CONSTANTS["canonical"]["digits"]


def billionths(x: float | Fraction) -> int:
    """The nearest whole number of billionths, of two equally near the even one (C14N-2); NaN and infinities break C14N-4."""
    if isinstance(x, float) and not math.isfinite(x):
        raise Broken("C14N-4")
    scaled = Fraction(x) * NANO
    below = scaled.numerator // scaled.denominator
    over = scaled - below
    if over == Fraction(1, 2):
        return below + below % 2
    return below + (1 if over > Fraction(1, 2) else 0)


def fixed9(x: float) -> str:
    """The text of a real with nine fractional digits (C14N-2); zero has no sign (C14N-3)."""
    count = billionths(x)
    whole, fraction = divmod(abs(count), NANO)
    return f"{'-' if count < 0 else ''}{whole}.{fraction:0{DIGITS}}"


def rounded(x: float | Fraction) -> float:
    """The binary64 number nearest to the rounded value, as JSON carries it."""
    return nearest(Fraction(billionths(x), NANO))


def nearest(x: Fraction) -> float:
    """The binary64 number nearest to `x`, of two the even one (IEEE 754, 4.3.1). Python divides integers so."""
    return x.numerator / x.denominator


def shortest(x: float) -> str:
    """The rounded value as the shortest decimal that reads back, in Python's notation (C14N-6)."""
    return repr(rounded(x))


def added(*terms: float) -> float:
    """Numbers added from left to right, each sum rounded to binary64."""
    return reduce(lambda total, term: nearest(Fraction(total) + Fraction(term)), terms)


def multiplied(x: float, y: float) -> float:
    """A product rounded to binary64."""
    return nearest(Fraction(x) * Fraction(y))
