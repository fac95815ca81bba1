"""Time series as a monitoring system has them: a number under a set of labels, sampled when it was scraped."""

from array import array
from collections.abc import Callable, Iterable, Iterator
from math import nan
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Labels: TypeAlias = frozenset[tuple[str, str]]
"""Names and values of labels. The name of the metric is the label `__name__`, as in Prometheus."""

NAME = "__name__"
STALE = nan
"""A sample that says: from here on the series is gone. Nodes export no NaN, so it can stand for nothing else."""


def labels(name: str, pairs: Iterable[tuple[str, str]] = ()) -> Labels:
    """The labels of a series of a metric."""
    return frozenset({(NAME, name), *pairs})


def shown(of: Labels) -> str:
    """Labels in the notation of the exposition format."""
    return ",".join(f'{name}="{value}"' for name, value in sorted(of))


class Series:
    """The samples of one series, in order of time."""

    def __init__(self, of: Labels) -> None:
        self.labels = of
        self._times = array("d")
        self._values = array("d")

    def append(self, at: float, value: float) -> None:
        """Add a sample, later than all so far."""
        self._times.append(at)
        self._values.append(value)

    @property
    def times(self) -> NDArray[np.float64]:
        """When it was sampled, in seconds."""
        return np.array(self._times)

    @property
    def values(self) -> NDArray[np.float64]:
        """What it was then."""
        return np.array(self._values)

    @property
    def ended(self) -> bool:
        """Whether the last sample marks it as gone."""
        return bool(self._values) and self._values[-1] != self._values[-1]


class Database:
    """All series."""

    def __init__(self) -> None:
        self._named: dict[str, dict[Labels, Series]] = {}

    def __iter__(self) -> Iterator[Series]:
        """Every series, by metric in the order in which they appeared."""
        return (series for named in self._named.values() for series in named.values())

    def series(self, of: Labels) -> Series:
        """The series with these labels, begun if there is none."""
        named = self._named.setdefault(dict(of)[NAME], {})
        if of not in named:
            named[of] = Series(of)
        return named[of]

    def select(self, name: str, fits: Callable[[dict[str, str]], bool]) -> list[Series]:
        """The series of a metric whose labels fit."""
        return [series for series in self._named.get(name, {}).values() if fits(dict(series.labels))]
