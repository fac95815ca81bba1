"""Numbers over time and samples in short: the values that all measures are made of."""

from collections.abc import Sequence
from math import nan
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Column: TypeAlias = NDArray[np.float64]


class Steps(NamedTuple):
    """A number that changes at moments: it is `level[i]` from `at[i]` on."""

    at: Column
    level: Column


class Spells(NamedTuple):
    """Times in which the regions did not store some key alike: since when, and until when, infinity if to the end of the run."""

    since: Column
    until: Column

    def healed(self, moment: float) -> float:
        """Seconds until every key that differed at that moment was alike again; infinity if one never was."""
        open_ = (self.since <= moment) & (self.until > moment)
        return float(self.until[open_].max()) - moment if open_.any() else 0.0


class Reading(NamedTuple):
    """A value of a measure, censored if the run ended before what it measures came to pass: the truth is at least the value."""

    value: float
    censored: bool = False


class Quantiles(NamedTuple):
    """A sample in short; without a sample all but `size` are NaN."""

    size: int
    p50: float
    p95: float
    p99: float
    most: float


def steps(changes: Sequence[tuple[float, float]]) -> Steps:
    """The series of a number whose changes were recorded as moments and new levels."""
    table = np.array(changes, dtype=np.float64).reshape(-1, 2)
    return Steps(table[:, 0], table[:, 1])


def quantiles(sample: Column) -> Quantiles:
    """A sample in short.

    >>> quantiles(np.array([1.0, 2.0, 3.0])).p50
    2.0
    """
    if not sample.size:
        return Quantiles(0, nan, nan, nan, nan)
    p50, p95, p99, most = np.quantile(sample, [0.5, 0.95, 0.99, 1.0]).tolist()
    return Quantiles(sample.size, p50, p95, p99, most)


def staleness(logged_at: Column, applied_at: Column, grid: Column) -> Column:
    """At each moment of the grid the age of the oldest record that was logged and is not applied; 0 if there is none.

    Records come in log order. Whatever the order in which they are applied, the oldest that is missing is the first whose
    running maximum of application times lies ahead.
    """
    first = np.searchsorted(np.maximum.accumulate(applied_at), grid, side="right")
    oldest: Column = np.append(logged_at, np.inf)[first]
    return np.maximum(grid - oldest, 0.0)


def followed(logged_at: Column, stores: Sequence[tuple[float, Column]], grid: Column) -> Column:
    """The staleness of a target that may have lost its store, at each moment of the grid.

    Each of `stores` is the moment from which a store held, and when the first records of the log were applied to it; the next
    begins with nothing.
    """
    age = np.zeros(grid.size)
    ends = [since for since, _ in stores[1:]] + [np.inf]
    for (since, applied_at), end in zip(stores, ends, strict=True):
        held = (grid >= since) & (grid < end)
        age[held] = staleness(logged_at[: applied_at.size], applied_at, grid[held])
    return age
