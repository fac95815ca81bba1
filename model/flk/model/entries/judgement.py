"""The judgement of a valid, authentic record (JDG-*): a pure function of its fields and the rules in force where it was logged."""

from flk.model.entries.entry import Outcome, Reason
from flk.model.record.canonical import nano, round9
from flk.model.record.record import Pcs
from flk.model.record.rules import DEFAULT, Rules
from flk.model.record.signals import budget, d_hat, regime


def judge(record: Pcs, rules: Rules = DEFAULT) -> Outcome:
    """Recompute what can be recomputed, and compare in billionths so that both edges of a tolerance are alike (JDG-1).

    The slope comes from the counts, the regime and the budget from the claimed signals. The first deviation is the reason:
    a wrong slope rejects (JDG-2), a wrong regime (JDG-3) or budget (JDG-4) accepts and escalates. Who
    logged the record, and when, decides by which rules (JDG-5, POL-8).

    >>> record = summarise([[0.1, 0.2], [0.4, 0.8]], b"raw data", shard_id="s1", epoch=1, seed=7, sent_at="2026-01-01T00:00:00Z")
    >>> judge(record).reason.value
    'ok'
    >>> import msgspec
    >>> outcome = judge(msgspec.structs.replace(record, budget=0.9))
    >>> outcome.accepted, outcome.escalated, outcome.reason.value
    (True, True, 'budget_deviation')
    """
    slope = d_hat(record.scales, [record.N_j[str(scale)] for scale in record.scales])
    cost = budget(record.D_hat, record.coh_star, record.r, rules)
    if abs(nano(record.D_hat) - nano(slope)) > rules.tolerance_D_hat:
        reason = Reason.D_HAT
    elif record.regime != regime(record.D_hat, record.coh_star, rules):
        reason = Reason.REGIME
    elif abs(nano(record.budget) - nano(cost)) > rules.tolerance_budget:
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
