"""Scrutiny: counts that can be, slopes that are usual, a score of oddity; off unless it is asked for, and it only adds."""

import msgspec
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tests.support.model.golden import GOLDENS
from tests.support.model.strategies import change, honest_records, records, units

from flk.model.entries.entry import Reason
from flk.model.entries.judgement import judge
from flk.model.entries.scrutiny import OFF, Scrutiny, anomaly, counts_fall
from flk.model.record.canonical import NANO, nano, round9
from flk.model.record.points import count_cells
from flk.model.record.record import LIMITS, Pcs
from flk.model.record.signals import budget, d_hat, regime

slopes = st.floats(0, LIMITS.D_hat_max)
coherences = st.floats(0, LIMITS.coh_star_max)
scores = st.none() | st.floats(1e-9, 1)
scrutinies = st.builds(
    lambda counts, slope, low, high: Scrutiny(
        counts,
        slope,
        min(low, high) if low and high else low,
        max(low, high) if low and high else high,
    ),
    st.booleans(),
    st.none() | st.tuples(slopes, slopes).map(lambda pair: (min(pair), max(pair))),
    scores,
    scores,
)


def with_counts(*counts: int) -> Pcs:
    """A record of the scales 2, 4, 8, 16 with these counts, whose claims follow from them."""
    record = GOLDENS[0].record
    assert record.scales == (2, 4, 8, 16)
    slope = round9(d_hat(record.scales, counts))
    return with_signals(change(record, N_j=dict(zip(record.N_j, counts, strict=True))), slope)


def with_signals(record: Pcs, D_hat: float, coh_star: float = 0.5, r: float = 0.5) -> Pcs:
    """The record with these signals, and the regime and budget that follow from them."""
    cost = round9(budget(D_hat, coh_star, r))
    return change(record, D_hat=D_hat, coh_star=coh_star, r=r, regime=regime(D_hat, coh_star), budget=cost)


@given(records())
def test_what_is_off_changes_nothing(record: Pcs) -> None:
    """Nor does a score that nothing reaches (SAN-1)."""
    assert judge(record, scrutiny=Scrutiny()) == judge(record, scrutiny=OFF) == judge(record)
    assert judge(record, scrutiny=Scrutiny(slope=(0, LIMITS.D_hat_max))) == judge(record)


points = arrays(np.float64, st.tuples(st.integers(1, 30), st.integers(1, 3)), elements=st.floats(-1e3, 1e3))


@given(points, st.integers(1, 64), st.integers(1, 4))
def test_counts_of_points_never_fall(
    some: "np.ndarray[tuple[int, int], np.dtype[np.float64]]", scale: int, power: int
) -> None:
    """Where one grid is the other, halved some times, whatever the points: so no honest agent is rejected (SAN-2)."""
    coarse, fine = count_cells(some, (scale, scale * 2**power)).values()
    assert coarse <= fine


def test_counts_that_fall_are_rejected() -> None:
    """Equal ones are not."""
    falling = with_counts(5, 40, 39, 80)
    assert judge(falling).reason is Reason.OK
    outcome = judge(falling, scrutiny=Scrutiny(counts=True))
    assert (outcome.accepted, outcome.escalated, outcome.reason) == (False, True, Reason.COUNTS)
    assert judge(with_counts(5, 40, 40, 80), scrutiny=Scrutiny(counts=True)).reason is Reason.OK


@given(st.permutations(range(4)), st.lists(st.integers(1, 99), min_size=4, max_size=4))
def test_the_order_of_scales_does_not_matter(order: list[int], counts: list[int]) -> None:
    """Whoever lists the finest grid first says the same (SAN-2)."""
    record = with_counts(*counts)
    listed = change(
        record,
        scales=tuple(record.scales[place] for place in order),
        N_j={str(record.scales[place]): counts[place] for place in order},
    )
    assert counts_fall(listed) == counts_fall(record) == (counts != sorted(counts))


def test_grids_that_do_not_nest_are_not_compared() -> None:
    """The points 0.4 and 0.6: two cells of the grid of 2, one of 3. The earlier check would have rejected an honest agent."""
    pair = np.array([[0.4], [0.6]])
    assert count_cells(pair, (2, 3, 6)) == {2: 2, 3: 1, 6: 2}
    record = change(GOLDENS[0].record, scales=(2, 3, 6), N_j={"2": 2, "3": 1, "6": 2})
    assert not counts_fall(record)
    assert not counts_fall(change(record, N_j={"2": 5, "3": 1, "6": 4}))
    assert counts_fall(change(record, N_j={"2": 5, "3": 5, "6": 4}))


@given(honest_records(), st.sampled_from([-1, 0, 1]), st.booleans())
def test_an_unusual_slope_is_escalated_and_a_bound_is_within(record: Pcs, off: int, low: bool) -> None:
    """To the billionth, at both bounds (SAN-3)."""
    bound = nano(record.D_hat) + off
    assume(0 <= bound <= LIMITS.D_hat_max * NANO)
    scrutiny = Scrutiny(slope=(bound / NANO, LIMITS.D_hat_max) if low else (0, bound / NANO))
    outcome = judge(record, scrutiny=scrutiny)
    unusual = off > 0 if low else off < 0
    assert (outcome.accepted, outcome.reason) == (True, Reason.SLOPE if unusual else Reason.OK)


@pytest.mark.parametrize(
    ("signals", "score"),
    [
        ((0.5, 0.8, 0.1), 0),
        ((2.8, 0.8, 0.95), 0),
        ((2.5, 1.05, 0.5), 0),
        ((0.0, 0.5, 0.5), 400_000_000),
        ((0.25, 0.5, 0.5), 200_000_000),
        ((3.5, 0.5, 0.5), 400_000_000),
        ((3.5, 1.05, 0.5), 733_333_333),
        ((3.5, 1.05, 1.0), NANO),
        ((0.0, 1.05, 0.0), 666_666_666),
        ((1.0, 0.5, 0.05), 133_333_333),
        ((1.0, 0.5, 0.975), 133_333_333),
        ((3.0, 0.925, 0.5), 197_619_047),
    ],
)
def test_the_score_is_the_formula(signals: tuple[float, float, float], score: int) -> None:
    """Worked out by hand (SAN-4): the last is (6 * 2/7 + 5 * 1/2 * 1/2) / 15, each quotient rounded down."""
    assert anomaly(*signals) == score


@given(slopes, coherences, units, st.floats(0, 1), st.floats(0, 1))
def test_the_score_reaches_both_its_ends_and_grows_outwards(
    D_hat: float, coh_star: float, r: float, farther: float, more: float
) -> None:
    """Never beyond 0 and 1; a signal that is farther from what is usual never lowers it (SAN-4)."""
    score = anomaly(D_hat, coh_star, r)
    assert 0 <= score <= NANO
    outwards = D_hat + farther * (LIMITS.D_hat_max - D_hat) if D_hat >= 1 else D_hat * farther
    assert anomaly(outwards, coh_star, r) >= score
    assert anomaly(D_hat, coh_star + more * (LIMITS.coh_star_max - coh_star), r) >= score
    assert anomaly(D_hat, coh_star, r + more * (1 - r) if r >= 0.5 else r * more) >= score


@given(st.floats(0, 0.4), st.sampled_from([-1, 0, 1]))
def test_a_score_at_the_threshold_acts(D_hat: float, off: int) -> None:
    """To the billionth: it escalates from one, and rejects from the other (SAN-4)."""
    record = with_signals(with_counts(10, 11, 11, 12), round9(D_hat))
    assume(judge(record).reason is Reason.OK)
    threshold = (anomaly(record.D_hat, record.coh_star, record.r) + off) / NANO
    acts = off <= 0
    escalated, rejected = (
        judge(record, scrutiny=Scrutiny(escalate_from=threshold)),
        judge(record, scrutiny=Scrutiny(reject_from=threshold)),
    )
    assert (escalated.accepted, escalated.escalated) == (True, acts)
    assert (rejected.accepted, rejected.escalated) == (not acts, acts)
    assert escalated.reason is rejected.reason is (Reason.ANOMALY if acts else Reason.OK)


def test_what_rejects_is_the_reason_before_what_escalates() -> None:
    """A wrong budget beside counts that fall (SAN-5)."""
    falling = with_counts(5, 40, 39, 80)
    outcome = judge(change(falling, budget=1 - falling.budget), scrutiny=Scrutiny(counts=True))
    assert (outcome.accepted, outcome.reason) == (False, Reason.COUNTS)


@given(
    st.tuples(slopes, coherences, units),
    st.booleans(),
    st.lists(st.integers(1, 40), min_size=4, max_size=4),
    scrutinies,
)
def test_a_check_more_never_lets_more_pass(
    signals: tuple[float, float, float], mislabelled: bool, counts: list[int], scrutiny: Scrutiny
) -> None:
    """What rejects goes before what escalates, so no second deviation hides the first (SAN-5)."""
    record = with_signals(with_counts(*counts), *signals)
    if mislabelled:
        record = change(record, budget=1 - record.budget)
    with_it, checks = judge(record, scrutiny=scrutiny), msgspec.structs.asdict(scrutiny)
    for name, off in msgspec.structs.asdict(OFF).items():
        without = judge(record, scrutiny=Scrutiny(**{**checks, name: off}))
        assert with_it.accepted <= without.accepted <= judge(record).accepted
        assert with_it.escalated >= without.escalated >= judge(record).escalated


@pytest.mark.parametrize(
    "wrong",
    [
        {"slope": (3.0, 0.5)},
        {"slope": (-0.1, 3.0)},
        {"slope": (0.5, 3.6)},
        {"slope": (0.5, float("nan"))},
        {"escalate_from": 0.0},
        {"escalate_from": 1.1},
        {"reject_from": float("nan")},
        {"escalate_from": 0.5, "reject_from": 0.4},
    ],
)
def test_bounds_in_the_wrong_order_are_refused(wrong: dict[str, object]) -> None:
    """However they are given: built, or read from JSON."""
    with pytest.raises(ValueError, match=r"slope: |escalate_from: |reject_from: "):
        Scrutiny(**wrong)  # type: ignore[arg-type]
    if "nan" not in str(wrong):
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(msgspec.json.encode(wrong), type=Scrutiny)
