"""What may be asked of a record besides (SAN-2 to SAN-5)."""

from collections.abc import Mapping
from fractions import Fraction
from math import floor
from typing import Any

from .reals import NANO
from .signals import in_billionths
from .texts import CONSTANTS

KNEES = CONSTANTS["scrutiny"]
D_HAT_MAX, COH_STAR_MAX = CONSTANTS["record"]["D_hat_max"], CONSTANTS["record"]["coh_star_max"]


def counts_fall(record: Mapping[str, Any]) -> bool:
    """Whether a scale times a power of two has a smaller count (SAN-2)."""
    return any(
        record["N_j"].get(str(scale << doubled), record["N_j"][str(scale)]) < record["N_j"][str(scale)]
        for scale in record["scales"]
        for doubled in range(1, 11)
    )


def anomaly(D_hat: float, coh_star: float, r: float) -> Fraction:
    """The score (SAN-4)."""
    slope, coherence, share = in_billionths(D_hat), in_billionths(coh_star), in_billionths(r)
    a = along(slope, KNEES["slope_low"], 0) + along(slope, KNEES["slope_high"], D_HAT_MAX)
    b = whole(along(coherence, KNEES["coherence"], COH_STAR_MAX) * along(slope, KNEES["spread"], D_HAT_MAX))
    c = along(share, KNEES["dense"], 0) + along(share, KNEES["sparse"], 1)
    w = KNEES["weights"]
    return whole((w[0] * a + w[1] * b + w[2] * c) / sum(w))


def along(x: Fraction, start: Fraction, end: Fraction | int) -> Fraction:
    """How far on the way, in whole billionths."""
    return whole(min(Fraction(1), max(Fraction(0), (x - start) / (end - start))))


def whole(x: Fraction) -> Fraction:
    """Rounded down to a billionth."""
    return Fraction(floor(x * NANO), NANO)
