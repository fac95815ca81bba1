"""What an agent computes from counts, points and bytes (SIG-1, SIG-3 to SIG-6)."""

import math
import zlib
from collections.abc import Mapping, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import combinations

from .reals import NANO, added, billionths, multiplied, nearest, rounded
from .texts import CONSTANTS

SIGNALS = CONSTANTS["signals"]
PRECISION = 60
"""Decimal digits that logarithms are computed with: forty more than a slope needs to be rounded rightly."""


def d_hat(scales: Sequence[int], counts: Sequence[int]) -> Fraction:
    """The median of all slopes of log2 count over log2 scale, in whole billionths (SIG-1)."""
    with localcontext() as context:
        context.prec = PRECISION
        ln2 = Decimal(2).ln()
        points = [
            (Decimal(scale).ln() / ln2, Decimal(count).ln() / ln2) for scale, count in zip(scales, counts, strict=True)
        ]
        too_close = Decimal(SIGNALS["min_dx"].numerator) / SIGNALS["min_dx"].denominator
        slopes = sorted(
            (y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2) if abs(x2 - x1) >= too_close
        )
        middle = slopes[(len(slopes) - 1) // 2], slopes[len(slopes) // 2]
        return in_billionths(Fraction(middle[0] + middle[1]) / 2)


def in_billionths(x: float | Fraction) -> Fraction:
    """A real rounded by C14N-2, exactly."""
    return Fraction(billionths(x), NANO)


def regime(D_hat: float, coh_star: float, thresholds: Mapping[str, Fraction] = SIGNALS) -> str:
    """The part of the plane that both signals, rounded, lie in (SIG-4)."""
    slope, coherence = in_billionths(D_hat), in_billionths(coh_star)
    if coherence >= thresholds["sticky_coh_min"] and slope <= thresholds["sticky_D_max"]:
        return "sticky"
    return "non_sticky" if slope >= thresholds["non_sticky_D_min"] else "mixed"


def budget(D_hat: float, coh_star: float, r: float, weights: Mapping[str, Fraction] = CONSTANTS["budget"]) -> Fraction:
    """The formula over rounded signals, cut to [0, 1], in whole billionths (SIG-6).

    It is summed from left to right in binary64 (SIG-7), each operation here the exact one, then rounded.
    """
    base, alpha, beta, gamma, D0 = (nearest(weights[name]) for name in ("base", "alpha", "beta", "gamma", "D0"))
    over = max(0.0, added(rounded(D_hat), -D0))
    total = added(
        base, multiplied(alpha, added(1.0, -rounded(r))), multiplied(beta, over), multiplied(gamma, rounded(coh_star))
    )
    return in_billionths(min(max(total, 0.0), 1.0))


def compressibility(raw: bytes) -> Fraction:
    """The share of the raw length that zlib leaves, at most 1, in whole billionths (SIG-3)."""
    if not raw:
        return Fraction(1)
    return in_billionths(min(Fraction(1), Fraction(len(zlib.compress(raw, SIGNALS["zlib_level"])), len(raw))))


def count_cells(points: Sequence[Sequence[float]], scales: Sequence[int]) -> dict[str, int]:
    """For each scale the number of distinct cells, floors of coordinates times the scale, that hold a point (SIG-5)."""
    return {str(scale): len({tuple(_cell(x, scale) for x in point) for point in points}) for scale in scales}


def _cell(coordinate: float, scale: int) -> int:
    return math.floor(multiplied(coordinate, scale))
