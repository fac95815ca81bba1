"""No interval is less sure than it says: coverage against known distributions, skewed ones and small samples among them."""

from collections.abc import Callable
from math import exp, inf, log, sqrt
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import Generator
from scipy import stats
from tests.support.sim.queues import Column

from flk.sim.statistics.intervals import mean_interval, proportion_bound, proportion_interval, quantile_interval
from flk.sim.statistics.paired import compare
from flk.sim.statistics.sequential import Stopping

TRIALS = 600
NOISE = 2.6 * sqrt(0.95 * 0.05 / TRIALS)  # one in two hundred correct methods is below 0.95 by more than this


class Known(NamedTuple):
    """A distribution with its mean and its quantiles."""

    draw: Callable[[Generator, tuple[int, int]], Column]
    mean: float
    quantile: Callable[[float], float]


DISTRIBUTIONS = {
    "normal": Known(lambda rng, shape: rng.standard_normal(shape), 0.0, lambda q: float(stats.norm.ppf(q))),
    "uniform": Known(lambda rng, shape: rng.random(shape), 0.5, lambda q: q),
    "exponential": Known(lambda rng, shape: rng.standard_exponential(shape), 1.0, lambda q: -log(1 - q)),
    "gamma, shape 1/2": Known(
        lambda rng, shape: rng.gamma(0.5, 1.0, shape), 0.5, lambda q: float(stats.gamma.ppf(q, 0.5))
    ),
    "log-normal": Known(
        lambda rng, shape: rng.lognormal(0.0, 1.0, shape), exp(0.5), lambda q: exp(float(stats.norm.ppf(q)))
    ),
    "half of it zero": Known(
        lambda rng, shape: np.where(rng.random(shape) < 0.5, rng.standard_exponential(shape), 0.0),
        0.5,
        lambda q: max(0.0, -log(2 - 2 * q)),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("size", [10, 20, 60])
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_a_mean_is_as_sure_as_it_says(name: str, size: int) -> None:
    """From ten runs on at least 95 intervals in a hundred hold the mean, of skewed distributions too."""
    known = DISTRIBUTIONS[name]
    rng = np.random.default_rng([size, len(name)])
    found = [mean_interval(row) for row in known.draw(rng, (TRIALS, size))]
    assert np.mean([one.low <= known.mean <= one.high for one in found]) >= 0.95 - NOISE


@pytest.mark.slow
@pytest.mark.parametrize("size", [5, 12, 50])
@pytest.mark.parametrize("q", [0.5, 0.9, 0.95])
def test_a_quantile_is_as_sure_as_it_says(q: float, size: int) -> None:
    """Whatever the distribution, with atoms too, the ends are order statistics whose confidence is at least what is asked."""
    for name, known in DISTRIBUTIONS.items():
        rng = np.random.default_rng([size, round(100 * q), len(name)])
        found = [quantile_interval(row, q) for row in known.draw(rng, (150, size))]
        truth = known.quantile(q)
        assert np.mean([one.low <= truth <= one.high for one in found]) >= 0.95 - 2.2 * NOISE, name


@settings(max_examples=40)
@given(st.integers(1, 80), st.floats(0.001, 0.999))
def test_a_proportion_is_never_less_sure_than_it_says(size: int, truth: float) -> None:
    """Exactly, by adding up the probabilities of all counts whose interval holds the truth; the one-sided bound likewise."""
    chances = stats.binom.pmf(np.arange(size + 1), size, truth)
    holds = [one.low <= truth <= one.high for one in (proportion_interval(k, size) for k in range(size + 1))]
    assert chances[holds].sum() >= 0.95 - 1e-9
    assert chances[[truth <= proportion_bound(k, size) for k in range(size + 1)]].sum() >= 0.95 - 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("name", ["exponential", "normal"])
def test_a_paired_difference_is_as_sure_as_it_says(name: str) -> None:
    """Mean and median of the differences of fifteen pairs, one variant being the other and a skewed cost."""
    known = DISTRIBUTIONS[name]
    rng = np.random.default_rng(len(name))
    shape = (TRIALS, 15)
    pairs = zip(known.draw(rng, shape), rng.standard_exponential(shape), strict=True)
    found = [compare(one, one + cost) for one, cost in pairs]
    assert np.mean([each.mean.low <= 1.0 <= each.mean.high for each in found]) >= 0.95 - NOISE
    assert np.mean([each.median.low <= log(2) <= each.median.high for each in found]) >= 0.95 - NOISE


@pytest.mark.slow
@pytest.mark.parametrize("name", ["exponential", "log-normal"])
def test_stopping_early_is_as_sure_as_it_says(name: str) -> None:
    """Looked at after every quarter more of runs, as a sweep does, and stopped at a fifth of the mean."""
    known, rule = DISTRIBUTIONS[name], Stopping("x", relative=0.2, minimum=10, maximum=300)
    rng = np.random.default_rng(11)
    held = []
    for row in known.draw(rng, (200, rule.maximum)):
        size = rule.minimum
        while not rule.enough(row[:size]):
            size = min(rule.maximum, size + max(1, size // 4))
        found = rule.interval(row[:size])
        held.append(found.low <= known.mean <= found.high)
    assert np.mean(held) >= 0.95 - 1.8 * NOISE


@settings(max_examples=60)
@given(
    st.lists(st.floats(0, 100), min_size=3, max_size=30),
    st.lists(st.booleans(), min_size=30, max_size=30),
    st.lists(st.floats(0, 1000), min_size=30, max_size=30),
    st.floats(0.1, 0.9),
)
def test_censored_values_widen_an_interval(values: list[float], mask: list[bool], more: list[float], q: float) -> None:
    """What is said with censored values holds whatever they would have become."""
    censored = mask[: len(values)]
    later = [value + extra * cut for value, extra, cut in zip(values, more, censored, strict=False)]
    open_, whole = quantile_interval(values, q, censored=censored), quantile_interval(later, q)
    assert open_.low <= whole.low
    assert open_.high >= whole.high
    assert open_.censored == sum(censored)
    assert open_.at_least or open_.estimate == pytest.approx(whole.estimate)
    mean = mean_interval(values, censored=censored)
    assert mean.at_least == any(censored)
    assert mean.high == inf or not any(censored)
    assert mean.estimate <= float(np.mean(later)) + 1e-9
    assert mean.below(1e9) is not True or not any(censored)


def test_a_median_is_known_with_a_few_censored_values() -> None:
    """Three of twenty censored: the median is what it is, with both ends; of eleven of twenty it is only at least something."""
    few = quantile_interval(range(20), 0.5, censored=[False] * 17 + [True] * 3)
    assert (few.at_least, few.estimate, few.high < inf) == (False, 9.5, True)
    many = quantile_interval(range(20), 0.5, censored=[False] * 9 + [True] * 11)
    assert (many.at_least, many.high) == (True, inf)


def test_a_pair_without_an_end_leaves_the_mean_open() -> None:
    """The difference to a run that had not recovered is unknown in size: the mean is undecided, the order is sure."""
    found = compare([5.0] * 9, [1.0, 2.0, 3.0, 1.5, 2.5, 1.0, 2.0, 3.0, inf])
    assert found.censored == 1
    assert not found.decided
    assert found.better.estimate == 8 / 9
    assert found.median.high == inf or found.median.high < 0
