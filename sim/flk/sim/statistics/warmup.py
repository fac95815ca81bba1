"""Where the warm-up of a run is over. Every run may ask this, so it needs none of the distributions behind the intervals."""

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Column: TypeAlias = NDArray[np.float64]
BATCH = 5


class Warmup(NamedTuple):
    """How many values to cut off. `found` is False if the series is too short to tell: then half of it is cut off."""

    cut: int
    found: bool


def mser5(series: ArrayLike) -> Warmup:
    """Where to begin: the truncation that makes the standard error of the rest least, over means of five (White, Cobb and
    Spratt, "A comparison of five steady-state truncation heuristics", 2000). Never more than half, which would say that the run is
    too short. Give it the average over seeds rather than one run.
    """
    values = np.asarray(series, dtype=np.float64)
    batches = values[: values.size // BATCH * BATCH].reshape(-1, BATCH).mean(axis=1)
    size = batches.size
    if size < 4:
        return Warmup(values.size // 2, found=False)
    back = batches[::-1]
    left = np.arange(1, size + 1)
    mean = back.cumsum() / left
    squares = np.maximum((back**2).cumsum() / left - mean**2, 0.0)  # the variance of the last `left` means
    error = (squares / left)[::-1][: size // 2 + 1]
    best = int(np.argmin(error))
    return Warmup(best * BATCH, found=best < size // 2)


def smoothed(series: ArrayLike, reach: int) -> Column:
    """Welch's moving average over `reach` values to each side, fewer near the ends: to look at a warm-up."""
    values = np.asarray(series, dtype=np.float64)
    sums = np.concatenate(([0.0], values.cumsum()))
    at = np.arange(values.size)
    room = np.minimum(np.minimum(at, values.size - 1 - at), reach)
    moving: Column = (sums[at + room + 1] - sums[at - room]) / (2 * room + 1)
    return moving
