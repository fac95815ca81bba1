"""Where requests come from: the streams of arrivals, drawn a block at a time with the very numbers that the message tier draws."""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from flk.sim.clients.arrivals import cumulative_load, poisson_bound
from flk.sim.kernel.random_streams import ANSWER, REQUEST, SERVICE, RandomStream, numbered
from flk.sim.scenarios.faults import Burst
from flk.sim.scenarios.scenario import Scenario
from flk.sim.vector.kernels import chosen
from flk.sim.vector.plan import Column

Flags: TypeAlias = NDArray[np.bool_]

BLOCK = 1 << 15
STREAM = 2.0**40
"""A request is named by the number of its stream times this, plus its number in the stream."""


class Block(NamedTuple):
    """Arrivals in order of time: the moment, a number in [0, 1) that chooses the agent, exponential numbers of the request's
    jitter, of its service and of its answer's jitter, whether it comes at all, and the name of the first. No other arrival of the
    stream comes before `until`.
    """

    at: Column
    agent: Column
    request: Column
    service: Column
    answer: Column
    kept: Flags
    name: float
    until: float


class Stream:
    """One stream of arrivals: everyday traffic, or what a burst adds. `cursor` is a moment before which all of it was drawn."""

    def __init__(self, scenario: Scenario, seed: int, index: int, burst: Burst | None, most: int | None = None) -> None:
        workload, calm = scenario.workload, quiet(scenario)
        end: float = min(scenario.duration, workload.until or scenario.duration)
        start, scale, stream = 0.0, 1.0, ""
        if burst is not None:
            end, scale, stream, calm = min(end, burst.end), burst.factor - 1, f"/{burst.id}", []
            start = min(burst.start, end)
        times, load = cumulative_load(workload, start, end, scale)
        self.cursor = start
        self._kernels = chosen()
        self._times, self._load = times, load
        self._expected = float(load[-1])
        drawn = poisson_bound(self._expected)
        self._most = drawn if most is None else min(drawn, most)
        self._number = 0
        self._moment = 0.0
        self._name = index * STREAM
        name = burst.id if burst else ""
        self._gaps = RandomStream(seed, f"arrival{stream}").numbers()
        self._agents = RandomStream(seed, f"agent{stream}").numbers()
        self._fresh = RandomStream(seed, f"repeat{stream}").numbers()
        self._draws = [
            numbered(seed, what, name).numbers() for what in (f"{REQUEST}.jitter", SERVICE, f"{ANSWER}.jitter")
        ]
        self._calm = [(burst, RandomStream(seed, f"calm/{burst.id}").numbers()) for burst in calm]
        self._duplicates = workload.duplicates

    def block(self) -> Block:
        """The next arrivals; none if the stream is over, and then its cursor is at infinity."""
        name = self._name + self._number
        at, kept = self._moments()
        agent = self._agents.random(at.size)
        request, service, answer = (self._exponentials(draws, at.size) for draws in self._draws)
        return Block(at, agent, request, service, answer, kept, name, self.cursor)

    def fresh(self) -> tuple[Column, Column]:
        """The moments of the next arrivals, and of those among them that bring a new record."""
        at, kept = self._moments()
        new = self._fresh.random(at.size) >= self._duplicates
        return at[kept], at[kept & new]

    def _exponentials(self, numbers: np.random.Generator, size: int) -> Column:
        """Exponential numbers of mean 1."""
        drawn = numbers.random(size)
        self._kernels.exponentials(drawn)
        return drawn

    def _moments(self) -> tuple[Column, Flags]:
        size = min(BLOCK, self._most - self._number)
        moments = self._exponentials(self._gaps, size)
        if size:
            moments[0] += self._moment
        np.cumsum(moments, out=moments)
        within = int(np.searchsorted(moments, self._expected))
        whole = within == BLOCK
        self._moment = float(moments[-1]) if whole else np.inf
        at = moments[:within]
        self._kernels.interpolate(at, self._load, self._times)
        self._number += within
        self.cursor = float(at[-1]) if whole else np.inf
        if not whole:
            self._most = self._number
        kept = np.ones(within, dtype=np.bool_)
        for burst, numbers in self._calm:
            if whole and (at[-1] < burst.start or at[0] >= burst.end):
                skip(numbers, within)
            else:
                quieter = numbers.random(within) < burst.factor
                kept &= quieter | (at < burst.start) | (at >= burst.end)
        return at, kept


def skip(numbers: np.random.Generator, count: int) -> None:
    """Go on as if so many numbers had been drawn: a multiple of four, as Philox makes them, after another such multiple."""
    assert not count % 4
    numbers.bit_generator.advance(count // 4)  # type: ignore[attr-defined]  # known of Philox, not of every generator


def quiet(scenario: Scenario) -> list[Burst]:
    """The bursts that take from everyday traffic."""
    return [fault for fault in scenario.faults if isinstance(fault, Burst) and fault.factor < 1]


def streams(scenario: Scenario, seed: int, requests: int | None = None) -> list[Stream]:
    """All streams of a scenario, everyday traffic first, of which at most so many `requests` are taken."""
    louder = [fault for fault in scenario.faults if isinstance(fault, Burst) and fault.factor > 1]
    extra = [Stream(scenario, seed, number, burst) for number, burst in enumerate(louder, 1)]
    return [Stream(scenario, seed, 0, None, requests), *extra]


def stream_names(scenario: Scenario) -> tuple[str, ...]:
    """What the arrivals of each stream begin with, as `arrivals.Arrival.name` writes it."""
    louder = [fault for fault in scenario.faults if isinstance(fault, Burst) and fault.factor > 1]
    return ("", *(f"{burst.id}." for burst in louder))


def used_up(found: Sequence[Stream], records: int) -> float:
    """When a new record is needed and there are no more: no agent is given anything from then on. Infinite if never.

    The first arrival of all has nothing to repeat, and brings a new record whatever its draw.
    """
    earliest = np.inf
    new: list[Column] = []
    for stream in found:
        taken = 0
        while stream.cursor < np.inf and taken <= records:
            at, fresh = stream.fresh()
            earliest = min(earliest, at[0] if at.size else np.inf)
            new.append(fresh)
            taken += fresh.size
    together = np.unique(np.concatenate([*new, [earliest]]))
    return float(together[records]) if together.size > records else np.inf
