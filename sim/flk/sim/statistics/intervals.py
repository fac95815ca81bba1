"""Confidence intervals for a mean, a quantile and a proportion of independent runs.

Each states what is known about the quantity if the runs were repeated for ever, and is never less sure than it says: quantiles and
proportions whatever the distribution, means for the distributions that `tests/sim/statistics/test_coverage.py` names, which holds
all of them against known answers. No method can be sure of a mean whatever the distribution (Bahadur and Savage, 1956): a rare
value that no run has shown may be of any size.

A value may be censored: the run was over before what it measures came to pass, so that the truth is at least the value.
"""

from math import cbrt, ceil, inf, isfinite, nan
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr, betaincinv, ndtri, stdtrit

Column: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]
CONFIDENCE = 0.95
SETTLED = 20
"""The doubt of a mean from n runs is made smaller by n / (n + this), against the skewness that few runs do not show."""


class Interval(NamedTuple):
    """An estimate from `size` runs, and the range in which the truth lies with the given confidence.

    In `censored` of these runs the measure had not come to pass; `at_least` says that the estimate is a lower bound for that.
    """

    low: float
    estimate: float
    high: float
    size: int
    confidence: float = CONFIDENCE
    censored: int = 0
    at_least: bool = False

    @property
    def half_width(self) -> float:
        """Half of the range."""
        return (self.high - self.low) / 2 if isfinite(self.high - self.low) else inf

    @property
    def relative(self) -> float:
        """Half of the range in units of the estimate; infinite for an estimate of zero."""
        if not isfinite(self.half_width):
            return inf
        return self.half_width / abs(self.estimate) if self.estimate else (inf if self.half_width else 0.0)

    def below(self, target: float) -> bool | None:
        """Whether the truth is at most the target: True, False, or None where the interval leaves it open."""
        if self.high <= target:
            return True
        return False if self.low > target else None


def mean_interval(sample: ArrayLike, confidence: float = CONFIDENCE, censored: ArrayLike | None = None) -> Interval:
    """The mean: Student's t, joined with Hall's interval, which follows the skewness ("On the removal of skewness by
    transformation", 1992). Values that are not numbers are left out; from fewer than two the interval is endless.

    With censored values the mean is only known to be at least what they make it: the upper end is infinite.

    >>> mean_interval([10.0, 12.0, 60.0], censored=[False, False, True])[1:3]
    (27.333333333333332, inf)
    """
    values, mask = _numbers(sample, censored)
    number = int(mask.sum())
    if values.size < 2:
        found = _endless(float(values.mean()) if values.size else nan, values.size, confidence)
    else:
        low, high = _joined(values, 1 - (1 - confidence) * values.size / (values.size + SETTLED))
        found = Interval(low, float(values.mean()), high, values.size, confidence)
    return found._replace(high=inf, censored=number, at_least=True) if number else found


def quantile_interval(
    sample: ArrayLike, q: float, confidence: float = CONFIDENCE, censored: ArrayLike | None = None
) -> Interval:
    """The q-quantile, by order statistics: nothing is assumed of the distribution, and the confidence is at least what it says.

    A side on which the sample is too small to tell is endless. Censored values count as they are for the lower end and as infinite
    for the upper one, so a median is as good as any while fewer than half are censored.

    >>> quantile_interval([1.0, 2.0, 3.0, 4.0, 5.0, 9.0], 0.5, censored=[False] * 5 + [True])[:3]
    (1.0, 3.5, inf)
    """
    values, mask = _numbers(sample, censored)
    if not values.size:
        return _endless(nan, 0, confidence)
    number = int(mask.sum())
    least, most = np.sort(values), np.sort(np.where(mask, inf, values))
    tail = (1 - confidence) / 2
    low = _bound(least, q, tail)
    high = -_bound(-most[::-1], 1 - q, tail)
    estimate = _quantile(least, q)
    return Interval(low, estimate, high, values.size, confidence, number, at_least=_quantile(most, q) > estimate)


def proportion_interval(successes: int, size: int, confidence: float = CONFIDENCE) -> Interval:
    """A probability, by Clopper and Pearson: never less sure than it says.

    >>> round(proportion_interval(0, 100).high, 4)
    0.0362
    """
    if not size:
        return Interval(0.0, nan, 1.0, 0, confidence)
    tail = (1 - confidence) / 2
    low = float(betaincinv(successes, size - successes + 1, tail)) if successes else 0.0
    high = float(betaincinv(successes + 1, size - successes, 1 - tail)) if successes < size else 1.0
    return Interval(low, successes / size, high, size, confidence)


def proportion_bound(successes: int, size: int, confidence: float = CONFIDENCE) -> float:
    """What a probability is at most, when only that is asked: all doubt is on this side. For 0 of n it is about 3/n."""
    if successes == size:
        return 1.0
    return float(betaincinv(successes + 1, size - successes, confidence))


def needed(sample: ArrayLike, half_width: float, confidence: float = CONFIDENCE) -> int:
    """About how many runs the mean needs for that half-width, going by the spread of this sample."""
    values, _ = _numbers(sample, None)
    if values.size < 2:
        return 2
    z = float(ndtri((1 + confidence) / 2))
    return max(2, ceil((z * float(values.std(ddof=1)) / half_width) ** 2))


def _joined(values: Column, confidence: float) -> tuple[float, float]:
    """From the lower of the lower ends to the higher of the higher ends of Student's and Hall's intervals."""
    size, mean = values.size, float(values.mean())
    spread = float(values.std(ddof=1))
    reach = float(stdtrit(size - 1, (1 + confidence) / 2)) / size**0.5
    ends = [mean - reach * spread, mean + reach * spread]
    centred = (values - mean) / spread if spread else values - mean
    skewness = float((centred**3).mean())
    if abs(skewness) > 1e-9:

        def turned(y: float) -> float:
            return (3 / skewness) * (cbrt(1 + skewness * (y - skewness / (6 * size))) - 1)

        ends += [mean - turned(reach) * spread, mean - turned(-reach) * spread]
    return min(ends), max(ends)


def _bound(values: Column, q: float, tail: float) -> float:
    """The greatest value of the sorted sample that lies above its q-quantile with a probability of at most `tail`."""
    chances = bdtr(np.arange(values.size), values.size, q)  # that so many values at most lie below the quantile
    rank = int(np.searchsorted(chances, tail, side="right"))
    return float(values[rank - 1]) if rank else -inf


def _quantile(values: Column, q: float) -> float:
    """The median-unbiased estimate (Hyndman and Fan's eighth) from sorted values, of which the last may be infinite."""
    place = min(max(values.size * q + (q + 1) / 3 - 1, 0.0), values.size - 1.0)
    before, after = values[int(place)], values[ceil(place)]
    return float(before if before == after else before + (place - int(place)) * (after - before))


def _numbers(sample: ArrayLike, censored: ArrayLike | None) -> tuple[Column, Mask]:
    """The values that are numbers, and which of them are censored; an infinite one is."""
    values = np.asarray(sample, dtype=np.float64).ravel()
    mask: Mask = np.isposinf(values)
    if censored is not None:
        mask = mask | np.asarray(censored, dtype=np.bool_).ravel()
    known = ~np.isnan(values)
    return values[known], mask[known]


def _endless(estimate: float, size: int, confidence: float) -> Interval:
    return Interval(-inf, estimate, inf, size, confidence)
