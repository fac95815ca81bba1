"""Coherence: the fullest bin over seeded directions (SIG-2).

Directions are computed with many digits and then rounded; from there on each operation is the exact one, rounded to binary64.
"""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import islice

from .mersenne import normals
from .reals import added, multiplied, nearest, rounded
from .signals import SIGNALS

PRECISION = 60
BINS: int = SIGNALS["bins"]


def coherence(points: Sequence[Sequence[float]], dimensions: int, seed: int) -> tuple[float, list[float]]:
    """`coh_star` and `v_star`, rounded; no points give 0 and a zero vector."""
    if not points:
        return 0.0, [0.0] * dimensions
    fullest, best = 0, [0.0] * dimensions
    for direction in _directions(dimensions, seed):
        count = _fullest([_projection(point, direction) for point in points])
        if count > fullest:
            fullest, best = count, direction
    return rounded(Fraction(fullest, len(points))), [rounded(x) for x in best]


def _directions(dimensions: int, seed: int) -> list[list[float]]:
    with localcontext() as context:
        context.prec = PRECISION
        stream = normals(seed)
        drawn = [list(islice(stream, dimensions)) for _ in range(SIGNALS["directions"])]
        lengths = [sum((x * x for x in direction), Decimal(0)).sqrt() for direction in drawn]
        return [
            [nearest(Fraction(x / length)) for x in direction] for direction, length in zip(drawn, lengths, strict=True)
        ]


def _projection(point: Sequence[float], direction: Sequence[float]) -> float:
    return added(*(multiplied(x, v) for x, v in zip(point, direction, strict=True)))


def _fullest(projections: list[float]) -> int:
    least, extent = min(projections), added(max(projections), -min(projections))
    if extent < SIGNALS["min_extent"]:
        return len(projections)
    width = nearest(Fraction(extent) / BINS)
    bounds = [added(least, multiplied(i, width)) for i in range(1, BINS)]
    return max(Counter(sum(p >= bound for bound in bounds) for p in projections).values())
