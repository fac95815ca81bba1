"""Roundings to billionths, and conditions under which two values round alike.

Everything is counted in billionths: x stands for the value 10^-9 x, exactly, so x may be any real number and a rounding is an
integer. N(x) is the nearest integer, the even one of two equally near. The other roundings are those of the earlier system.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import TypeAlias

from z3 import And, ArithRef, BoolRef, If, Not, Or, RealVal, ToInt, ToReal

HALF = RealVal(Fraction(1, 2))

Rounding: TypeAlias = Callable[[ArithRef], ArithRef]
Condition: TypeAlias = Callable[[Rounding, ArithRef, ArithRef], BoolRef]


def half_even(x: ArithRef) -> ArithRef:
    """N(x): the nearest integer, the even one of two (C14N-2)."""
    n = half_up(x)
    return If(And(ToReal(n) - x == HALF, n % 2 == 1), n - 1, n)


def floor(x: ArithRef) -> ArithRef:
    """The integer below."""
    return ToInt(x)


def half_up(x: ArithRef) -> ArithRef:
    """The nearest integer, the upper one of two."""
    return ToInt(x + HALF)


def truncated_half_up(x: ArithRef) -> ArithRef:
    """Add a half and drop the fraction: meant as `half_up`, but below zero it moves towards zero."""
    moved = x + HALF
    return If(moved >= 0, ToInt(moved), -ToInt(-moved))


def half_away(x: ArithRef) -> ArithRef:
    """The nearest integer, of two the one further from zero."""
    return If(x >= 0, half_up(x), -half_up(-x))


def distance(a: ArithRef, b: ArithRef) -> ArithRef:
    """The absolute difference."""
    return If(a >= b, a - b, b - a)


def below(x: ArithRef, k: ArithRef) -> BoolRef:
    """Whether x lies on the lower side of the boundary between k and k + 1, which belongs to the even one of the two."""
    boundary = ToReal(k) + HALF
    return Or(x < boundary, And(x == boundary, k % 2 == 0))


def separates(k: ArithRef, x: ArithRef, y: ArithRef) -> BoolRef:
    """The boundary above k separates x from y, x < y, as C14N-7 has it: strictly between, or on one and not with the other."""
    boundary = ToReal(k) + HALF
    even = k % 2 == 0
    return Or(And(x < boundary, boundary < y), And(x == boundary, even), And(y == boundary, Not(even)))


def one_cell(rounded: Rounding, x: ArithRef, y: ArithRef) -> BoolRef:
    """No boundary separates x from y: neither that above N(x) nor that above N(y), and if these do not, none does."""
    return And(*(below(x, k) == below(y, k) for k in (rounded(x), rounded(y))))


def not_across(rounded: Rounding, x: ArithRef, y: ArithRef) -> BoolRef:
    """No boundary lies strictly between x and y; whose it is where x or y lies on it is overlooked."""
    around = (n + i for n in (rounded(x), rounded(y)) for i in (-2, -1, 0, 1))  # one of these, if there is any
    return And(*(_on_one_side(ToReal(k) + HALF, x, y) for k in around))


def within_half(_: Rounding, x: ArithRef, y: ArithRef) -> BoolRef:
    """Whether x and y differ by less than a half."""
    return distance(x, y) < HALF


def out_of_reach(rounded: Rounding, x: ArithRef, delta: ArithRef) -> BoolRef:
    """Every boundary is further than `delta` from x; or none is nearer, and x rounds to an even number, which owns them."""
    margin = HALF - distance(ToReal(rounded(x)), x)
    return If(rounded(x) % 2 == 0, delta <= margin, delta < margin)


def _on_one_side(boundary: ArithRef, x: ArithRef, y: ArithRef) -> BoolRef:
    return Or(And(x <= boundary, y <= boundary), And(x >= boundary, y >= boundary))
