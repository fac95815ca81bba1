"""When records come, and to whom."""

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from scipy.stats import chi2

from flk.sim.clients.arrivals import Arrival, arrivals, rank, rate_at, write
from flk.sim.kernel.random_streams import RandomStream
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import Burst
from flk.sim.scenarios.workload import Turn, Workload, agent_homes, agent_tenants
from flk.spec.errors import UnusableInput


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


curves = st.lists(
    st.tuples(st.integers(0, 100_000).map(lambda ms: ms / 1000), st.floats(0, 5)),
    min_size=2,
    max_size=5,
    unique_by=lambda turn: turn[0],
).map(lambda turns: tuple(Turn(Seconds(at), factor) for at, factor in sorted(turns)))


@pytest.mark.slow
@given(curves, st.integers(0, 20))
@settings(max_examples=25, deadline=None)
def test_arrivals_follow_the_curve(curve: tuple[Turn, ...], seed: int) -> None:
    """In every stretch about as many records come as the rate, integrated over it, says; where it is zero none come."""
    workload = Workload(records="", rate=30.0, agents={"eu": 1}, curve=curve)
    at = np.array([arrival.at for arrival in coming(workload, 100.0, 100_000, seed)])
    edges = np.linspace(0, 100, 6)
    for start, end, found in zip(edges, edges[1:], np.histogram(at, bins=edges)[0], strict=False):
        moments = np.linspace(start, end, 301)
        expected = np.trapezoid([rate_at(workload, (), moment) for moment in moments], moments)
        assert abs(found - expected) <= 5 * expected**0.5 + 0.02 * expected + 1


def test_the_curve_is_straight_between_turns_and_level_outside() -> None:
    """Half-way between factors 1 and 3 the rate is doubled; before the first turn and after the last it stays."""
    workload = Workload(records="", rate=2.0, agents={"eu": 1}, curve=(Turn(Seconds(10), 1.0), Turn(Seconds(20), 3.0)))
    assert [rate_at(workload, (), moment) for moment in (0, 10, 15, 20, 50)] == [2, 2, 4, 6, 6]
    rush = burst("rush", 10, 10, 3.0)
    assert rate_at(workload, (rush,), 15) == 12


@pytest.mark.parametrize("skew", [0.0, 0.8, 1.0, 2.0])
def test_repeats_follow_zipf(skew: float) -> None:
    """The k-th latest record is repeated in proportion to k^-skew: a chi-square over twenty ranks, at one in a thousand."""
    size, draws = 20, 20_000
    found = Counter(rank(uniform, size, skew) for uniform in RandomStream(7, "zipf").column(draws).tolist())
    weights = np.arange(1, size + 1) ** -skew
    expected = draws * weights / weights.sum()
    statistic = sum((found[k] - expected[k]) ** 2 / expected[k] for k in range(size))
    assert statistic < chi2.ppf(0.999, size - 1)


@given(st.floats(0, 1, exclude_max=True), st.integers(1, 100), st.floats(0, 10))
def test_a_rank_is_one_of_the_window(uniform: float, size: int, skew: float) -> None:
    """Whatever the exponent; and a greater number never means a lower rank."""
    assert 0 <= rank(uniform, size, skew) < size
    assert rank(uniform / 2, size, skew) <= rank(uniform, size, skew)


def test_skewed_repeats_are_of_the_latest_records() -> None:
    """With a great exponent nearly every repeat is of the very latest record."""
    workload = Workload(records="", rate=10.0, agents={"eu": 1}, duplicates=0.5, skew=8.0)
    found = coming(workload, 200.0, 100_000, 3)
    latest, hits = -1, 0
    for arrival in found:
        latest = arrival.submission if arrival.fresh else latest
        hits += not arrival.fresh and arrival.submission == latest
    assert hits > 0.95 * sum(not arrival.fresh for arrival in found)


@pytest.mark.parametrize("moved", [{"acme": 2.0, "zeta": 1.0}, {"acme": 1.0, "zeta": 1.0, "nova": 1.0}])
def test_agents_are_shared_out_among_tenants(moved: dict[str, float]) -> None:
    """Each region's agents in the tenants' proportions, and every tenant has one where there are enough."""
    workload = Workload(records="", agents={"eu": 6, "us": 3}, tenants=moved)
    tenants = agent_tenants(workload)
    assert Counter(tenants[:6]) == {name: 6 * share / sum(moved.values()) for name, share in moved.items()}
    assert Counter(tenants[6:]) == {name: 3 * share / sum(moved.values()) for name, share in moved.items()}


@given(workloads, bursts, st.integers(0, 50), st.sampled_from([{"default": 1.0}, {"acme": 2.0, "zeta": 1.0}]))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_written_log_is_read_back(
    tmp_path: Path, workload: Workload, faults: tuple[Burst, ...], seed: int, tenants: dict[str, float]
) -> None:
    """The same records come at the same moments, to agents of the same regions and tenants; what came before is a repeat."""
    workload = replace(workload, tenants=tenants)
    before = coming(workload, 100.0, 60, seed, *faults)
    file = tmp_path / "log.csv"
    write(file, before, workload)
    after = coming(replace(workload, recorded=str(file)), 100.0, 60, seed)
    assert [(a.at, a.submission, a.fresh) for a in after] == [(a.at, a.submission, a.fresh) for a in before]
    homes, owners = agent_homes(workload.agents), agent_tenants(workload)
    assert [(homes[a.agent], owners[a.agent]) for a in after] == [(homes[a.agent], owners[a.agent]) for a in before]
    assert len({a.name for a in after}) == len(after)


LOG = "at,record,region\n0.5,0,eu\n1.0,1,us\n"


def test_agents_near_a_region_take_turns(tmp_path: Path) -> None:
    """Three records for two agents: the first has two of them. A record beyond the last begins again, as a repeat."""
    file = tmp_path / "log.csv"
    file.write_text("at,record,region\n0,0,eu\n1,1,eu\n2,5,eu\n3,2,us\n", encoding="utf-8")
    workload = Workload(records="", agents={"eu": 2, "us": 1}, recorded=str(file))
    found = coming(workload, 100.0, 5, 1)
    assert [(a.agent, a.submission, a.fresh) for a in found] == [
        (0, 0, True),
        (1, 1, True),
        (0, 0, False),
        (2, 2, True),
    ]
    assert len(coming(workload, 2.0, 5, 1)) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("at,record\n", "line 1: the column 'region' is missing; the first line names the columns"),
        ("", "line 1: the column 'at' is missing"),
        (LOG + "soon,1,eu\n", "line 4: at: 'soon' is not a number; write one"),
        (LOG + "inf,1,eu\n", "line 4: at: 'inf' is not a finite number; write one"),
        (LOG + "0.9,1,eu\n", "line 4: at: 0.9 is earlier than the line before; sort the file by time"),
        ("at,record,region\n-1,1,eu\n", "line 2: at: -1.0 is earlier than the run, which begins at 0"),
        (LOG + "2,-1,eu\n", "line 4: record: -1 is no number of a record; they are 0, 1, 2, ..."),
        (LOG + "2,1.5,eu\n", "line 4: record: 1.5 is no number of a record; they are 0, 1, 2, ..."),
        (LOG + "2,,eu\n", "line 4: record: '' is not a number; write one"),
        (LOG + "2\n", "line 4: record: None is not a number; write one"),
        (LOG + "2,1,ap\n", "line 4: no agent is near 'ap'; add one under workload.agents"),
        (
            "at,record,region,tenant\n2,1,eu,acme\n",
            "line 2: no agent of tenant 'acme' is near 'eu'; add one under workload.agents",
        ),
    ],
)
def test_a_log_that_cannot_be_used_is_told(tmp_path: Path, text: str, message: str) -> None:
    """The file, the line, the field and the fix."""
    file = tmp_path / "log.csv"
    file.write_text(text, encoding="utf-8")
    workload = Workload(records="", agents={"eu": 1, "us": 1}, recorded=str(file))
    with pytest.raises(UnusableInput, match=re.escape(f"{file}, {message}")):
        coming(workload, 100.0, 10, 1)


def test_a_log_that_cannot_be_read_or_written_is_told(tmp_path: Path) -> None:
    """A file that is not there, one that is no text, and a directory that is not there."""
    workload = Workload(records="", agents={"eu": 1}, recorded=str(tmp_path / "none.csv"))
    with pytest.raises(UnusableInput, match=r"none.csv: cannot be read as a log of arrivals"):
        coming(workload, 100.0, 10, 1)
    (tmp_path / "bytes.csv").write_bytes(b"at,record,region\n\xff")
    with pytest.raises(UnusableInput, match=r"bytes.csv: cannot be read as a log of arrivals"):
        coming(replace(workload, recorded=str(tmp_path / "bytes.csv")), 100.0, 10, 1)
    with pytest.raises(UnusableInput, match=r"log.csv: the arrivals cannot be written: .*; name a file in a directory"):
        write(tmp_path / "nowhere" / "log.csv", [], workload)


def test_agents_are_listed_by_home() -> None:
    """Two agents near eu and one near us are numbered in that order."""
    assert agent_homes({"eu": 2, "us": 1}) == ["eu", "eu", "us"]
