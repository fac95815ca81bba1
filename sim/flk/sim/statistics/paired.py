"""Two variants under common random numbers: the difference run by run."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from flk.sim.statistics.intervals import (
    CONFIDENCE,
    Column,
    Interval,
    mean_interval,
    proportion_interval,
    quantile_interval,
)


class Comparison(NamedTuple):
    """What changes from the one variant to the other, over runs with the same seeds.

    `mean` and `median` are intervals of the difference, other minus one; `better` of the probability that the other is less;
    `gain` says how many times as many runs independent random numbers would have needed for the same certainty about the mean.
    In `censored` pairs one of the two, or both, had not come to pass when its run ended. Such a difference may be as great as can
    be in either direction: it leaves the mean open, and the median where it matters; it counts as better where the order is sure.
    """

    differences: Column
    mean: Interval
    median: Interval
    better: Interval
    gain: float
    censored: int = 0

    @property
    def decided(self) -> bool:
        """Whether the interval of the mean settles the sign of the difference."""
        return self.mean.low > 0 or self.mean.high < 0


def compare(one: ArrayLike, other: ArrayLike, confidence: float = CONFIDENCE) -> Comparison:
    """Compare two samples of the same seeds, in the same order. Pairs of which one is not a number are left out; an infinite
    value is one that had not come to pass when its run ended.

    Raises ValueError if the samples are not of one length.

    >>> compare([4.0, 5.0, 6.0], [3.0, float("inf"), 5.0]).mean[0:3:2]
    (-inf, inf)
    """
    a, b = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    if a.shape != b.shape:
        raise ValueError(f"{a.size} runs cannot be paired with {b.size}")
    both = ~(np.isnan(a) | np.isnan(b))
    a, b = a[both], b[both]
    whole = np.isfinite(a) & np.isfinite(b)
    difference = b[whole] - a[whole]
    unpaired = float(np.var(a[whole], ddof=1) + np.var(b[whole], ddof=1)) if difference.size > 1 else np.nan
    paired = float(np.var(difference, ddof=1)) if difference.size > 1 else np.nan
    mean, median = _open(difference, int((~whole).sum()), confidence)
    changed = a != b
    return Comparison(
        differences=difference,
        mean=mean,
        median=median,
        better=proportion_interval(int((b[changed] < a[changed]).sum()), int(changed.sum()), confidence),
        gain=unpaired / paired if paired else float("inf"),
        censored=int((~whole).sum()),
    )


def _open(difference: Column, censored: int, confidence: float) -> tuple[Interval, Interval]:
    """Mean and median of differences of which so many more are not known at all."""
    mean = mean_interval(difference, confidence)
    if not censored:
        return mean, quantile_interval(difference, 0.5, confidence)
    least = quantile_interval(np.concatenate([difference, np.full(censored, -np.inf)]), 0.5, confidence)
    most = quantile_interval(np.concatenate([difference, np.full(censored, np.inf)]), 0.5, confidence)
    size = difference.size + censored
    middle = quantile_interval(difference, 0.5, confidence).estimate
    return (
        mean._replace(low=-np.inf, high=np.inf, size=size, censored=censored),
        Interval(least.low, middle, most.high, size, confidence, censored),
    )
