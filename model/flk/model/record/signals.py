"""The signals of a computation, and what follows from them: regime and budget (SIG-*).

The node recomputes slope, regime and budget for every record; coherence, compressibility and the cell counts need the agent's
data and are computed there.
"""

import zlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import combinations
from math import log2, prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from flk.model.record.canonical import round9
from flk.model.record.record import Regime
from flk.spec.constants import CONSTANTS

SIGNALS = CONSTANTS.signals
BUDGET = CONSTANTS.budget
MIN_DX = SIGNALS.min_dx
Points = NDArray[np.float64]


class Coherence(NamedTuple):
    """The largest share of points in one bin of a projection, and the unit vector of that projection."""

    coh_star: float
    v_star: tuple[float, ...]


def d_hat(scales: Sequence[int], counts: Sequence[int]) -> float:
    """The Theil–Sen slope of log2(count) on log2(scale): the median of the slopes of all pairs (SIG-1).

    The dimension that the data fill: 1 for a line, 2 for a plane. Of an even number of slopes the median is the mean of the middle
    two. Raises ValueError unless there is a positive count for each positive scale, and two scales that are not one.

    >>> round(d_hat([2, 4, 8, 16], [5, 10, 20, 40]), 9)
    1.0
    """
    if len(scales) != len(counts) or min(scales, default=0) < 1 or min(counts) < 1:
        raise ValueError("D_hat: every scale needs a count, and all of them are at least 1")
    y = [log2(count) for count in counts]
    slopes = sorted([(y[j] - y[i]) / dx for i, j, dx in _runs(tuple(scales))])
    if not slopes:
        raise ValueError("D_hat: a slope needs two different scales")
    middle = len(slopes) // 2
    return slopes[middle] if len(slopes) % 2 else (slopes[middle - 1] + slopes[middle]) / 2


@lru_cache(maxsize=256)
def _runs(scales: tuple[int, ...]) -> tuple[tuple[int, int, float], ...]:
    """Each pair of scales that are not one, and their distance. Cached, since a fleet of agents uses few sets of scales."""
    distances = ((i, j, log2(scales[j]) - log2(scales[i])) for i, j in combinations(range(len(scales)), 2))
    return tuple((i, j, dx) for i, j, dx in distances if abs(dx) >= MIN_DX)


def coherence(points: Points, seed: int, directions: int = SIGNALS.directions, bins: int = SIGNALS.bins) -> Coherence:
    """The best of `directions` random projections of the rows of `points`; the first of equals (SIG-2).

    `points` have a row each and a column for each dimension. Directions are normalised rows of standard normals from NumPy's
    legacy MT19937, whose stream is fixed for good. No points: zero and the zero vector. Raises ValueError for a seed outside
    0 … 2^32 - 1 and for coordinates that are not finite.

    >>> import numpy as np
    >>> coh_star, v_star = coherence(np.array([[0.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]]), seed=7)
    >>> coh_star, len(v_star)
    (0.75, 2)
    """
    size, dimensions = points.shape
    if not size:
        return Coherence(0.0, (0.0,) * dimensions)
    draws = np.random.RandomState(seed).randn(directions, dimensions)
    units = np.array([draw / np.sqrt(draw @ draw) for draw in draws])
    together = max(1, _BATCH // size)
    batches = (units[start : start + together] for start in range(0, directions, together))
    fullest = np.concatenate([_densest(_project(points, batch), bins) for batch in batches])
    best = int(fullest.argmax())
    return Coherence(int(fullest[best]) / size, tuple(units[best].tolist()))


_BATCH = 1 << 18  # projections held at a time, so that memory does not grow with the number of directions


def _project(points: Points, units: Points) -> Points:
    """One row of dot products for each direction, summed in the order of the axes, so that no linear-algebra library decides
    the last bit.
    """
    products = (np.multiply.outer(unit, column) for unit, column in zip(units.T, points.T, strict=True))
    with np.errstate(over="ignore", invalid="ignore"):
        return sum(products, np.zeros((len(units), len(points))))


def _densest(rows: Points, bins: int) -> NDArray[np.int64]:
    """For each row, the most values in one of `bins` equal parts of its range; all of them if the range is a point.

    The last part is closed.
    """
    low, high = rows.min(axis=1), rows.max(axis=1)
    with np.errstate(over="ignore", invalid="ignore"):
        extent = high - low
    if not np.isfinite(extent).all():
        raise ValueError("coh_star: coordinates must be finite, and small enough to add up")
    inner = np.linspace(low, high, bins + 1)[1:-1, :, np.newaxis]
    everything = np.full(len(rows), rows.shape[1])
    beyond = [everything, *(np.count_nonzero(rows >= edge, axis=1) for edge in inner), np.zeros_like(everything)]
    densest = -np.diff(beyond, axis=0).min(axis=0)
    return np.where(extent < SIGNALS.min_extent, everything, densest)


def compressibility(raw: bytes) -> float:
    """`r`: the size of `raw` under zlib level 6 relative to its own, at most 1; 1 for no bytes (SIG-3).

    The size is that of the zlib the interpreter is linked with; a node takes `r` as claimed.

    >>> compressibility(b"a" * 1000) < 0.02, compressibility(b"")
    (True, 1.0)
    """
    return min(1.0, len(zlib.compress(raw, SIGNALS.zlib_level)) / len(raw)) if raw else 1.0


def count_cells(points: Points, scales: Iterable[int] = SIGNALS.scales) -> dict[int, int]:
    """For each scale, how many cells of side 1/scale hold a row of `points` (SIG-5).

    `points` have a row each, scaled to the unit cube by whoever calls. Raises ValueError for coordinates that are not finite or
    overflow when scaled.

    >>> import numpy as np
    >>> count_cells(np.array([[0.1, 0.1], [0.2, 0.2], [0.9, 0.9]]), scales=(2, 4, 8))
    {2: 2, 4: 2, 8: 3}
    """
    return {scale: _occupied(points, scale) for scale in scales}


def _occupied(points: Points, scale: int) -> int:
    with np.errstate(over="ignore"):
        cells = np.floor(points * scale) + 0.0  # -0 and 0 are one cell
    if not np.isfinite(cells).all():
        raise ValueError(f"N_j: every coordinate must be finite, also {scale} times as large")
    return _distinct(cells) if len(cells) else 0


def _distinct(cells: Points) -> int:
    """How many different rows there are. Whole numbers in a small box are counted by their place in it, others by sorting."""
    lowest = cells.min(axis=0)
    with np.errstate(over="ignore"):
        box = (cells.max(axis=0) - lowest + 1).tolist()
    if prod(box) > _SMALL_BOX:
        return len(np.unique(cells, axis=0))
    places = np.ravel_multi_index(tuple((cells - lowest).astype(np.int64).T), [int(side) for side in box])
    return int(np.count_nonzero(np.bincount(places)))


_SMALL_BOX = 1 << 16


def regime(D_hat: float, coh_star: float) -> Regime:
    """How the computation moves, by its slope and coherence: sticky, else non-sticky, else mixed (SIG-4).

    Thresholds are compared with the signals as they are signed, at nine decimals: rounding never moves a record across one.

    >>> regime(1.5, 0.7).value, regime(1.6, 0.7).value, regime(2.6, 0.0).value
    ('sticky', 'mixed', 'non_sticky')
    """
    D_hat, coh_star = round9(D_hat), round9(coh_star)
    if coh_star >= SIGNALS.sticky_coh_min and D_hat <= SIGNALS.sticky_D_max:
        return Regime.STICKY
    return Regime.NON_STICKY if D_hat >= SIGNALS.non_sticky_D_min else Regime.MIXED


def budget(D_hat: float, coh_star: float, r: float) -> float:
    """The share of verification effort a record asks for, in [0, 1], from its signals as they are signed (SIG-6).

    >>> round(budget(1.0, 0.75, 0.5), 9)
    0.4
    """
    D_hat, coh_star, r = round9(D_hat), round9(coh_star), round9(r)
    spread = max(0.0, D_hat - BUDGET.D0)
    cost = BUDGET.base + BUDGET.alpha * (1 - r) + BUDGET.beta * spread + BUDGET.gamma * coh_star
    return min(1.0, max(0.0, cost))
