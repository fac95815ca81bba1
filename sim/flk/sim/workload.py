"""What the agents are given to deliver, and when."""

from collections.abc import Mapping
from typing import Annotated, NamedTuple

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from flk.sim.duration import Seconds
from flk.sim.faults import Share
from flk.sim.randomness import Chance

Rate = Annotated[float, Meta(gt=0)]


class Burst(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From `start`, for `duration` seconds, records come `factor` times as often. Bursts that overlap multiply."""

    start: Seconds
    duration: Seconds
    factor: Rate


class Workload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which records come, how often, and to whom.

    `records` names them: `dataset:NAME`, or the path of a file. New ones come at `rate` per second, at random moments, until there
    are no more or `until` is reached. Of all arrivals a share of `duplicates` is instead one of the last `duplicate_window` new
    records, given to an agent that knows nothing of the first. `agents` is the number of agents at home near each region.
    """

    records: str
    agents: dict[str, Annotated[int, Meta(ge=0)]]
    rate: Rate = 1.0
    until: Seconds | None = None
    duplicates: Share = 0.0
    duplicate_window: Annotated[int, Meta(ge=1)] = 50
    bursts: tuple[Burst, ...] = ()


class Arrival(NamedTuple):
    """A submission that an agent is given; `fresh` unless it repeats an earlier one."""

    at: float
    submission: int
    agent: int
    fresh: bool


def arrivals(workload: Workload, duration: float, submissions: int, seed: int) -> list[Arrival]:
    """All arrivals of a run, in order of time: a Poisson process whose rate is the workload's."""
    times, load = _cumulative_load(workload, duration)
    expected = float(load[-1])
    most = int(expected + 10 * expected**0.5 + 100)
    moments = -np.log1p(-Chance(seed, "arrival").column(most)).cumsum()
    moments = moments[moments < expected]
    fresh = Chance(seed, "repeat").column(moments.size) >= workload.duplicates
    fresh[:1] = True
    latest = fresh.cumsum() - 1
    back = Chance(seed, "which").column(moments.size) * np.minimum(latest + 1, workload.duplicate_window)
    chosen = np.where(fresh, latest, latest - back.astype(np.int64))
    agents = (Chance(seed, "agent").column(moments.size) * sum(workload.agents.values())).astype(np.int64)
    at = np.interp(moments, load, times)
    enough = int(np.searchsorted(latest, submissions))
    rows = zip(at.tolist(), chosen.tolist(), agents.tolist(), fresh.tolist(), strict=True)
    return [Arrival(*row) for row, _ in zip(rows, range(enough), strict=False)]


def agent_homes(agents: Mapping[str, int]) -> list[str]:
    """The home region of each agent."""
    return [region for region, number in agents.items() for _ in range(number)]


def rate_at(workload: Workload, moment: float) -> float:
    """Expected arrivals per second at a moment."""
    rate = workload.rate
    for burst in workload.bursts:
        if burst.start <= moment < burst.start + burst.duration:
            rate *= burst.factor
    return rate


def _cumulative_load(workload: Workload, duration: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The moments at which the rate changes, and the number of arrivals expected by each of them."""
    end = duration if workload.until is None else min(duration, workload.until)
    edges = {0.0, end}
    for burst in workload.bursts:
        edges |= {min(end, burst.start), min(end, burst.start + burst.duration)}
    times = np.array(sorted(edges))
    rates = np.array([rate_at(workload, moment) for moment in times[:-1]])
    return times, np.concatenate(([0.0], (rates * np.diff(times)).cumsum()))
