"""When records come, and to whom."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flk.sim.arrivals import Arrival, arrivals, rate_at
from flk.sim.duration import Seconds
from flk.sim.faults import Burst
from flk.sim.workload import Workload, agent_homes


def burst(name: str, start: float, duration: float, factor: float) -> Burst:
    """A burst of that id."""
    return Burst(id=name, start=Seconds(start), duration=Seconds(duration), factor=factor)


def coming(workload: Workload, duration: float, submissions: int, seed: int, *faults: Burst) -> list[Arrival]:
    """All arrivals of a run."""
    return list(arrivals(workload, faults, duration, submissions, seed))


bursts = st.lists(st.tuples(st.floats(0, 100), st.floats(1, 50), st.sampled_from([0.1, 2.0, 10.0])), max_size=3).map(
    lambda rows: tuple(burst(f"b{number}", *row) for number, row in enumerate(rows))
)
workloads = st.builds(
    Workload,
    records=st.just(""),
    rate=st.floats(0.1, 5),
    agents=st.dictionaries(st.sampled_from(["eu", "us"]), st.integers(1, 4), min_size=1),
    until=st.none() | st.floats(1, 200).map(Seconds),
    duplicates=st.floats(0, 1),
    duplicate_window=st.integers(1, 20),
)


@given(workloads, bursts, st.integers(1, 300), st.integers(0, 100))
@settings(max_examples=60, deadline=None)
def test_arrivals_are_what_the_workload_says(
    workload: Workload, faults: tuple[Burst, ...], submissions: int, seed: int
) -> None:
    """Arrivals come in order of time, within the hours of work, to agents that exist; everyday traffic takes new records from the
    first on, bursts from the last one back, each once; a repeat is one of the last so many new ones.
    """
    found = coming(workload, 100.0, submissions, seed, *faults)
    end = min(100.0, workload.until or 100.0)
    assert all(0 <= a.at <= b.at <= end for a, b in pairwise(found))
    assert all(0 <= arrival.agent < sum(workload.agents.values()) for arrival in found)
    fresh = [arrival.submission for arrival in found if arrival.fresh]
    everyday = [a.submission for a in found if a.fresh and a.name.isdigit()]
    extra = [a.submission for a in found if a.fresh and not a.name.isdigit()]
    if not extra or not found[0].name.isdigit():
        assert everyday == list(range(len(everyday)))
    assert len(set(fresh)) == len(fresh) <= submissions
    assert len({arrival.name for arrival in found}) == len(found)
    latest: list[int] = []
    for arrival in found:
        latest += [arrival.submission] if arrival.fresh else []
        assert arrival.submission in latest[-workload.duplicate_window :]


@given(workloads, bursts, st.integers(0, 50))
@settings(max_examples=40, deadline=None)
def test_a_burst_that_is_taken_away_moves_no_other_arrival(
    workload: Workload, faults: tuple[Burst, ...], seed: int
) -> None:
    """Without the burst the other arrivals come at the same moments, to the same agents, under the same names."""
    for gone in (fault for fault in faults if fault.factor > 1):
        rest = [fault for fault in faults if fault is not gone]
        everything = coming(workload, 100.0, 10_000, seed, *faults)
        kept = [(a.at, a.name, a.agent) for a in everything if not a.name.startswith(f"{gone.id}.")]
        assert [(a.at, a.name, a.agent) for a in coming(workload, 100.0, 10_000, seed, *rest)] == kept


@given(st.integers(0, 50), st.integers(1, 200))
@settings(max_examples=30, deadline=None)
def test_a_longer_day_starts_like_the_shorter(seed: int, submissions: int) -> None:
    """Common random numbers: letting the run go on changes no arrival that was there before."""
    workload = Workload(records="", rate=1.0, agents={"eu": 3}, duplicates=0.3)
    short = coming(workload, 60.0, submissions, seed)
    assert coming(workload, 120.0, submissions, seed)[: len(short)] == short


def test_a_burst_multiplies_the_rate() -> None:
    """In a tenfold burst about ten times as many records come as in an equal time without."""
    workload = Workload(records="", rate=5.0, agents={"eu": 1})
    at = np.array([arrival.at for arrival in coming(workload, 300.0, 100_000, 3, burst("rush", 100, 100, 10))])
    before, during, after = np.histogram(at, bins=[0, 100, 200, 300])[0]
    assert during / before == pytest.approx(10, rel=0.2)
    assert during / after == pytest.approx(10, rel=0.2)


def test_overlapping_bursts_add() -> None:
    """Where two bursts overlap, each adds its own records."""
    two = burst("a", 0, 10, 2.0), burst("b", 5, 10, 3.0)
    workload = Workload(records="", rate=1.0, agents={"eu": 1})
    assert [rate_at(workload, two, moment) for moment in (0, 5, 10, 15)] == [2, 4, 3, 1]


def test_the_share_of_repeats_is_kept() -> None:
    """With a share of 0.3, about three of ten arrivals repeat an earlier one."""
    workload = Workload(records="", rate=10.0, agents={"eu": 1, "us": 1}, duplicates=0.3)
    found = coming(workload, 500.0, 100_000, 5)
    assert sum(not arrival.fresh for arrival in found) / len(found) == pytest.approx(0.3, abs=0.03)
    assert Counter(arrival.agent for arrival in found)[0] == pytest.approx(len(found) / 2, rel=0.1)


def test_agents_are_listed_by_home() -> None:
    """Two agents near eu and one near us are numbered in that order."""
    assert agent_homes({"eu": 2, "us": 1}) == ["eu", "eu", "us"]
