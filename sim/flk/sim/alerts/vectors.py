"""What an expression is at many moments at once: a column of values for each set of labels, and a mask of when it is there.

Each moment is evaluated for itself, as Prometheus does; doing all of them in one pass over arrays is what makes it fast.
"""

from collections.abc import Callable, Iterable
from functools import reduce
from operator import or_
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from flk.sim.alerts.series import NAME, Labels, Series
from flk.spec.constants import CONSTANTS

Floats: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]
Signature: TypeAlias = Callable[[Labels], Labels]

LOOKBACK = CONSTANTS.alerting.lookback_seconds


class Column(NamedTuple):
    """An element of a vector at every moment; a value counts only where it is present. NaN is a value like any other."""

    values: Floats
    present: Mask


Vector: TypeAlias = dict[Labels, Column]


def only(names: Iterable[str]) -> Signature:
    """Keeps the labels of these names."""
    kept = frozenset(names)
    return lambda of: frozenset(pair for pair in of if pair[0] in kept)


def without(names: Iterable[str]) -> Signature:
    """Drops the labels of these names, and the name of the metric."""
    dropped = frozenset({NAME, *names})
    return lambda of: frozenset(pair for pair in of if pair[0] not in dropped)


nameless = without(())


def latest(series: Series, moments: Floats) -> Column:
    """At each moment the last sample, if it is not too old and does not mark the series as gone."""
    times, values = series.times, series.values
    place = np.searchsorted(times, moments, side="right") - 1
    at = np.maximum(place, 0)
    found = values[at]
    return Column(found, (place >= 0) & (times[at] > moments - LOOKBACK) & ~np.isnan(found))


def growth(series: Series, moments: Floats, span: float) -> Column:
    """How much a counter grew in the `span` seconds before each moment, extrapolated to the whole of it.

    The first and the last sample say how much, with resets added. The growth goes on at that pace up to the edges of the span where
    a sample is missing there by no more than chance, and else for half an interval; but not back beyond where the counter was 0.
    Source: `extrapolatedRate` of Prometheus 2.42.
    """
    there = ~np.isnan(series.values)
    times, values = series.times[there], series.values[there]
    first = np.searchsorted(times, moments - span, side="right")
    count = np.searchsorted(times, moments, side="right") - first
    enough = count >= 2
    if not enough.any():
        return Column(np.zeros_like(moments), enough)
    first = np.minimum(first, len(times) - 1)
    last = np.minimum(first + np.maximum(count, 1), len(times)) - 1
    resets = np.concatenate([[0.0], np.where(np.diff(values) < 0, values[:-1], 0.0)]).cumsum()
    grown = values[last] - values[first] + (resets[last] - resets[first])
    sampled = times[last] - times[first]
    apart = sampled / np.maximum(count - 1, 1)
    before = times[first] - (moments - span)
    since_zero = np.divide(sampled * values[first], grown, out=np.full_like(grown, np.inf), where=grown > 0)
    before = np.minimum(before, since_zero)
    after = moments - times[last]
    reach = sampled
    for edge in (before, after):
        reach = reach + np.where(edge < apart * 1.1, edge, apart / 2)
    factor = np.divide(reach, sampled, out=np.ones_like(reach), where=enough)
    return Column(grown * factor, enough)


def changes(series: Series, moments: Floats, span: float) -> Column:
    """How often a gauge changed between samples in the `span` seconds before each moment."""
    there = ~np.isnan(series.values)
    times, values = series.times[there], series.values[there]
    if not len(times):
        return Column(np.zeros_like(moments), np.zeros(moments.shape, dtype=bool))
    changed = np.concatenate([[0.0], values[1:] != values[:-1]]).cumsum()
    first = np.searchsorted(times, moments - span, side="right")
    after = np.searchsorted(times, moments, side="right")
    counted = changed[np.maximum(after - 1, 0)] - changed[np.minimum(first, len(times) - 1)]
    return Column(counted, after > first)


def aggregate(vector: Vector, group: Signature, reduction: Callable[[Floats, Mask], Floats]) -> Vector:
    """The elements of each group reduced to one. `reduction` is given values and presence, a row for each element."""
    members: dict[Labels, list[Column]] = {}
    for of, column in vector.items():
        members.setdefault(group(of), []).append(column)
    return {
        of: Column(
            reduction(np.array([c.values for c in columns]), np.array([c.present for c in columns])),
            reduce(or_, (c.present for c in columns)),
        )
        for of, columns in members.items()
    }


def presence(vector: Vector, signature: Signature) -> dict[Labels, Mask]:
    """By signature, when any element is there."""
    found: dict[Labels, Mask] = {}
    for of, column in vector.items():
        key = signature(of)
        found[key] = found[key] | column.present if key in found else column.present
    return found


def union(left: Vector, right: Vector, signature: Signature) -> Vector:
    """Everything on the left, and what is on the right while nothing on the left has its signature."""
    taken = presence(left, signature)
    result = dict(left)
    for of, column in right.items():
        there = column.present & ~taken.get(signature(of), np.zeros_like(column.present))
        if of in result:
            mine = result[of]
            result[of] = Column(np.where(mine.present, mine.values, column.values), mine.present | there)
        else:
            result[of] = Column(column.values, there)
    return result


def restricted(left: Vector, right: Vector, signature: Signature, *, to: bool) -> Vector:
    """What is on the left while something on the right has its signature, or (`to` false) while nothing has."""
    there = presence(right, signature)
    found: Vector = {}
    for of, column in left.items():
        matched = there.get(signature(of), np.zeros_like(column.present))
        found[of] = Column(column.values, column.present & (matched if to else ~matched))
    return found


def paired(left: Vector, right: Vector, signature: Signature) -> list[tuple[Labels, Column, Column]]:
    """Elements of both sides with one signature. Raises ValueError if at some moment several of a side have the same."""
    merged: dict[Labels, Column] = {}
    for of, column in right.items():
        key = signature(of)
        merged[key] = disjoint(merged[key], column, key) if key in merged else column
    seen: dict[Labels, Column] = {}
    pairs = []
    for of, column in left.items():
        key = signature(of)
        if key in merged:
            seen[key] = disjoint(seen[key], column, key) if key in seen else column
            pairs.append((of, column, merged[key]))
    return pairs


def disjoint(one: Column, other: Column, key: Labels) -> Column:
    """Two elements with the same labels as one. Raises ValueError if both are there at some moment."""
    if (one.present & other.present).any():
        raise ValueError(f"several series match {{{', '.join(map('='.join, sorted(key)))}}}")
    return Column(np.where(one.present, one.values, other.values), one.present | other.present)


def quantiles(share: float, vector: Vector) -> Vector:
    """The quantile that the buckets of each histogram amount to. Elements without a bound `le` do not count."""
    histograms: dict[Labels, list[tuple[float, Column]]] = {}
    for of, column in vector.items():
        bound = dict(of).get("le")
        if bound is not None:
            histograms.setdefault(without(("le",))(of), []).append((float(bound), column))
    return {of: _quantile(share, sorted(buckets, key=_bound)) for of, buckets in histograms.items()}


def _bound(bucket: tuple[float, Column]) -> float:
    return bucket[0]


def _quantile(share: float, buckets: list[tuple[float, Column]]) -> Column:
    bounds = np.array([bound for bound, _ in buckets])
    counts = np.array([column.values for _, column in buckets])
    there = np.array([column.present for _, column in buckets])
    present = reduce(or_, (column.present for _, column in buckets))
    values = np.full(present.shape, np.nan)
    for moment in np.flatnonzero(present).tolist():
        rows = there[:, moment]
        values[moment] = _in_buckets(share, bounds[rows], np.maximum.accumulate(counts[rows, moment]))
    return Column(values, present)


def _in_buckets(share: float, bounds: Floats, counts: Floats) -> float:
    """The quantile within a histogram of cumulative counts: linear inside a bucket. Source: `bucketQuantile` of Prometheus."""
    if not 0 <= share <= 1:
        return -np.inf if share < 0 else np.inf
    if len(bounds) < 2 or bounds[-1] != np.inf or counts[-1] == 0:
        return np.nan
    rank = share * counts[-1]
    place = min(int(np.searchsorted(counts[:-1], rank, side="left")), len(bounds) - 1)
    if place == len(bounds) - 1:
        return float(bounds[-2])
    if place == 0 and bounds[0] <= 0:
        return float(bounds[0])
    low, below = (bounds[place - 1], counts[place - 1]) if place else (0.0, 0.0)
    return float(low + (bounds[place] - low) * ((rank - below) / (counts[place] - below)))
