"""What a node concludes from a valid, authentic record (JDG-1 to JDG-5)."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from .reals import nearest
from .signals import budget, d_hat, in_billionths, regime
from .texts import CONSTANTS


def judge(record: Mapping[str, Any]) -> dict[str, Any]:
    """The outcome: the first deviation of slope, regime and budget, in this order, is the reason."""
    slope = d_hat(record["scales"], [record["N_j"][str(scale)] for scale in record["scales"]])
    formula = budget(record["D_hat"], record["coh_star"], record["r"])
    accepted, reason = True, "ok"
    if _beyond(record["D_hat"], slope, "tolerance_D_hat"):
        accepted, reason = False, "D_hat_out_of_tolerance"
    elif record["regime"] != regime(record["D_hat"], record["coh_star"]):
        reason = "regime_mismatch"
    elif _beyond(record["budget"], formula, "tolerance_budget"):
        reason = "budget_deviation"
    return {
        "accepted": accepted,
        "escalated": reason != "ok",
        "reason": reason,
        "recomputed_D_hat": nearest(slope),
        "recomputed_budget": nearest(formula),
    }


def _beyond(claimed: float, recomputed: Fraction, tolerance: str) -> bool:
    """Whether both, in whole billionths, differ by more than the tolerance (JDG-1)."""
    return abs(in_billionths(claimed) - recomputed) > in_billionths(CONSTANTS["judgement"][tolerance])
