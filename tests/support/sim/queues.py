"""Queues whose answers are known, simulated for many seeds at once."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Column: TypeAlias = NDArray[np.float64]


def waits(gaps: Column, services: Column) -> Column:
    """Waiting times of a FIFO server by Lindley's recursion: rows are customers, columns are independent runs."""
    found = np.empty_like(gaps)
    wait = np.zeros(gaps.shape[1])
    for customer in range(gaps.shape[0]):
        if customer:
            wait = np.maximum(wait + services[customer - 1] - gaps[customer], 0.0)
        found[customer] = wait
    return found


def tandem(gaps: Column, first: Column, second: Column) -> Column:
    """Times through two servers in a row."""
    there = waits(gaps, first) + first
    left = gaps.cumsum(axis=0) + there
    between = np.diff(left, axis=0, prepend=left[:1])
    return there + waits(between, second) + second


def mm1_wait(load: float) -> float:
    """The mean wait in M/M/1 with mean service 1."""
    return load / (1 - load)


def mg1_wait(load: float, squared_variation: float) -> float:
    """Pollaczek and Khinchine: the mean wait in M/G/1 with mean service 1 and that squared coefficient of variation."""
    return load * (1 + squared_variation) / (2 * (1 - load))
