"""The judgement of a record: exact at both edges of a tolerance, and a function of the record's content alone."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.support.model.golden import GOLDENS, Golden
from tests.support.model.strategies import change, counts, honest_records, records

from flk.model.entries.entry import Reason, content_digest
from flk.model.entries.judgement import judge
from flk.model.record.canonical import nano, round9
from flk.model.record.record import LIMITS, Pcs, Regime
from flk.model.record.rules import DEFAULT
from flk.model.record.signals import budget, d_hat, regime

NANO = 10**9
sides = st.sampled_from([-1, 1])


def slope(record: Pcs) -> int:
    """The slope of the record's counts, in billionths."""
    return nano(d_hat(record.scales, [record.N_j[str(scale)] for scale in record.scales]))


def claiming(record: Pcs, D_hat: float) -> Pcs:
    """The record with another slope, and the regime and budget that follow from it."""
    cost = round9(budget(D_hat, record.coh_star, record.r))
    return change(record, D_hat=D_hat, regime=regime(D_hat, record.coh_star), budget=cost)


def test_the_tolerances_in_billionths() -> None:
    """0.15 and 0.01."""
    assert (DEFAULT.tolerance_D_hat, DEFAULT.tolerance_budget) == (150_000_000, 10_000_000)


@given(honest_records())
def test_an_honest_record_is_accepted(record: Pcs) -> None:
    """And its claims are what the node computes."""
    outcome = judge(record)
    assert (outcome.accepted, outcome.escalated, outcome.reason) == (True, False, Reason.OK)
    assert (outcome.recomputed_D_hat, outcome.recomputed_budget) == (record.D_hat, record.budget)


@pytest.mark.parametrize("golden", GOLDENS)
def test_golden_records_are_accepted(golden: Golden) -> None:
    """They claim the upper of the two middle slopes; the true median is within tolerance."""
    outcome = judge(golden.record)
    middle = sum(golden.slopes[2:4]) / 2
    assert (outcome.accepted, outcome.escalated, outcome.reason) == (True, False, Reason.OK)
    assert (outcome.recomputed_D_hat, outcome.recomputed_budget) == (round9(middle), golden.record.budget)


@given(honest_records(), sides)
def test_a_slope_off_by_the_tolerance_is_accepted_and_by_a_billionth_more_rejected(record: Pcs, side: int) -> None:
    """On both sides alike (JDG-1, JDG-2)."""
    edge = slope(record) + side * DEFAULT.tolerance_D_hat
    assume(0 <= edge + side <= LIMITS.D_hat_max * NANO and 0 <= edge <= LIMITS.D_hat_max * NANO)
    assert judge(claiming(record, edge / NANO)).reason is Reason.OK
    outcome = judge(claiming(record, (edge + side) / NANO))
    assert (outcome.accepted, outcome.escalated, outcome.reason) == (False, True, Reason.D_HAT)
    assert outcome.recomputed_D_hat == slope(record) / NANO


@given(honest_records(), sides)
def test_a_budget_off_by_the_tolerance_is_accepted_and_by_a_billionth_more_escalated(record: Pcs, side: int) -> None:
    """On both sides alike (JDG-1, JDG-4)."""
    edge = nano(record.budget) + side * DEFAULT.tolerance_budget
    assume(0 <= edge + side <= NANO and 0 <= edge <= NANO)
    assert judge(change(record, budget=edge / NANO)).reason is Reason.OK
    outcome = judge(change(record, budget=(edge + side) / NANO))
    assert (outcome.accepted, outcome.escalated, outcome.reason) == (True, True, Reason.BUDGET)
    assert outcome.recomputed_budget == record.budget


@given(honest_records(), st.sampled_from(Regime))
def test_a_wrong_regime_is_escalated(record: Pcs, claimed: Regime) -> None:
    """The label is compared with the one the claimed signals have (JDG-3)."""
    outcome = judge(change(record, regime=claimed))
    right = claimed == record.regime
    assert (outcome.accepted, outcome.escalated) == (True, not right)
    assert outcome.reason is (Reason.OK if right else Reason.REGIME)


def test_regime_and_budget_are_compared_with_those_of_the_claimed_slope() -> None:
    """A claim of 2.6 over counts with slope 2.5 is within tolerance, and so are the label and the cost that follow from it."""
    counted = change(GOLDENS[0].record, scales=(4, 16), N_j={"4": 1, "16": 32})
    claim = claiming(counted, 2.6)
    assert (slope(counted), claim.regime) == (2_500_000_000, Regime.NON_STICKY)
    assert judge(claim).reason is Reason.OK
    assert judge(change(claim, regime=Regime.MIXED)).reason is Reason.REGIME
    assert judge(change(claim, budget=claiming(counted, 2.5).budget)).reason is Reason.BUDGET


@given(records())
def test_the_first_deviation_is_the_reason(record: Pcs) -> None:
    """Slope before regime before budget, whatever the record claims."""
    outcome = judge(record)
    wrong = {
        Reason.D_HAT: abs(nano(record.D_hat) - slope(record)) > 150_000_000,
        Reason.REGIME: record.regime != regime(record.D_hat, record.coh_star),
        Reason.BUDGET: abs(nano(record.budget) - nano(budget(record.D_hat, record.coh_star, record.r))) > 10_000_000,
        Reason.OK: True,
    }
    assert outcome.reason is next(reason for reason, holds in wrong.items() if holds)
    assert outcome.accepted == (outcome.reason is not Reason.D_HAT)
    assert outcome.escalated == (outcome.reason is not Reason.OK)


@given(honest_records(), records())
def test_delivery_does_not_change_the_judgement(record: Pcs, other: Pcs) -> None:
    """Nor does anything else that is neither signed nor judged (JDG-5)."""
    kept = {name: getattr(other, name) for name in ("attempt", "sent_at", "seed", "v_star", "version", "sig", "ft")}
    assert judge(change(record, **kept)) == judge(record)


noise = st.floats(-6e-10, 6e-10)


@given(records() | honest_records(), noise, noise, noise, noise)
def test_one_content_has_one_outcome(record: Pcs, a: float, b: float, c: float, d: float) -> None:
    """Records with equal digests are judged alike, also where digits beyond the ninth differ."""
    noisy = change(
        record, D_hat=record.D_hat + a, coh_star=record.coh_star + b, r=record.r + c, budget=record.budget + d
    )
    if content_digest(noisy) == content_digest(record):
        assert judge(noisy) == judge(record)


@given(records(), st.data())
def test_recomputed_values_are_rounded_and_bounded(record: Pcs, data: st.DataObject) -> None:
    """Whatever the counts are, the outcome has nine decimals and a budget in [0, 1]."""
    outcome = judge(change(record, N_j={key: data.draw(counts) for key in record.N_j}))
    assert outcome.recomputed_D_hat == round9(outcome.recomputed_D_hat)
    assert outcome.recomputed_budget == round9(outcome.recomputed_budget)
    assert 0 <= outcome.recomputed_budget <= 1


@pytest.mark.parametrize(
    ("claimed", "reason"),
    [(1.15, Reason.OK), (0.85, Reason.OK), (1.150000001, Reason.D_HAT), (0.849999999, Reason.D_HAT)],
)
def test_the_edges_that_the_earlier_server_told_apart(claimed: float, reason: Reason) -> None:
    """Its slope was 1 and its tolerance 0.15; it took 1.15 and refused 0.85."""
    record = claiming(change(GOLDENS[0].record, N_j={"2": 5, "4": 10, "8": 20, "16": 40}), claimed)
    assert judge(record).reason is reason


@given(honest_records(), sides)
def test_each_number_of_a_policy_moves_its_own_edge(record: Pcs, side: int) -> None:
    """What the default escalates another policy accepts, and the other way round, at exactly the numbers that it states."""
    far = nano(record.budget) + side * 400 * DEFAULT.tolerance_budget // 10
    assume(0 <= far <= NANO)
    claimed = change(record, budget=far / NANO)
    distance = abs(nano(claimed.budget) - nano(budget(record.D_hat, record.coh_star, record.r)))
    assert judge(claimed).reason is Reason.BUDGET
    assert judge(claimed, rules=replace(DEFAULT, tolerance_budget=distance)).reason is Reason.OK
    assert judge(claimed, rules=replace(DEFAULT, tolerance_budget=distance - 1)).reason is Reason.BUDGET
    off = abs(nano(record.D_hat) - slope(record))
    assert judge(record, rules=replace(DEFAULT, tolerance_D_hat=off)).reason is Reason.OK
    assert judge(record, rules=replace(DEFAULT, tolerance_D_hat=off - 1)).reason is Reason.D_HAT
    for number, most in (("base", 0.05), ("alpha", 0.1), ("gamma", 0.1)):
        other = replace(DEFAULT, **{number: most})
        expected = round9(budget(record.D_hat, record.coh_star, record.r, other))
        assert judge(record, rules=other).recomputed_budget == expected


def test_the_thresholds_of_a_policy_decide_the_regime() -> None:
    """At the threshold it is sticky, and by a billionth beyond it is not."""
    rules = replace(DEFAULT, sticky_D_max=1.2, sticky_coh_min=0.4, non_sticky_D_min=1.3)
    points = {(1.2, 0.4): "sticky", (1.200000001, 0.4): "mixed", (1.2, 0.399999999): "mixed", (1.3, 0.9): "non_sticky"}
    assert {point: regime(*point, rules).value for point in points} == points
    assert budget(2.0, 0.0, 1.0, replace(DEFAULT, D0=1.0, beta=0.25)) == pytest.approx(0.35)
