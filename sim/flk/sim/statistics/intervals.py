"""Confidence intervals for a mean, a quantile and a proportion of independent runs.

Each states what is known about the quantity if the runs were repeated for ever. `tests/sim/statistics/test_statistics.py` holds
the coverage against queues whose answers are known.
"""

from math import ceil, inf, nan
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Column: TypeAlias = NDArray[np.float64]
CONFIDENCE = 0.95


class Interval(NamedTuple):
    """An estimate from `size` runs, and the range in which the truth lies with the given confidence."""

    low: float
    estimate: float
    high: float
    size: int
    confidence: float = CONFIDENCE

    @property
    def half_width(self) -> float:
        """Half of the range."""
        return (self.high - self.low) / 2

    @property
    def relative(self) -> float:
        """Half of the range in units of the estimate; infinite for an estimate of zero."""
        return self.half_width / abs(self.estimate) if self.estimate else (inf if self.half_width else 0.0)

    def below(self, target: float) -> bool | None:
        """Whether the truth is at most the target: True, False, or None where the interval leaves it open."""
        if self.high <= target:
            return True
        return False if self.low > target else None


def mean_interval(sample: ArrayLike, confidence: float = CONFIDENCE) -> Interval:
    """The mean, by Student's t. Values that are not numbers are left out; from fewer than two the interval is endless."""
    values = _numbers(sample)
    if values.size < 2:
        return _endless(float(values.mean()) if values.size else nan, values.size, confidence)
    spread = float(values.std(ddof=1)) / values.size**0.5
    reach = float(stats.t.ppf((1 + confidence) / 2, values.size - 1)) * spread
    mean = float(values.mean())
    return Interval(mean - reach, mean, mean + reach, values.size, confidence)


def quantile_interval(sample: ArrayLike, q: float, confidence: float = CONFIDENCE) -> Interval:
    """The q-quantile, by order statistics: nothing is assumed of the distribution.

    Between the ranks that are just too sure and those that are just not sure enough the bound is interpolated (in the manner of
    Nyblom, "Note on interpolated order statistics", 1992). A side on which the sample is too small to tell is endless.
    """
    values = np.sort(_numbers(sample))
    if not values.size:
        return _endless(nan, 0, confidence)
    tail = (1 - confidence) / 2
    low = _bound(values, q, tail)
    high = -_bound(-values[::-1], 1 - q, tail)
    return Interval(low, float(np.quantile(values, q, method="median_unbiased")), high, values.size, confidence)


def proportion_interval(successes: int, size: int, confidence: float = CONFIDENCE) -> Interval:
    """A probability, by Clopper and Pearson: never less sure than it says. With 0 of n the upper end is about 3/n."""
    if not size:
        return Interval(0.0, nan, 1.0, 0, confidence)
    tail = (1 - confidence) / 2
    if successes in {0, size}:
        tail *= 2  # one side is certain, so all doubt is on the other
    low = float(stats.beta.ppf(tail, successes, size - successes + 1)) if successes else 0.0
    high = float(stats.beta.isf(tail, successes + 1, size - successes)) if successes < size else 1.0
    return Interval(low, successes / size, high, size, confidence)


def needed(sample: ArrayLike, half_width: float, confidence: float = CONFIDENCE) -> int:
    """About how many runs the mean needs for that half-width, going by the spread of this sample."""
    values = _numbers(sample)
    if values.size < 2:
        return 2
    z = float(stats.norm.ppf((1 + confidence) / 2))
    return max(2, ceil((z * float(values.std(ddof=1)) / half_width) ** 2))


def _bound(values: Column, q: float, tail: float) -> float:
    """The lower confidence bound of the q-quantile of sorted values: P(bound > quantile) is about `tail`."""
    size = values.size
    rank = int(stats.binom.ppf(tail, size, q))
    while rank > 0 and stats.binom.cdf(rank - 1, size, q) > tail:
        rank -= 1
    if rank < 1:
        return -inf
    # The value of this rank (counted from 1) lies above the quantile with probability `surely`, the next with `hardly`.
    surely, hardly = float(stats.binom.cdf(rank - 1, size, q)), float(stats.binom.cdf(rank, size, q))
    share = (tail - surely) / (hardly - surely)
    return float((1 - share) * values[rank - 1] + share * values[min(rank, size - 1)])


def _numbers(sample: ArrayLike) -> Column:
    values = np.asarray(sample, dtype=np.float64).ravel()
    return values[~np.isnan(values)]


def _endless(estimate: float, size: int, confidence: float) -> Interval:
    return Interval(-inf, estimate, inf, size, confidence)
