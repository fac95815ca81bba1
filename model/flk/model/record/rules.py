"""What a judgement goes by: tolerances, thresholds of the regimes, weights of the budget (JDG-5)."""

import msgspec

from flk.model.record.canonical import nano
from flk.spec.constants import CONSTANTS


class Rules(msgspec.Struct, frozen=True, gc=False):
    """The numbers by which records are judged. Tolerances are in billionths (JDG-1).

    >>> DEFAULT.tolerance_D_hat, DEFAULT.sticky_D_max
    (150000000, 1.5)
    """

    tolerance_D_hat: int
    tolerance_budget: int
    sticky_coh_min: float
    sticky_D_max: float
    non_sticky_D_min: float
    base: float
    alpha: float
    beta: float
    gamma: float
    D0: float


DEFAULT = Rules(
    tolerance_D_hat=nano(CONSTANTS.judgement.tolerance_D_hat),
    tolerance_budget=nano(CONSTANTS.judgement.tolerance_budget),
    sticky_coh_min=CONSTANTS.signals.sticky_coh_min,
    sticky_D_max=CONSTANTS.signals.sticky_D_max,
    non_sticky_D_min=CONSTANTS.signals.non_sticky_D_min,
    base=CONSTANTS.budget.base,
    alpha=CONSTANTS.budget.alpha,
    beta=CONSTANTS.budget.beta,
    gamma=CONSTANTS.budget.gamma,
    D0=CONSTANTS.budget.D0,
)
"""What holds where no policy says otherwise."""
