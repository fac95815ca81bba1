"""The judgement of a valid, authentic record (JDG-*): a pure function of its fields."""

from flk.model.entries.entry import Outcome, Reason
from flk.model.record.canonical import nano, round9
from flk.model.record.record import Pcs
from flk.model.record.signals import budget, d_hat, regime
from flk.spec.constants import CONSTANTS

TOLERANCE_D_HAT = nano(CONSTANTS.judgement.tolerance_D_hat)
TOLERANCE_BUDGET = nano(CONSTANTS.judgement.tolerance_budget)


def judge(record: Pcs) -> Outcome:
    """Recompute what can be recomputed, and compare in billionths so that both edges of a tolerance are alike (JDG-1).

    The slope comes from the counts, the regime and the budget from the claimed signals. The first deviation is the reason:
    a wrong slope rejects (JDG-2), a wrong regime (JDG-3) or budget (JDG-4) accepts and escalates.

    >>> record = summarise([[0.1, 0.2], [0.4, 0.8]], b"raw data", shard_id="s1", epoch=1, seed=7, sent_at="2026-01-01T00:00:00Z")
    >>> judge(record).reason.value
    'ok'
    >>> import msgspec
    >>> outcome = judge(msgspec.structs.replace(record, budget=0.9))
    >>> outcome.accepted, outcome.escalated, outcome.reason.value
    (True, True, 'budget_deviation')
    """
    slope = d_hat(record.scales, [record.N_j[str(scale)] for scale in record.scales])
    cost = budget(record.D_hat, record.coh_star, record.r)
    if abs(nano(record.D_hat) - nano(slope)) > TOLERANCE_D_HAT:
        reason = Reason.D_HAT
    elif record.regime != regime(record.D_hat, record.coh_star):
        reason = Reason.REGIME
    elif abs(nano(record.budget) - nano(cost)) > TOLERANCE_BUDGET:
        reason = Reason.BUDGET
    else:
        reason = Reason.OK
    return Outcome(
        accepted=reason is not Reason.D_HAT,
        escalated=reason is not Reason.OK,
        reason=reason,
        recomputed_D_hat=round9(slope),
        recomputed_budget=round9(cost),
    )
