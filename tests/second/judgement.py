"""What a node concludes from a valid, authentic record, under a policy (JDG-1 to JDG-5, SAN-1 to SAN-5, POL-8, POL-12)."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from .reals import nearest
from .scrutiny import anomaly, counts_fall
from .signals import budget, d_hat, in_billionths, regime
from .texts import CONSTANTS

WEIGHTS = {name: name for name in ("base", "alpha", "beta", "gamma", "D0")}
THRESHOLDS = {
    "sticky_coh_min": "sticky_coherence_min",
    "sticky_D_max": "sticky_D_hat_max",
    "non_sticky_D_min": "non_sticky_D_hat_min",
}
TOLERANCES = {"tolerance_D_hat": "tol_D", "tolerance_budget": "tol_budget"}
"""Which field of a policy takes the place of which number."""


def judge(
    record: Mapping[str, Any], scrutiny: Mapping[str, Any] | None = None, policy: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The outcome: the first deviation is the reason, those that reject before those that escalate. `policy` is a document, which
    may say what is asked besides; without one, the numbers of the specification hold.
    """
    stated = policy or {}
    slope = d_hat(record["scales"], [record["N_j"][str(scale)] for scale in record["scales"]])
    formula = budget(record["D_hat"], record["coh_star"], record["r"], _numbers(stated, CONSTANTS["budget"], WEIGHTS))
    thresholds = _numbers(stated, CONSTANTS["signals"], THRESHOLDS)
    tolerances = _numbers(stated, CONSTANTS["judgement"], TOLERANCES)
    asked = scrutiny or stated.get("scrutiny") or {}
    score = anomaly(record["D_hat"], record["coh_star"], record["r"])
    least, greatest = map(in_billionths, asked.get("slope") or (0, 4))
    rejecting = {
        "D_hat_out_of_tolerance": _beyond(record["D_hat"], slope, tolerances["tolerance_D_hat"]),
        "counts_fall": bool(asked.get("counts")) and counts_fall(record),
        "anomaly_score": _reaches(score, asked.get("reject_from")),
    }
    escalating = {
        "regime_mismatch": record["regime"] != regime(record["D_hat"], record["coh_star"], thresholds),
        "budget_deviation": _beyond(record["budget"], formula, tolerances["tolerance_budget"]),
        "D_hat_unusual": not least <= in_billionths(record["D_hat"]) <= greatest,
        "anomaly_score": _reaches(score, asked.get("escalate_from")),
    }
    found = [name for reasons in (rejecting, escalating) for name, holds in reasons.items() if holds]
    return {
        "accepted": not any(rejecting.values()),
        "escalated": bool(found),
        "reason": found[0] if found else "ok",
        "recomputed_D_hat": nearest(slope),
        "recomputed_budget": nearest(formula),
    }


def _reaches(score: Fraction, threshold: float | None) -> bool:
    return threshold is not None and score >= in_billionths(threshold)


def _beyond(claimed: float, recomputed: Fraction, tolerance: Fraction) -> bool:
    """Whether both, in whole billionths, differ by more than the tolerance (JDG-1)."""
    return abs(in_billionths(claimed) - recomputed) > tolerance


def _numbers(policy: Mapping[str, Any], default: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Fraction]:
    """The numbers of the default, or those that a policy has in their place (POL-8)."""
    return {name: in_billionths(policy.get(field, default[name])) for name, field in names.items()}
