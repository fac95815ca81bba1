"""What an agent measures of its points, for which it needs NumPy: coherence and the counts of cells (SIG-2, SIG-5)."""

from collections.abc import Iterable
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from flk.spec.constants import CONSTANTS

SIGNALS = CONSTANTS.signals
Points = NDArray[np.float64]


class Coherence(NamedTuple):
    """The largest share of points in one bin of a projection, and the unit vector of that projection."""

    coh_star: float
    v_star: tuple[float, ...]


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
    lengths = np.sqrt(sum(np.square(draws.T), np.zeros(directions)))  # in the order of the axes, as in `_project`
    units = draws / lengths[:, np.newaxis]
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
