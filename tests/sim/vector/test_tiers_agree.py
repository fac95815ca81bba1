"""Both tiers say the same of a scenario: verdicts by the same rules, JSON with the same keys, quantiles as accurate as stated."""

from functools import cache
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flk.sim.api.result import RunResult
from flk.sim.api.runs import run
from flk.sim.api.vector_result import VectorResult
from flk.sim.reports import report, vector_terminal
from flk.sim.scenarios.builder import Draft, scenario
from flk.sim.vector.columns import ACCURACY, BINS, LEAST, bin_middle
from flk.sim.vector.jitted import latency_bin
from flk.sim.vector.run import _quantile, _within_error
from flk.spec.verdict import Verdict


def calm() -> Draft:
    """Two regions, records for four of five minutes, a link that is slow for a while."""
    draft = scenario("both", duration="5m").regions("eu", "us", agents=2).link("eu", "us", delay="40ms")
    draft = draft.workload(records="synthetic:200", rate=2, until="3m").policy(agent_fsync=0)
    return draft.fault("latency", "slow", start="1m", duration="30s", sides=[["eu"], ["us"]], extra="200ms")


OUTAGE = {"start": "1m", "duration": "2m"}
SCENARIOS = {
    "holds": (calm(), Verdict.HOLDS),
    "misses the latency": (calm().slo(latency_p95="10ms"), Verdict.VIOLATED),
    "misses the lag": (calm().slo(lag_p95="5s"), Verdict.VIOLATED),
    "does not converge in time": (
        calm().slo(convergence="20s", lag_p95="10m").fault("object_store_outage", "out", start="170s", duration="1s"),
        Verdict.VIOLATED,
    ),
    "ends too early to tell": (calm().workload(records="synthetic:2000", until="5m"), Verdict.UNDECIDED),
    "lags and heals": (calm().fault("object_store_outage", "out", **OUTAGE).slo(lag_p95="3m"), Verdict.HOLDS),
}


@cache
def both(name: str) -> tuple[RunResult, VectorResult]:
    """A scenario in either tier."""
    chosen = SCENARIOS[name][0].build()
    return run(chosen, progress=False), run(chosen, tier="vector", progress=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_the_verdict_is_the_same(name: str) -> None:
    """Met, missed and undecided, by objectives and by convergence."""
    message, vector = both(name)
    assert message.verdict is vector.verdict is SCENARIOS[name][1]
    for mine, theirs in zip(vector.objectives, message.objectives, strict=True):
        assert (mine.name, mine.meaning, mine.target, mine.verdict) == (
            theirs.name,
            theirs.meaning,
            theirs.target,
            theirs.verdict,
        )
        assert mine.measured == pytest.approx(theirs.measured, rel=ACCURACY)


def test_the_json_has_the_same_keys() -> None:
    """At every level that both fill; only `vector` is for one of them."""
    message, vector = both("holds")
    mine: Any = msgspec.json.decode(msgspec.json.encode(vector_terminal.facts(vector.run)))
    theirs: Any = msgspec.json.decode(msgspec.json.encode(report.facts(message.run)))
    assert list(mine) == list(theirs)
    assert (mine["tier"], theirs["tier"], theirs["vector"]) == ("vector", "message", None)
    for key in ("objectives", "invariants", "lag"):
        assert {tuple(row) for row in mine[key]} == {tuple(row) for row in theirs[key]}, key
    for key in ("counts", "costs", "goodput"):
        assert list(mine[key]) == list(theirs[key]), key
    assert mine["latency"].keys() == theirs["latency"].keys()
    for one, other in zip(mine["lag"], theirs["lag"], strict=True):
        assert [one["source"], one["target"], one["size"]] == [other["source"], other["target"], other["size"]]
        assert one["p95"] == pytest.approx(other["p95"], abs=1e-9)
    for key in ("scenario", "scenario_hash", "seed", "statuses", "losses", "recoveries", "hypotheses"):
        assert mine[key] == theirs[key], key


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(LEAST, 1000.0), min_size=1, max_size=80), st.sampled_from([0.5, 0.95, 0.99]))
def test_quantiles_are_as_accurate_as_stated(latencies: list[float], share: float) -> None:
    """Within `ACCURACY` of NumPy's quantile of the latencies themselves, relatively."""
    counts = np.bincount([latency_bin(seconds) for seconds in latencies], minlength=BINS)
    exact = float(np.quantile(latencies, share))
    assert abs(_quantile(np.cumsum(counts), share) - exact) <= ACCURACY * exact * (1 + 1e-9)
    assert abs(bin_middle(latency_bin(latencies[0])) - latencies[0]) <= ACCURACY * latencies[0]


def test_a_target_within_the_error_is_undecided() -> None:
    """What the error could turn into the other verdict is not decided."""
    assert _within_error(0.2, 0.2).censored
    assert _within_error(0.2005, 0.2).censored
    assert _within_error(0.1995, 0.2).censored
    assert not _within_error(0.21, 0.2).censored
    assert not _within_error(0.19, 0.2).censored
