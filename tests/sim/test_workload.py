"""When records come, and to whom."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flk.sim.duration import Seconds
from flk.sim.workload import Burst, Workload, agent_homes, arrivals, rate_at

bursts = st.lists(
    st.builds(Burst, st.floats(0, 100).map(Seconds), st.floats(1, 50).map(Seconds), st.sampled_from([0.1, 2.0, 10.0])),
    max_size=3,
).map(tuple)
workloads = st.builds(
    Workload,
    records=st.just(""),
    rate=st.floats(0.1, 5),
    agents=st.dictionaries(st.sampled_from(["eu", "us"]), st.integers(1, 4), min_size=1),
    until=st.none() | st.floats(1, 200).map(Seconds),
    duplicates=st.floats(0, 1),
    duplicate_window=st.integers(1, 20),
    bursts=bursts,
)


@given(workloads, st.integers(1, 300), st.integers(0, 100))
@settings(max_examples=60, deadline=None)
def test_arrivals_are_what_the_workload_says(workload: Workload, submissions: int, seed: int) -> None:
    """Arrivals come in order of time, within the hours of work, to agents that exist; new records in their order, each once,
    and a repeat is one of the last so many.
    """
    found = arrivals(workload, 100.0, submissions, seed)
    end = min(100.0, workload.until or 100.0)
    assert all(0 <= a.at <= b.at <= end for a, b in pairwise(found))
    assert all(0 <= arrival.agent < sum(workload.agents.values()) for arrival in found)
    fresh = [arrival.submission for arrival in found if arrival.fresh]
    assert fresh == list(range(len(fresh)))
    assert len(fresh) <= submissions
    latest = -1
    for arrival in found:
        latest += arrival.fresh
        assert max(0, latest - workload.duplicate_window + 1) <= arrival.submission <= latest


@given(st.integers(0, 50), st.integers(1, 200))
@settings(max_examples=30, deadline=None)
def test_a_longer_day_starts_like_the_shorter(seed: int, submissions: int) -> None:
    """Common random numbers: letting the run go on changes no arrival that was there before."""
    workload = Workload(records="", rate=1.0, agents={"eu": 3}, duplicates=0.3)
    short = arrivals(workload, 60.0, submissions, seed)
    assert arrivals(workload, 120.0, submissions, seed)[: len(short)] == short


def test_a_burst_multiplies_the_rate() -> None:
    """In a tenfold burst about ten times as many records come as in an equal time without."""
    workload = Workload(records="", rate=5.0, agents={"eu": 1}, bursts=(Burst(Seconds(100), Seconds(100), 10.0),))
    at = np.array([arrival.at for arrival in arrivals(workload, 300.0, 100_000, 3)])
    before, during, after = np.histogram(at, bins=[0, 100, 200, 300])[0]
    assert during / before == pytest.approx(10, rel=0.2)
    assert during / after == pytest.approx(10, rel=0.2)


def test_overlapping_bursts_multiply() -> None:
    """Where two bursts overlap, both factors count."""
    two = (Burst(Seconds(0), Seconds(10), 2.0), Burst(Seconds(5), Seconds(10), 3.0))
    workload = Workload(records="", rate=1.0, agents={"eu": 1}, bursts=two)
    assert [rate_at(workload, moment) for moment in (0, 5, 10, 15)] == [2, 6, 3, 1]


def test_the_share_of_repeats_is_kept() -> None:
    """With a share of 0.3, about three of ten arrivals repeat an earlier one."""
    workload = Workload(records="", rate=10.0, agents={"eu": 1, "us": 1}, duplicates=0.3)
    found = arrivals(workload, 500.0, 100_000, 5)
    assert sum(not arrival.fresh for arrival in found) / len(found) == pytest.approx(0.3, abs=0.03)
    assert Counter(arrival.agent for arrival in found)[0] == pytest.approx(len(found) / 2, rel=0.1)


def test_agents_are_listed_by_home() -> None:
    """Two agents near eu and one near us are numbered in that order."""
    assert agent_homes({"eu": 2, "us": 1}) == ["eu", "eu", "us"]
