"""Everyday life, without a beginning or an end: an interval from one long run. `warmup` says where it begins."""

import numpy as np
from numpy.typing import ArrayLike

from flk.sim.statistics.intervals import CONFIDENCE, Interval, mean_interval


def batch_means(series: ArrayLike, batches: int = 20, confidence: float = CONFIDENCE) -> Interval:
    """The mean of one long run, by Student's t over the means of so many batches, which are long enough to be hardly correlated
    (Schmeiser, "Batch size effects in the analysis of simulation output", 1982). What fills no batch is cut off in front.
    """
    values = np.asarray(series, dtype=np.float64)
    length = values.size // batches
    if not length:
        return mean_interval(values, confidence)
    interval = mean_interval(values[values.size - length * batches :].reshape(batches, length).mean(axis=1), confidence)
    return interval._replace(size=values.size)
