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
    """

    differences: Column
    mean: Interval
    median: Interval
    better: Interval
    gain: float

    @property
    def decided(self) -> bool:
        """Whether the interval of the mean settles the sign of the difference."""
        return self.mean.low > 0 or self.mean.high < 0


def compare(one: ArrayLike, other: ArrayLike, confidence: float = CONFIDENCE) -> Comparison:
    """Compare two samples of the same seeds, in the same order. Pairs of which one is not a number are left out.

    Raises ValueError if the samples are not of one length.
    """
    a, b = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    if a.shape != b.shape:
        raise ValueError(f"{a.size} runs cannot be paired with {b.size}")
    both = ~(np.isnan(a) | np.isnan(b))
    a, b = a[both], b[both]
    difference = b - a
    unpaired = float(np.var(a, ddof=1) + np.var(b, ddof=1)) if a.size > 1 else np.nan
    paired = float(np.var(difference, ddof=1)) if a.size > 1 else np.nan
    changed = difference != 0
    return Comparison(
        differences=difference,
        mean=mean_interval(difference, confidence),
        median=quantile_interval(difference, 0.5, confidence),
        better=proportion_interval(int((difference[changed] < 0).sum()), int(changed.sum()), confidence),
        gain=unpaired / paired if paired else float("inf"),
    )
