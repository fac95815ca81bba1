"""What may be asked of a record beside what it must say: counts that can be, slopes that are usual, a score of oddity (SAN-*).

All of it in whole billionths, with quotients rounded down, so that every implementation comes to the same integer.
"""

from itertools import combinations
from typing import Annotated

import msgspec
from msgspec import Meta

from flk.model.record.canonical import NANO, nano
from flk.model.record.record import LIMITS, Pcs, Unit
from flk.spec.constants import CONSTANTS

Slope = Annotated[float, Meta(ge=0, le=LIMITS.D_hat_max)]

_KNEES = CONSTANTS.scrutiny
_SLOPE_LOW, _SLOPE_HIGH, _SPREAD = nano(_KNEES.slope_low), nano(_KNEES.slope_high), nano(_KNEES.spread)
_COHERENCE, _DENSE, _SPARSE = nano(_KNEES.coherence), nano(_KNEES.dense), nano(_KNEES.sparse)
_D_HAT_MAX, _COH_STAR_MAX = nano(LIMITS.D_hat_max), nano(LIMITS.coh_star_max)


class Scrutiny(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which checks are on: that counts do not fall, the least and greatest slope that is usual, and the scores from which a record
    is escalated and rejected. None, and False, is off.

    Raises ValueError for bounds or scores in the wrong order, and for numbers that are not finite.

    >>> Scrutiny(slope=(0.5, 3.0), escalate_from=0.3).counts
    False
    """

    counts: bool = False
    slope: tuple[Slope, Slope] | None = None
    escalate_from: Unit | None = None
    reject_from: Unit | None = None

    def __post_init__(self) -> None:
        if self.slope and not 0 <= self.slope[0] <= self.slope[1] <= LIMITS.D_hat_max:
            raise ValueError(f"slope: the least, then the greatest, from 0 to {LIMITS.D_hat_max}")
        for name in ("escalate_from", "reject_from"):
            score = getattr(self, name)
            if score is not None and not 0 < score <= 1:
                raise ValueError(f"{name}: above 0, at which every record would be odd, and at most 1")
        if self.escalate_from and self.reject_from and self.escalate_from > self.reject_from:
            raise ValueError("escalate_from: at most reject_from, since a record that is rejected is escalated, too")

    @property
    def on(self) -> dict[str, bool | float | tuple[float, float]]:
        """The checks that are on, by their names, with what they go by.

        >>> Scrutiny(slope=(0.5, 3.0)).on
        {'slope': (0.5, 3.0)}
        """
        return {name: asked for name in self.__struct_fields__ if (asked := getattr(self, name))}


OFF = Scrutiny()
"""Nothing is asked besides."""


def counts_fall(record: Pcs) -> bool:
    """Whether a finer grid has fewer cells than a coarser one that it divides, which no points do (SAN-2).

    Of two scales whose quotient is a power of two, cells of the finer lie each in one of the coarser, in binary64, too: the product
    with the one is exactly that with the other, doubled. Other grids do not nest, and honest counts may fall.
    """
    return any(
        record.N_j[str(fine)] < record.N_j[str(coarse)]
        for coarse, fine in combinations(sorted(record.scales), 2)
        if fine % coarse == 0 and (fine // coarse).bit_count() == 1
    )


def anomaly(D_hat: float, coh_star: float, r: float) -> int:
    """How odd the signals are, in billionths from 0 to 1: the weighted mean of three ways to be so, rounded down (SAN-4).

    >>> anomaly(1.0, 0.75, 0.5), anomaly(0.0, 0.75, 0.0)
    (0, 666666666)
    """
    slope, coherence, share = nano(D_hat), nano(coh_star), nano(r)
    ways = (
        _along(slope, _SLOPE_LOW, 0) + _along(slope, _SLOPE_HIGH, _D_HAT_MAX),
        _along(coherence, _COHERENCE, _COH_STAR_MAX) * _along(slope, _SPREAD, _D_HAT_MAX) // NANO,
        _along(share, _DENSE, 0) + _along(share, _SPARSE, NANO),
    )
    return sum(weight * way for weight, way in zip(_KNEES.weights, ways, strict=True)) // sum(_KNEES.weights)


def _along(value: int, start: int, end: int) -> int:
    """How far a value is on the way from `start` (0) to `end` (a billion), rounded down."""
    gone, way = (value - start, end - start) if end > start else (start - value, start - end)
    return min(NANO, max(0, gone) * NANO // way)
