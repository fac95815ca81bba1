"""The judgement of a valid, authentic record (JDG-*, SAN-*): a pure function of its fields, and of the rules and the scrutiny in
force where it was logged.
"""

from flk.model.entries.entry import Outcome, Reason
from flk.model.entries.scrutiny import OFF, Scrutiny, anomaly, counts_fall
from flk.model.record.canonical import nano, round9
from flk.model.record.record import Pcs
from flk.model.record.rules import DEFAULT, Rules
from flk.model.record.signals import budget, d_hat, regime


def judge(record: Pcs, rules: Rules = DEFAULT, scrutiny: Scrutiny = OFF) -> Outcome:
    """Recompute what can be recomputed, and compare in billionths so that both edges of a tolerance are alike (JDG-1).

    The slope comes from the counts, the regime and the budget from the claimed signals. The first deviation is the reason:
    a wrong slope rejects (JDG-2), a wrong regime (JDG-3) or budget (JDG-4) accepts and escalates. Who logged the record, and when,
    decides by which rules (JDG-5, POL-8). What `scrutiny` asks besides is off, unless whoever judges knows at every replay that it
    was on (SAN-1).

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
    refutation = _refutation(record, slope, rules, scrutiny)
    reason = refutation or _doubt(record, cost, rules, scrutiny) or Reason.OK
    return Outcome(
        accepted=refutation is None,
        escalated=reason is not Reason.OK,
        reason=reason,
        recomputed_D_hat=round9(slope),
        recomputed_budget=round9(cost),
    )


def _refutation(record: Pcs, slope: float, rules: Rules, scrutiny: Scrutiny) -> Reason | None:
    """Why a record is not accepted (JDG-2, SAN-2, SAN-4). Before all doubts: nobody escapes by one more deviation (SAN-5)."""
    if abs(nano(record.D_hat) - nano(slope)) > rules.tolerance_D_hat:
        return Reason.D_HAT
    if scrutiny.counts and counts_fall(record):
        return Reason.COUNTS
    return Reason.ANOMALY if _reaches(record, scrutiny.reject_from) else None


def _doubt(record: Pcs, cost: float, rules: Rules, scrutiny: Scrutiny) -> Reason | None:
    """Why an accepted record is escalated (JDG-3, JDG-4, SAN-3, SAN-4)."""
    if record.regime != regime(record.D_hat, record.coh_star, rules):
        return Reason.REGIME
    if abs(nano(record.budget) - nano(cost)) > rules.tolerance_budget:
        return Reason.BUDGET
    if scrutiny.slope and not nano(scrutiny.slope[0]) <= nano(record.D_hat) <= nano(scrutiny.slope[1]):
        return Reason.SLOPE
    return Reason.ANOMALY if _reaches(record, scrutiny.escalate_from) else None


def _reaches(record: Pcs, threshold: float | None) -> bool:
    return threshold is not None and anomaly(record.D_hat, record.coh_star, record.r) >= nano(threshold)
