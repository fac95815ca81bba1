"""Intervals cover what they say they cover, held against queues with known answers."""

from functools import cache
from math import inf, isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.sim.queues import Column, mg1_wait, mm1_wait, tandem, waits

from flk.sim.statistics.intervals import (
    Interval,
    mean_interval,
    needed,
    proportion_bound,
    proportion_interval,
    quantile_interval,
)
from flk.sim.statistics.paired import compare
from flk.sim.statistics.sequential import Stopping, interval
from flk.sim.statistics.steady import batch_means
from flk.sim.statistics.warmup import mser5, smoothed
from flk.spec.errors import UnusableInput

pytestmark = pytest.mark.slow

RUNS, SAMPLE = 1600, 40  # experiments; runs in each
CUSTOMERS, WARMUP = 1500, 200
LOAD = 0.5
samples = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=60)


def coverage(intervals: list[Interval], truth: float) -> float:
    """The share of intervals that hold the truth."""
    return sum(i.low <= truth <= i.high for i in intervals) / len(intervals)


@cache
def queue(kind: str) -> Column:
    """The mean over the customers of each run, after the warm-up: one row for each experiment."""
    rng = np.random.default_rng([RUNS, len(kind)])
    rows = []
    for _ in range(RUNS * SAMPLE // 2000):
        shape = CUSTOMERS, 2000
        gaps = rng.standard_exponential(shape) / LOAD
        service = rng.standard_exponential(shape) if kind != "M/G/1" else rng.gamma(2.0, 0.5, shape)
        second = [0.8 * rng.standard_exponential(shape)] if kind == "tandem" else []
        times = tandem(gaps, service, *second) if second else waits(gaps, service)
        rows.append(times[WARMUP:].mean(axis=0))
    return np.concatenate(rows).reshape(RUNS, SAMPLE)


TRUTH = {"M/M/1": mm1_wait(LOAD), "M/G/1": mg1_wait(LOAD, 0.5), "tandem": 1 / (1 - LOAD) + 1 / (1 / 0.8 - LOAD)}


@pytest.mark.parametrize("kind", sorted(TRUTH))
def test_intervals_of_the_mean_cover_what_they_say(kind: str) -> None:
    """Of 1,600 intervals from forty runs each, at least 95 in a hundred hold the queue's true mean, and not nearly all do."""
    found = [mean_interval(row) for row in queue(kind)]
    assert 0.95 <= coverage(found, TRUTH[kind]) <= 0.985


@pytest.mark.parametrize("kind", sorted(TRUTH))
def test_paired_intervals_cover_what_they_say(kind: str) -> None:
    """The difference of two variants under common random numbers: a service that is a tenth faster saves a known time."""
    times = queue(kind)
    found = [compare(row, 0.9 * row).mean for row in times]
    assert 0.95 <= coverage(found, -0.1 * TRUTH[kind]) <= 0.985
    assert compare(times[0], 0.9 * times[0]).gain > 10


@pytest.mark.parametrize(("q", "size"), [(0.5, 40), (0.9, 100), (0.95, 200), (0.99, 500), (0.1, 60)])
def test_intervals_of_quantiles_cover_what_they_say(q: float, size: int) -> None:
    """The wait of a late customer of M/M/1: nobody waits with probability 1 - load, the rest is exponential."""
    rng = np.random.default_rng(round(1000 * q))
    shape = 3000, size
    times = np.where(rng.random(shape) < LOAD, rng.standard_exponential(shape) / (1 - LOAD), 0.0)
    times += rng.standard_exponential(shape)  # time through the system: exponential with mean 1 / (1 - load)
    found = [quantile_interval(row, q) for row in times]
    assert 0.947 <= coverage(found, -np.log(1 - q) / (1 - LOAD)) <= 0.985


@pytest.mark.parametrize(("load", "size"), [(0.5, 400), (0.2, 600), (0.05, 2000)])
def test_intervals_of_proportions_cover_what_they_say(load: float, size: int) -> None:
    """The share of runs whose late customer has to wait is the load, and the interval is never less sure than it says."""
    rng = np.random.default_rng(size)
    waited = rng.binomial(size, load, 3000)
    assert 0.947 <= coverage([proportion_interval(int(k), size) for k in waited], load) <= 0.975


@pytest.mark.parametrize("kind", ["M/M/1", "M/G/1"])
def test_batch_means_of_one_long_run_cover_what_they_say(kind: str) -> None:
    """Of intervals from one long run each, at least 95 in a hundred hold the queue's true mean."""
    rng = np.random.default_rng(7)
    shape = 6000, 1000
    gaps = rng.standard_exponential(shape) / LOAD
    service = rng.standard_exponential(shape) if kind == "M/M/1" else rng.gamma(2.0, 0.5, shape)
    times = waits(gaps, service)[WARMUP:]
    found = [batch_means(run, 15) for run in times.T]
    assert 0.95 <= coverage(found, TRUTH[kind]) <= 0.99


def test_stopping_early_costs_no_certainty() -> None:
    """Stopped as soon as the half-width is a tenth of the mean, intervals of M/M/1 hold the truth 95 times in a hundred."""
    rule = Stopping("wait", relative=0.10, minimum=30, maximum=400)
    pool = queue("M/M/1").reshape(-1, 400)
    found = []
    for row in pool:
        size = next(n for n in range(rule.minimum, rule.maximum + 1) if rule.enough(row[:n]))
        found.append(rule.interval(row[:size]))
    assert all(i.relative <= 0.10 or i.size == 400 for i in found)
    assert coverage(found, TRUTH["M/M/1"]) >= 0.95


def test_nothing_seen_is_an_upper_bound() -> None:
    """0 of n bounds the probability by about 3/n, both ends of an interval cost more, and no sample makes certain."""
    assert proportion_bound(0, 100_000) == pytest.approx(3 / 100_000, rel=0.01)
    assert proportion_bound(4, 4) == 1
    assert proportion_interval(0, 100_000).high == pytest.approx(3.69 / 100_000, rel=0.01)
    assert proportion_interval(0, 100_000).low == 0
    assert proportion_interval(50, 50).low == pytest.approx(1 - 3.69 / 50, rel=0.05)
    assert isnan(proportion_interval(0, 0).estimate)


@given(samples, st.floats(0.05, 0.95))
def test_an_interval_is_about_its_sample(sample: list[float], q: float) -> None:
    """The estimate lies within, less confidence is narrower, and gaps in the sample change nothing."""
    mean, narrow = mean_interval(sample), mean_interval(sample, 0.8)
    assert mean.low <= mean.estimate <= mean.high
    assert narrow.half_width <= mean.half_width
    assert mean_interval([*sample, float("nan")]) == mean
    found = quantile_interval(sample, q)
    assert found.low <= found.high
    assert quantile_interval(sample[::-1], q) == found


def test_too_few_runs_say_nothing() -> None:
    """From one run the mean is not bounded, and a quantile only where the sample reaches."""
    assert mean_interval([3.0]).low == -inf
    assert quantile_interval([1.0, 2.0, 3.0], 0.99).high == inf
    assert quantile_interval([], 0.5).size == 0
    assert mean_interval([2.0, 2.0]).below(2.0) is True
    assert mean_interval([1.0, 2.0, 3.0]).below(2.0) is None
    assert mean_interval([4.0, 4.1, 4.2, 4.3]).below(2.0) is False


def test_the_number_of_runs_needed_is_about_right() -> None:
    """Forty runs tell how many a given half-width needs."""
    row = queue("M/M/1")[0]
    many = needed(row, 0.02)
    assert mean_interval(queue("M/M/1").ravel()[:many]).half_width == pytest.approx(0.02, rel=0.4)


def test_the_warmup_is_cut_off() -> None:
    """A queue that starts empty is cut before its average has settled, one that starts settled is not."""
    rng = np.random.default_rng(3)
    rising = 1 - np.exp(-np.arange(4000) / 150)
    cut = mser5(rising + 0.05 * rng.standard_normal(4000))
    assert cut.found
    assert 250 <= cut.cut <= 1200
    assert mser5(1 + 0.05 * rng.standard_normal(4000)).cut <= 400
    assert not mser5(np.arange(1000.0)).found
    assert mser5([1.0] * 7) == (3, False)


def test_welchs_average_smooths() -> None:
    """Each value becomes the mean of its neighbours, of fewer near the ends."""
    assert smoothed([0, 3, 6, 3, 0], 1).tolist() == [0, 3, 4, 3, 0]
    assert smoothed([1.0, 2.0], 5).tolist() == [1, 2]


def test_a_statistic_has_a_name() -> None:
    """Mean and quantiles are known by name; another name is refused with the fix."""
    sample = list(range(1, 101))
    assert interval(sample, "mean").estimate == 50.5
    assert interval(sample, "p50").estimate == 50.5
    with pytest.raises(UnusableInput, match="give mean, or a quantile such as p50"):
        interval(sample, "median")


def test_unequal_samples_cannot_be_paired() -> None:
    """Pairs need the same seeds; a run that did not measure is left out with its partner."""
    with pytest.raises(ValueError, match="3 runs cannot be paired with 2"):
        compare([1, 2, 3], [1, 2])
    assert compare([1, 2, float("nan"), 5], [2, 4, 1, 6]).differences.tolist() == [1, 2, 1]
    assert compare(range(12), [one + 1 + one / 100 for one in range(12)]).decided
