"""The signals: each against its definition, written again in the plainest way."""

from fractions import Fraction
from itertools import combinations, pairwise
from math import floor, log2, ulp
from statistics import median
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scipy.stats import theilslopes
from tests.support.model.golden import GOLDENS, TINY_1, TINY_2, Golden
from tests.support.model.strategies import counts, finite, scale_lists, units

from flk.model.record.canonical import nano, round9
from flk.model.record.points import Points, coherence, count_cells
from flk.model.record.record import Regime
from flk.model.record.signals import budget, compressibility, d_hat, regime
from flk.spec.constants import CONSTANTS

slopes = st.floats(0, 3.5)
coherences = st.floats(0, 1.05)
coordinates = st.floats(-4, 4) | st.integers(-8, 8).map(lambda n: n / 8)
DEFAULT = CONSTANTS.signals.scales


@st.composite
def clouds(draw: st.DrawFn, max_size: int = 20) -> Points:
    """A few points in one to four dimensions, some of them perhaps alike."""
    dimensions = draw(st.integers(1, 4))
    rows = draw(
        st.lists(st.lists(coordinates, min_size=dimensions, max_size=dimensions), min_size=1, max_size=max_size)
    )
    return np.array(rows)


@st.composite
def curves(draw: st.DrawFn) -> tuple[tuple[int, ...], list[int]]:
    """Scales and a count for each."""
    scales: tuple[int, ...] = draw(scale_lists)
    return scales, [draw(counts | st.integers(1, 100)) for _ in scales]


@given(curves())
def test_the_slope_is_the_median_of_all_slopes(curve: tuple[tuple[int, ...], list[int]]) -> None:
    """With the standard library's median, which is the mean of the middle two of an even number (SIG-1)."""
    points = [(log2(scale), log2(count)) for scale, count in zip(*curve, strict=True)]
    assert d_hat(*curve) == median((y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2))


@given(curves())
def test_the_slope_is_that_of_another_library(curve: tuple[tuple[int, ...], list[int]]) -> None:
    """SciPy's Theil-Sen estimate agrees up to the last digits (SIG-1)."""
    other = theilslopes(np.log2(np.array(curve[1], float)), np.log2(curve[0])).slope
    assert d_hat(*curve) == pytest.approx(other, rel=1e-9, abs=1e-9)


@given(curves(), st.data())
def test_the_order_of_the_scales_does_not_matter(curve: tuple[tuple[int, ...], list[int]], data: st.DataObject) -> None:
    """A slope is the same from either end."""
    shuffled = data.draw(st.permutations(list(zip(*curve, strict=True))))
    assert d_hat([scale for scale, _ in shuffled], [count for _, count in shuffled]) == d_hat(*curve)


@given(st.integers(0, 6), st.integers(0, 10))
def test_a_power_law_has_its_exponent_for_a_slope(exponent: int, offset: int) -> None:
    """Exactly, where all numbers are powers of two."""
    assert d_hat(DEFAULT, [2**offset * scale**exponent for scale in DEFAULT]) == exponent


@pytest.mark.slow
@given(st.integers(1, 100), st.lists(st.integers(1, 8), min_size=3, max_size=3))
def test_counts_of_nested_cells_have_a_slope_within_their_dimension(first: int, factors: list[int]) -> None:
    """Each cell splits into one to eight: the slope lies between 0 and 3."""
    a, b, c = factors
    assert 0 <= round9(d_hat(DEFAULT, [first, first * a, first * a * b, first * a * b * c])) <= 3


@pytest.mark.parametrize(
    ("scales", "listed", "expected"),
    [
        ((2, 4, 8), (3, 5, 9), 0.79248125),
        ((2, 4, 8, 16), (5, 10, 20, 40), 1.0),
        ((2, 4, 8, 16), (7, 7, 7, 7), 0.0),
        ((2, 4), (8, 2), -2.0),
        ((2, 2, 4), (1, 8, 4), 0.5),
    ],
)
def test_known_slopes(scales: tuple[int, ...], listed: tuple[int, ...], expected: float) -> None:
    """An odd number of slopes, a constant, a falling curve, and a scale given twice, which has no slope with itself."""
    assert round9(d_hat(scales, listed)) == expected


@pytest.mark.parametrize("golden", GOLDENS)
def test_the_golden_slope_is_the_upper_middle_one_and_ours_the_mean_of_both(golden: Golden) -> None:
    """The earlier system took the element at index k/2; the true median lies below it (facts, section 2.1)."""
    lower, upper = golden.slopes[2:4]
    assert round9(upper) == golden.record.D_hat
    assert d_hat(golden.record.scales, list(golden.record.N_j.values())) == pytest.approx(
        (lower + upper) / 2, rel=1e-15
    )


@pytest.mark.parametrize(
    ("scales", "listed"),
    [((), ()), ((2,), (5,)), ((2, 2), (5, 6)), ((2, 4), (5,)), ((2, 4), (5, 0)), ((2, 4), (-1, 5)), ((0, 4), (5, 5))],
)
def test_without_two_scales_and_their_counts_there_is_no_slope(
    scales: tuple[int, ...], listed: tuple[int, ...]
) -> None:
    """Too few, equal, uncounted or not positive: the error names the signal."""
    with pytest.raises(ValueError, match="D_hat"):
        d_hat(scales, listed)


def coherence_by_histogram(
    points: Points, seed: int, directions: int = 100, bins: int = 20
) -> tuple[float, list[float]]:
    """SIG-2, direction by direction, with NumPy's histogram."""
    generator = np.random.RandomState(seed)
    best, found = 0.0, [0.0] * points.shape[1]
    for _ in range(directions):
        direction = generator.randn(points.shape[1])
        direction /= np.sqrt((direction**2).sum())
        along = sum(points[:, axis] * direction[axis] for axis in range(points.shape[1]))
        narrow = along.max() - along.min() < 1e-9
        share = 1.0 if narrow else np.histogram(along, bins)[0].max() / len(points)
        if share > best:
            best, found = share, direction.tolist()
    return best, found


seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=40, deadline=None)
@given(clouds(), seeds)
def test_coherence_is_the_fullest_bin_over_all_directions(points: Points, seed: int) -> None:
    """The first direction with the most points in one of twenty bins (SIG-2)."""
    share, direction = coherence_by_histogram(points, seed)
    found = coherence(points, seed)
    assert found.coh_star == share
    assert found.v_star == pytest.approx(direction, rel=1e-15)


@pytest.mark.parametrize("seed", range(5))
def test_coherence_of_many_points_does_not_depend_on_how_they_are_batched(seed: int) -> None:
    """Five thousand points: more projections than are held at a time."""
    points = np.random.RandomState(7).randn(5000, 3)
    share, direction = coherence_by_histogram(points, seed)
    assert coherence(points, seed).coh_star == share
    assert coherence(points, seed).v_star == pytest.approx(direction, rel=1e-15)


def test_a_point_on_the_edge_of_two_bins_lies_in_the_upper_one() -> None:
    """One direction, to the right: 1 is the edge of the first two bins, and 20 closes the last (SIG-2)."""
    assert coherence(np.array([[0.0], [1.0], [1.0], [20.0]]), 42, directions=1) == (0.5, (1.0,))
    assert coherence(np.array([[0.0], [19.0], [19.0], [20.0]]), 42, directions=1) == (0.75, (1.0,))


def test_points_closer_than_the_least_extent_are_one() -> None:
    """A projection narrower than a billionth is one bin (SIG-2)."""
    assert coherence(np.array([[0.0], [5e-10]]), 1).coh_star == 1.0
    assert coherence(np.array([[0.0], [2e-9]]), 1).coh_star == 0.5


@pytest.mark.parametrize("golden", GOLDENS)
def test_golden_coherence(golden: Golden) -> None:
    """The golden share to nine decimals, and the golden direction to one unit in the last place of a double.

    The second direction's first component is one unit off: NumPy draws normals from the sum of two squares, which some machines
    round once and others, with a fused multiply-add, do not. The golden numbers come from one of the latter.
    """
    found = coherence(golden.points, golden.record.seed)
    assert round9(found.coh_star) == golden.record.coh_star
    assert all(abs(a - b) <= ulp(b) for a, b in zip(found.v_star, golden.record.v_star, strict=True))


def test_coherence_with_other_bins_is_another_number() -> None:
    """With 64 bins the golden data have 0.066666667 and 0.15 (facts, section 30.2)."""
    assert [round9(coherence(golden.points, 42, bins=64).coh_star) for golden in GOLDENS] == [0.066666667, 0.15]


@given(clouds(), seeds)
def test_coherence_is_a_share_along_a_unit_vector(points: Points, seed: int) -> None:
    """At least one point of n, at most all."""
    found = coherence(points, seed, directions=10)
    assert 1 / len(points) <= found.coh_star <= 1
    assert sum(x * x for x in found.v_star) == pytest.approx(1)


@given(clouds(), seeds, st.integers(1, 10), st.integers(1, 10))
def test_more_directions_never_lower_coherence(points: Points, seed: int, few: int, more: int) -> None:
    """The first directions of a seed are the same."""
    assert coherence(points, seed, few).coh_star <= coherence(points, seed, few + more).coh_star


@given(st.lists(coordinates, min_size=1, max_size=4), st.integers(1, 5), seeds)
def test_points_in_one_place_are_wholly_coherent(place: list[float], size: int, seed: int) -> None:
    """And so is a single point; the first direction shows it."""
    found = coherence(np.array([place] * size), seed)
    assert found == (1.0, coherence(np.array([place]), seed, directions=1).v_star)


def test_no_points_have_no_coherence() -> None:
    """Zero, along no direction (SIG-2)."""
    assert coherence(np.zeros((0, 3)), 1) == (0.0, (0.0, 0.0, 0.0))


def test_coherence_neither_uses_nor_disturbs_the_global_generator() -> None:
    """The record's seed is all there is; the earlier agent used the global one."""
    np.random.seed(1)
    first = coherence(TINY_1.points, 42)
    drawn = np.random.random_sample()
    assert coherence(TINY_1.points, 42) == first
    assert drawn == np.random.RandomState(1).random_sample()


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf"), 1.7e308])
def test_coherence_needs_coordinates_that_add_up(bad: float) -> None:
    """Not finite, or so large that their difference is not."""
    with pytest.raises(ValueError, match="coh_star"):
        coherence(np.array([[bad, 0.0], [-bad, 1.0]]), 1)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_coherence_needs_a_seed_of_32_bits(seed: int) -> None:
    """The generator takes no other (SIG-2)."""
    with pytest.raises(ValueError, match=r"[Ss]eed"):
        coherence(TINY_1.points, seed)


@given(st.binary())
def test_compressibility_is_a_share(raw: bytes) -> None:
    """Above 0 and at most 1, also where zlib makes data longer (SIG-3)."""
    assert 0 < compressibility(raw) <= 1


@pytest.mark.parametrize(
    ("raw", "expected"),
    [(b"", 1.0), (b"test data", 1.0), (b"a" * 1000, 0.017), (TINY_1.raw, 121 / 380), (TINY_2.raw, 157 / 518)],
)
def test_known_compressibilities(raw: bytes, expected: float) -> None:
    """Nothing, too little to compress, one letter a thousand times, and the rows of the golden records."""
    assert compressibility(raw) == expected


@given(clouds(), st.sets(st.integers(1, 40), min_size=1, max_size=4))
@example(np.array([[-0.0], [0.0], [-1e-300]]), {1})
def test_a_count_is_the_number_of_distinct_floors(points: Points, scales: set[int]) -> None:
    """Taken exactly, on each axis (SIG-5)."""
    cells = {scale: {tuple(floor(Fraction(x * scale)) for x in row) for row in points.tolist()} for scale in scales}
    assert count_cells(points, scales) == {scale: len(found) for scale, found in cells.items()}


@given(clouds())
def test_finer_cells_are_more_and_split_each_at_most_in_halves_of_each_axis(points: Points) -> None:
    """Doubling the scale turns one cell into at most 2^d, and there are never more cells than points."""
    found = count_cells(points, DEFAULT)
    listed = [found[scale] for scale in DEFAULT]
    assert all(a <= b <= 2 ** points.shape[1] * a for a, b in pairwise(listed))
    assert listed[0] >= 1
    assert listed[-1] <= len(points)


@given(clouds(), st.data())
def test_counts_ignore_order_and_repetition(points: Points, data: st.DataObject) -> None:
    """A cell is occupied or it is not."""
    more = data.draw(st.lists(st.integers(0, len(points) - 1), max_size=5))
    order = data.draw(st.permutations([*range(len(points)), *more]))
    assert count_cells(points[order]) == count_cells(points)


@given(st.lists(st.lists(finite, min_size=2, max_size=2), min_size=1, max_size=10), st.integers(1, 16))
def test_counts_hold_for_coordinates_of_any_size(rows: list[list[float]], scale: int) -> None:
    """As long as they stay finite when scaled: beyond 2^53 a number is its own floor."""
    assume(all(abs(x) < 1e306 for row in rows for x in row))
    expected = {tuple(floor(Fraction(x * scale)) for x in row) for row in rows}
    assert count_cells(np.array(rows), [scale]) == {scale: len(expected)}


def test_no_points_fill_no_cells() -> None:
    """At any scale."""
    assert count_cells(np.zeros((0, 2))) == dict.fromkeys(DEFAULT, 0)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf"), 1.7e308])
def test_a_coordinate_without_a_cell_is_refused(bad: float) -> None:
    """Not finite, or not when scaled: the error names the field."""
    with pytest.raises(ValueError, match="N_j"):
        count_cells(np.array([[0.5, bad]]))


@pytest.mark.parametrize("golden", GOLDENS)
def test_golden_counts(golden: Golden) -> None:
    """From the golden points."""
    assert {str(scale): count for scale, count in count_cells(golden.points).items()} == golden.record.N_j


@pytest.mark.parametrize(
    ("D_hat", "coh_star", "expected"),
    [
        (1.5, 0.7, Regime.STICKY),
        (1.500000001, 0.7, Regime.MIXED),
        (1.5, 0.699999999, Regime.MIXED),
        (2.6, 0.0, Regime.NON_STICKY),
        (2.599999999, 0.0, Regime.MIXED),
        (2.6, 1.05, Regime.NON_STICKY),
        (0.0, 1.05, Regime.STICKY),
        (0.0, 0.0, Regime.MIXED),
        (3.5, 0.69, Regime.NON_STICKY),
        (1.5000000004, 0.6999999996, Regime.STICKY),
        (2.5999999996, 0.3, Regime.NON_STICKY),
    ],
)
def test_regimes_at_their_bounds(D_hat: float, coh_star: float, expected: Regime) -> None:
    """Each bound belongs to its regime, and what is signed as the bound is the bound (SIG-4)."""
    assert regime(D_hat, coh_star) is expected


@given(slopes, coherences)
def test_regimes_partition_the_plane(D_hat: float, coh_star: float) -> None:
    """In billionths, no two of the conditions hold at once, and one always does (SIG-4)."""
    sticky = nano(coh_star) >= 700_000_000 and nano(D_hat) <= 1_500_000_000
    non_sticky = nano(D_hat) >= 2_600_000_000
    conditions = {Regime.STICKY: sticky, Regime.NON_STICKY: non_sticky, Regime.MIXED: not sticky and not non_sticky}
    assert [name for name, holds in conditions.items() if holds] == [regime(D_hat, coh_star)]


@given(slopes, coherences)
def test_rounding_a_signal_never_changes_the_regime(D_hat: float, coh_star: float) -> None:
    """A verifier that reads nine decimals decides as the agent did."""
    assert regime(round9(D_hat), round9(coh_star)) is regime(D_hat, coh_star)


@given(slopes, coherences, units)
def test_the_budget_is_the_formula(D_hat: float, coh_star: float, r: float) -> None:
    """In exact arithmetic, cut to [0, 1], to well within a billionth (SIG-6)."""
    D, coh, ratio = (Fraction(nano(x), 10**9) for x in (D_hat, coh_star, r))
    spread = max(D - Fraction("2.2"), Fraction(0))
    exact = Fraction("0.1") + Fraction("0.3") * (1 - ratio) + Fraction("0.5") * spread + Fraction("0.2") * coh
    assert abs(budget(D_hat, coh_star, r) - min(exact, Fraction(1))) < 1e-15


@given(st.integers(0, 35 * 10**8), st.integers(0, 105 * 10**7), st.integers(0, 10**9))
@example(528320834, 66666667, 318421053)  # golden record 1, a tie
def test_the_budget_is_summed_in_the_order_of_the_specification(D: int, coh: int, ratio: int) -> None:
    """Each operation in exact arithmetic, rounded to binary64 before the next (SIG-7)."""

    def rounded(exact: Fraction) -> Fraction:
        return Fraction(float(exact))

    D_hat, coh_star, r, base, alpha, beta, gamma, D0 = (
        rounded(Fraction(text))
        for text in (f"{D}/1000000000", f"{coh}/1000000000", f"{ratio}/1000000000", "0.1", "0.3", "0.5", "0.2", "2.2")
    )
    saving = rounded(alpha * rounded(1 - r))
    spread = rounded(beta * max(Fraction(0), rounded(D_hat - D0)))
    total = rounded(rounded(rounded(base + saving) + spread) + rounded(gamma * coh_star))
    assert budget(float(D_hat), float(coh_star), float(r)) == min(total, Fraction(1))


@given(finite, finite, finite)
def test_the_budget_is_bounded(D_hat: float, coh_star: float, r: float) -> None:
    """In [0, 1], whatever the signals are."""
    assume(max(map(abs, (D_hat, coh_star, r))) < 1e300)
    assert 0 <= budget(D_hat, coh_star, r) <= 1


signals = st.tuples(slopes, coherences, units)


@given(signals, signals)
def test_the_budget_is_monotone(a: tuple[float, float, float], b: tuple[float, float, float]) -> None:
    """It never falls when slope or coherence rises, nor when compressibility falls (SIG-6)."""
    low = budget(min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]))
    assert low <= budget(max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]))


@pytest.mark.parametrize(
    ("signals", "expected"),
    [
        ((2.5, 0.70, 0.40), 0.57),
        ((1.3, 0.75, 0.40), 0.43),
        ((2.8, 0.30, 0.90), 0.49),
        ((5.0, 1.0, 0.0), 1.0),
        ((1.41, 0.73, 0.87), 0.285),
        ((1.35, 0.85, 0.65), 0.375),
        ((0.79, 0.75, 0.5), 0.4),
        ((0.528320834, 0.066666667, 0.318421053), 0.317807017),
        ((1.0, 0.2, 0.303088803), 0.349073359),
    ],
)
def test_known_budgets(signals: tuple[float, float, float], expected: float) -> None:
    """The facts' seven, and those of the golden records."""
    assert round9(budget(*signals)) == expected


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize(
    "function", [lambda x: regime(x, 0.5), lambda x: regime(0.5, x), lambda x: budget(x, 0.5, 0.5)]
)
def test_signals_that_are_not_finite_have_neither_regime_nor_budget(function: Any, bad: float) -> None:
    """They have no canonical form either (C14N-4)."""
    with pytest.raises(ValueError, match="C14N-4"):
        function(bad)
